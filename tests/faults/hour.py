"""A desk with its example automations under random kills: `python -m tests.faults.hour --minutes 60 --port 9180`.

Starts a desk of its own as `make run` does, keeps reporting and deciding over HTTP, and every few seconds kills,
freezes or empties something that belongs to it. Then it lets the desk settle and asks what must hold: the invariants,
the trails, every acknowledged report exactly one attempt, every decided invoice carried out once and answered.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from config import embedded

ROOT = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 150
ANSWER_SECONDS = 600
OF_TESTS = frozenset(
    [
        *("DJANGO_SETTINGS_MODULE", "HANDOFFS_TEST_DIR", "SECRET_KEY"),
        *("EMAIL_URL", "LOG_LEVEL", "HANDOFFS_IDLE_TRANSACTION_TIMEOUT"),
    ]
)
READY_SECONDS = 240


@dataclass
class Desk:
    """One `make run` in a folder of its own, and what was asked of it."""

    folder: Path
    port: int
    acknowledged: dict[str, Any] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    leaving: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        command = [sys.executable, "-m", "config.supervisor"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment())
        _wait(lambda: (self.folder / "demo.json").exists() and self.ask("GET", "/readyz", "")[0] == 200, READY_SECONDS)
        self.demo = json.loads((self.folder / "demo.json").read_text())

    def ask(self, method: str, path: str, token: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and body; 0 where no answer came."""
        sent = None if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", sent, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, _problem(error)
        except (OSError, ValueError, http.client.HTTPException):
            return 0, None

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "manage.py", *command]
        environment = self._environment() | {"LOG_LEVEL": "ERROR"}
        return subprocess.run(line, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)

    def _environment(self) -> dict[str, str]:
        """This one's, without what tests set for themselves: the desk stands on services of its own."""
        kept = {name: value for name, value in os.environ.items() if name not in OF_TESTS}
        return kept | {"DATA_DIR": str(self.folder), "PORT": str(self.port), "PAST": "0"}

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=90)


def report(desk: Desk) -> None:
    """Report cases with a key each, again and again with the same key until the desk acknowledges it."""
    token, number = desk.demo["tokens"]["invoice-matcher"], 0
    while not desk.leaving.is_set():
        number += 1
        key = f"hour-{uuid.uuid4()}"
        data = {"vendor": "Acme", "amount": "120.00", "currency": "USD", "price_variance_percent": "0.1"}
        body = {"workflow": "invoice-matching", "reference": f"HOUR-{key[-12:]}", "data": data}
        while not desk.leaving.is_set():
            status, answer = desk.ask("POST", "/api/v1/cases/", token, body, **{"Idempotency-Key": key})
            desk.told[f"report {status}"] += 1
            if status in (200, 201):
                desk.acknowledged[key] = answer["attempt"]
                break
            if 400 <= status < 500 and status != 429:
                raise AssertionError(f"the report was refused with {status}")
            time.sleep(0.2)
        time.sleep(0.1)


def decide(desk: Desk) -> None:
    """Work as the people of the demo do: take what is due next, and choose an outcome."""
    people = [one for one in desk.demo["users"] if one.get("token")]
    while not desk.leaving.is_set():
        person = random.choice(people)
        status, handoff = desk.ask("POST", "/api/v1/handoffs/take-next/", person["token"], {})
        if status == 200:
            outcome = random.choice(handoff["outcomes"])["key"]
            choice = {"outcome": outcome, "context_digest": handoff["context_digest"], "reason": "By the hour of kills"}
            status, _ = desk.ask("POST", f"/api/v1/handoffs/{handoff['id']}/decide/", person["token"], choice)
            desk.told[f"decide {status}"] += 1
        time.sleep(0.5)


def processes(desk: Desk) -> Iterator[tuple[int, str]]:
    """Pid and command of everything that belongs to this desk: its children, and what names its folders."""
    home = (desk.folder / "services.path").read_text().strip() if (desk.folder / "services.path").exists() else None
    parents = {}
    commands = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
    marks = [mark for mark in (str(desk.folder), home) if mark]
    ours = {pid for pid, words in commands.items() if any(mark in words for mark in marks)}
    ours |= {pid for pid in parents if _descends(pid, desk.process.pid, parents)}
    for pid in ours - {desk.process.pid, os.getpid()}:
        yield pid, commands[pid]


def strike(desk: Desk) -> str:
    """Kill or freeze one process, or empty the queue; says what was done."""
    if random.random() < 0.1:
        return _flush(desk)
    found = [(pid, words) for pid, words in processes(desk) if words.strip() and "tests.faults.hour" not in words]
    pid, words = random.choice(found)
    name = next((word for word in KINDS if word in words), words[:30])
    try:
        if random.random() < 0.25:
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(random.uniform(1, 8), _go_on, [pid]).start()
            return f"froze {name}"
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return "too late"
    return f"killed {name}"


KINDS = (
    *("gunicorn", "manage.py work", "manage.py sweep", "config.keeper", "postgres", "valkey"),
    *("invoices", "transfers", "refunds"),
)


def verify(desk: Desk) -> list[str]:
    """What does not hold, in sentences."""
    found = []
    for command in ("check_invariants", "verify_audit"):
        outcome = desk.manage(command)
        if outcome.returncode:
            found.append(f"{command}: {outcome.stderr.strip()[-1500:]}")
    attempts, keys = told_by(desk, _COUNT)
    if attempts != keys or keys < len(desk.acknowledged):
        found.append(f"{len(desk.acknowledged)} reports acknowledged, {attempts} attempts with {keys} keys stored")
    return [*found, *unanswered(desk), *_ledger(desk.folder / "invoices" / "ledger.sqlite3")]


def told_by(desk: Desk, program: str) -> Any:
    """What a program in the desk's shell prints as its last line."""
    return json.loads(desk.manage("shell", "-v", "0", "-c", program).stdout.strip().splitlines()[-1])


def unanswered(desk: Desk) -> list[str]:
    """Decisions on the matcher's invoices that it did not carry out, or whose receipt the desk has not."""
    with sqlite3.connect(desk.folder / "invoices" / "ledger.sqlite3") as books:
        invoices = {number for (number,) in books.execute("SELECT number FROM invoices")}
        paid = {number for (number,) in books.execute("SELECT number FROM payments WHERE reversed_at IS NULL")}
        receipts = {(handoff, at): status for handoff, at, status in books.execute(_RECEIPTS)}
    found = []
    for number, handoff, at, outcome, state in told_by(desk, _DECIDED):
        status = receipts.get((handoff, at))
        if number not in invoices or (status is not None and state == status):
            if status == "applied" and (outcome == "approve_and_pay") != (number in paid):
                found.append(f"{number}: decided {outcome}, and {'paid' if number in paid else 'not paid'}")
        else:
            found.append(f"{number}: decided {outcome} at {at}, carried out {status}, known as {state}")
    return found


_RECEIPTS = "SELECT handoff_id, decided_at, status FROM receipts"
_DECIDED = """
import json
from datetime import UTC
from handoffs.models import Recovery
latest = Recovery.objects.filter(handoff__workflow__key="invoice-matching", handoff__state="resolved")
latest = latest.order_by("handoff", "-decision__decided_at", "-created_at").distinct("handoff")
said = latest.values_list("handoff__case__reference", "handoff", "decision__decided_at", "decision__outcome", "state")
print(json.dumps([
    [number, str(handoff), at.astimezone(UTC).isoformat(timespec="microseconds"), outcome, state]
    for number, handoff, at, outcome, state in said
]))
"""
_COUNT = """
import json
from handoffs.models import Attempt
kept = Attempt.objects.filter(idempotency_key__startswith="hour-")
print(json.dumps([kept.count(), kept.values("idempotency_key").distinct().count()]))
"""


def _ledger(path: Path) -> list[str]:
    with sqlite3.connect(path) as books:
        silent = books.execute(
            "SELECT count(*) FROM receipts WHERE acknowledged_at IS NULL AND complaint = ''"
        ).fetchone()
        twice = books.execute("SELECT count(*) - count(DISTINCT number) FROM payments").fetchone()
        unreported = books.execute(
            "SELECT count(*) FROM attempts WHERE reported_at IS NULL AND number IN"
            " (SELECT number FROM invoices WHERE next_cause IS NULL AND state = 'waiting')"
        ).fetchone()
    names = ("receipts that the desk never acknowledged", "invoices paid twice", "waiting invoices never reported")
    return [f"{count} {name}" for (count,), name in zip((silent, twice, unreported), names, strict=True) if count]


def _problem(error: urllib.error.HTTPError) -> Any:
    try:
        return json.loads(error.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _flush(desk: Desk) -> str:
    try:
        redis.Redis.from_url(embedded.redis_url(desk.folder), socket_timeout=2).flushall()
    except redis.RedisError:
        return "the queue did not answer"
    return "flushed the queue"


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid > 1:
        if pid == ancestor:
            return True
        pid = parents[pid]
    return False


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"not within {seconds} s")
        time.sleep(0.5)


def _wait_for_answers(desk: Desk) -> None:
    """Let what was struck come to an end: a message that met a dead receiver is tried again after minutes."""
    until = time.monotonic() + ANSWER_SECONDS
    time.sleep(SETTLE_SECONDS / 2)
    while unanswered(desk) and time.monotonic() < until:
        time.sleep(15)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--every", type=float, default=6, help="seconds between blows")
    options.add_argument("--port", type=int, default=9180)
    options.add_argument("--folder", type=Path, default=Path(f"/tmp/recovery-hour-{os.getpid()}"))
    options.add_argument("--seed", type=int, default=None)
    chosen = options.parse_args()
    random.seed(chosen.seed)
    desk = Desk(folder=chosen.folder, port=chosen.port)
    desk.start()
    workers = [threading.Thread(target=act, args=[desk], daemon=True) for act in (report, report, decide, decide)]
    for worker in workers:
        worker.start()
    blows: Counter[str] = Counter()
    ends_at = time.monotonic() + chosen.minutes * 60
    while time.monotonic() < ends_at:
        time.sleep(random.uniform(0.5, 1.5) * chosen.every)
        blows[strike(desk)] += 1
    desk.leaving.set()
    for worker in workers:
        worker.join(timeout=30)
    print("blows:", dict(blows), "\nanswers:", dict(desk.told), flush=True)
    _wait(lambda: desk.ask("GET", "/readyz", "")[0] == 200, SETTLE_SECONDS)
    _wait_for_answers(desk)
    problems = verify(desk)
    desk.stop()
    if not problems:
        shutil.rmtree(chosen.folder, ignore_errors=True)
    print("\n".join(problems) or f"All holds: {len(desk.acknowledged)} reports, {blows.total()} blows.", flush=True)
    raise SystemExit(bool(problems))


if __name__ == "__main__":
    main()
