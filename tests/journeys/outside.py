"""What runs beside the web in a journey, as processes of their own: the worker, and the invoice matcher."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django_rq
from django.conf import settings
from django.db import connection

from config import embedded
from config.places import Places
from handoffs.models import Workflow
from tests import factories

RUN = Path(settings.BASE_DIR) / "examples" / "invoices" / "run"
POLICY = RUN.parent / "policy.yaml"
PATIENCE_SECONDS = 60.0


def until(holds: Callable[[], Any], words: str) -> None:
    """Wait until something holds. Fails with `words`."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends, f"in {PATIENCE_SECONDS:.0f} s it did not come to this: {words}"
        time.sleep(0.02)


def queue_number() -> int:
    """A Valkey database of this test process's own, so that it rings no other one's worker."""
    return 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


@contextmanager
def worker(log: Path) -> Iterator[None]:
    """`manage.py work` on the database of the tests."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": f"postgres:///{Places.of(settings.DATA_DIR).run}/{connection.settings_dict['NAME']}",
        "PGUSER": embedded.ROLE,
        "REDIS_URL": f"{embedded.redis_url(settings.DATA_DIR)}?db={queue_number()}",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "work"], cwd=settings.BASE_DIR, env=environment, stdout=file, stderr=file
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def worker_is_idle() -> bool:
    """Whether every ring was heard and what it asked for is done."""
    queue = django_rq.get_queue("default")
    return not len(queue) and not queue.started_job_registry.get_job_ids(cleanup=False)


class InvoiceMatcher:
    """The example automation with files of its own."""

    def __init__(self, folder: Path, desk_url: str, workflow: Workflow) -> None:
        self.folder = folder
        self.environment = os.environ | {
            "DESK_URL": desk_url,
            "DESK_TOKEN": factories.token_of(factories.matcher()),
            "DESK_WEBHOOK_SECRET": workflow.callback_secret,
            "INVOICES_DIR": str(folder / "ledger"),
        }

    @contextmanager
    def running(self, *invoices: str) -> Iterator[None]:
        """At work on `invoices` (rows of INVOICE_COLUMNS); polls so rarely that only webhooks bring decisions."""
        (self.folder / "invoices.csv").write_text("\n".join([INVOICE_COLUMNS, *invoices]) + "\n")
        (self.folder / "orders.csv").write_text("\n".join([ORDER_COLUMNS, *ORDERS]) + "\n")
        files = ["--file", "invoices.csv", "--orders", "orders.csv"]
        with (self.folder / "matcher.log").open("ab") as log:
            process = subprocess.Popen(
                [RUN, *files, "--every", "0", "--poll", "3600"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


class Bot:
    """One of the other example automations, with a file of its own."""

    def __init__(
        self, example: str, folder: Path, desk_url: str, token: str, workflow: Workflow, columns: str, *options: str
    ) -> None:
        self.run = RUN.parents[1] / example / "run"
        self.folder, self.columns, self.options = folder, columns, options
        self.environment = os.environ | {
            "DESK_URL": desk_url,
            "DESK_TOKEN": token,
            "DESK_WEBHOOK_SECRET": workflow.callback_secret,
            f"{example.upper()}_DIR": str(folder / "books"),
        }

    @contextmanager
    def running(self, *lines: str) -> Iterator[None]:
        """At work on `lines` of its CSV."""
        (self.folder / "work.csv").write_text("\n".join([self.columns, *lines]) + "\n")
        command = [self.run, "--file", "work.csv", "--every", "0", *self.options]
        with (self.folder / "bot.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


INVOICE_COLUMNS = (
    "invoice_number,vendor,po_number,sku,description,quantity,unit_price,vendor_notes,vendor_desk_answer,vendor_desk_po"
)
ORDER_COLUMNS = "po_number,vendor,sku,description,quantity,unit_price"
ORDERS = ("PO-881,Acme Supplies,A,Pump seal,10,100.00", "PO-882,Acme Supplies,A,Pump seal,10,104.20")
