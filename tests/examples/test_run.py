"""The program as it is run: killed between payment and receipt, started twice, used wrongly."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from invoices.ledger import Ledger

from tests.examples.conftest import EXAMPLES
from tests.examples.stand_in_desk import SECRET, TOKEN, StandInDesk, signed

RUN = EXAMPLES / "invoices" / "run"
CSV = (
    "invoice,vendor,po,sku,qty,price\n"
    'INV-1,Acme,PO-1,A,1,100.00\nINV-2,Acme,PO-2,A,10,620.00\nINV-3,"=cmd|\' /C",,A,1,5000\nINV-4,Acme,PO-4,A,1,102\n'
)
ORDERS = "po,vendor,sku,qty,price\nPO-1,Acme,A,1,100.00\nPO-2,Acme,A,10,595.00\nPO-4,Acme,A,1,100\n"


class Folder:
    """A working folder with two files, the environment for the program, and its ledger."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        (path / "my.csv").write_text(CSV)
        (path / "po.csv").write_text(ORDERS)
        self.environment = os.environ | {
            "DESK_URL": url,
            "DESK_TOKEN": TOKEN,
            "DESK_WEBHOOK_SECRET": SECRET,
            "INVOICES_DIR": str(path / "ledger"),
        }
        self.options = ["--file", "my.csv", "--orders", "po.csv", "--every", "0"]

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.path / "ledger" / "ledger.sqlite3")

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [RUN, *options],
            cwd=self.path,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        with (self.path / "log").open("ab") as log:
            process = subprocess.Popen(
                [RUN, *self.options], cwd=self.path, env=self.environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def paid(self) -> list[str]:
        with self.ledger.books() as books:
            return [payment["number"] for payment in books.payments()]

    def is_waiting_for_two(self) -> bool:
        with self.ledger.books() as books:
            return books.waiting_count() == 2

    def hook(self, handoff: dict[str, object]) -> int:
        import json

        with self.ledger.books() as books:
            port = books.fact("port")
        body = json.dumps({"type": "handoff.resolved", "data": handoff}).encode()
        headers = signed(body, webhook_id="msg_1", at=datetime.now(UTC))
        return requests.post(f"http://127.0.0.1:{port}/hooks/desk", data=body, headers=headers, timeout=10).status_code


@pytest.fixture
def folder(tmp_path: Path, stand_in: StandInDesk) -> Folder:
    return Folder(tmp_path, stand_in.url)


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends, "it did not come to that in 30 s"
        time.sleep(0.05)


def test_killed_between_payment_and_receipt_it_pays_once_and_posts_the_receipt_after_the_restart(
    folder: Folder, stand_in: StandInDesk
) -> None:
    stand_in.hold_receipts.clear()
    with folder.running() as process:
        until(lambda: (folder.path / "ledger").exists() and folder.is_waiting_for_two())
        assert folder.hook(stand_in.decide("INV-2", "approve_and_pay")) == 200
        until(lambda: len(stand_in.receipts) == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "INV-2" in folder.paid()
    stand_in.hold_receipts.set()
    with folder.running():
        until(lambda: len(stand_in.receipts) == 2)
        assert folder.hook(stand_in.of("INV-2")) == 200
    assert stand_in.receipts[0] == stand_in.receipts[1]
    assert sorted(folder.paid()) == ["INV-1", "INV-2", "INV-4"]
    assert len({key for key, _ in stand_in.posts}) == len(stand_in.posts) == 4


def test_killed_before_the_webhook_it_finds_the_decision_by_polling(folder: Folder, stand_in: StandInDesk) -> None:
    with folder.running():
        until(lambda: (folder.path / "ledger").exists() and folder.is_waiting_for_two())
    stand_in.decide("INV-2", "reject")
    with folder.running():
        until(lambda: len(stand_in.receipts) == 1)
    assert stand_in.receipts[0][1]["status"] == "rolled_back"


def test_once_reports_everything_and_exits_and_the_ledger_can_be_printed(folder: Folder, stand_in: StandInDesk) -> None:
    done = folder.run(*folder.options, "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(stand_in.posts) == 4
    printed = folder.run("--ledger").stdout
    assert "4 invoices: 2 waiting, 2 paid; 2 payments stand." in printed
    assert folder.run(*folder.options, "--once").returncode == 0
    assert len(stand_in.posts) == 4


def test_it_stops_cleanly_when_asked_to(folder: Folder) -> None:
    with folder.running() as process:
        until(lambda: (folder.path / "ledger").exists() and folder.is_waiting_for_two())
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_two_at_once_are_refused(folder: Folder) -> None:
    with folder.running():
        until(lambda: (folder.path / "ledger").exists() and folder.is_waiting_for_two())
        second = folder.run(*folder.options, "--once")
    assert (second.returncode, second.stderr.count("another matcher is at work")) == (2, 1)


@pytest.mark.parametrize(
    ("options", "environment", "status", "words"),
    [
        (["--once"], {"DESK_URL": ""}, 2, "DESK_URL must be set"),
        (["--once"], {"DESK_URL": "localhost:8000"}, 2, "must start with http://"),
        (["--once"], {"DESK_TOKEN": "wrong"}, 1, "refused the token"),
        (["--once"], {"DESK_WEBHOOK_SECRET": "whsec_"}, 2, "DESK_WEBHOOK_SECRET is not a secret"),
        (["--once", "--file", "none.csv"], {}, 2, "none.csv: No such file"),
        (["--orders", "po.csv"], {}, 2, "--orders and --vendors go with --file"),
        (["--file", "my.csv", "--map", "oops"], {}, 2, "--map takes NAME=COLUMN"),
        (["--every", "-1"], {}, 2, "must be between 0 and 86400"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    folder: Folder, options: list[str], environment: dict[str, str], status: int, words: str
) -> None:
    done = folder.run(*options, **environment)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_check_matches_without_a_desk(folder: Folder) -> None:
    printed = folder.run("--check", *folder.options, DESK_URL="").stdout.splitlines()
    assert printed[0] == "INV-1  Acme  100.00 USD  matches"
    assert "620.00 against 595.00" in printed[1]


def test_it_imports_nothing_of_the_desk() -> None:
    code = (
        "import sys, invoices.cli; print([m for m in ('django', 'handoffs', 'accounts', 'config') if m in sys.modules])"
    )
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(EXAMPLES)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr
