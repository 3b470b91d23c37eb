"""A whole desk under load whose database, web server or queue is taken away: what it acknowledged stays, once."""

import json
import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import redis

from config import embedded
from config.places import Places
from tests.faults.hour import Desk, processes, verify
from tests.faults.receivers import answering, receiver

pytestmark = pytest.mark.fault
ANSWERED_WITHIN_SECONDS = 5.0
"""The longest that it may take to say that the database is away."""
QUICK_SECONDS = 2.0
"""The longest that a request may take while the queue is in trouble."""
BACK_WITHIN_SECONDS = 60.0
REPORTS = 500
REPORTS_PER_BLOW = 30
DATA = {"vendor": "Acme", "amount": "120.00", "currency": "USD", "price_variance_percent": "0.1", "po_number": "PO-1"}
ATTEMPTS = """
import json
from django.db.models import Count
from handoffs.models import Attempt
kept = Attempt.objects.filter(case__reference__startswith="{prefix}")
print(json.dumps(list(kept.values_list("case__reference").annotate(Count("pk")))))
"""


@dataclass
class Answer:
    status: int
    seconds: float
    body: Any
    reference: str


@dataclass
class Load:
    """Reports with keys, each again with the same key until it is acknowledged, from several threads."""

    desk: Desk
    prefix: str
    callback_url: str = ""
    most: int = 100_000
    answers: list[Answer] = field(default_factory=list)
    acknowledged: dict[str, Any] = field(default_factory=dict)
    ending: threading.Event = field(default_factory=threading.Event)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        while (reference := self._next()) and not self.ending.is_set():
            key = f"hour-{uuid.uuid4()}"
            while reference not in self.acknowledged and not self.ending.is_set():
                answer = self.say(reference, key)
                if answer.status in (200, 201):
                    self.acknowledged[reference] = answer.body
                    self.desk.acknowledged[key] = answer.body["attempt"]
                elif answer.status in (0, 503):
                    time.sleep(0.2)
                else:
                    return

    def say(self, reference: str, key: str) -> Answer:
        body = {"workflow": "invoice-matching", "reference": reference, "data": DATA}
        if self.callback_url:
            asked = {"request_handoff": {"reason": "a fault"}, "callback_url": self.callback_url}
            body |= asked
        token, began = self.desk.demo["tokens"]["invoice-matcher"], time.monotonic()
        status, told = self.desk.ask("POST", "/api/v1/cases/", token, body, **{"Idempotency-Key": key})
        answer = Answer(status=status, seconds=time.monotonic() - began, body=told, reference=reference)
        self.answers.append(answer)
        return answer

    @property
    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}

    def _next(self) -> str:
        with self._lock:
            self._number += 1
            return f"{self.prefix}-{self._number}" if self._number <= self.most else ""


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = Desk(folder=tmp_path_factory.mktemp("whole") / "desk", port=port)
    running.start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def what_must_hold(desk) -> Iterator[None]:
    """After every fault the desk is ready again by itself, and what must hold holds."""
    yield
    _wait(lambda: desk.ask("GET", "/readyz", "")[0] == 200, BACK_WITHIN_SECONDS)
    _wait(lambda: verify(desk) == [], BACK_WITHIN_SECONDS, or_say=lambda: verify(desk))


@contextmanager
def _under(load: Load, *, threads: int = 4) -> Iterator[None]:
    running = [threading.Thread(target=load.run, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        load.ending.set()
        for thread in running:
            thread.join(timeout=40)


def _wait(condition: Callable[[], bool], seconds: float, *, or_say: Callable[[], Any] = lambda: "") -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"not within {seconds} s: {or_say()}"
        time.sleep(0.1)


def _more(load: Load, count: int) -> Callable[[], bool]:
    """Whether so many more were acknowledged than when this was asked."""
    before = len(load.acknowledged)
    return lambda: len(load.acknowledged) >= before + count


def _attempts(desk: Desk, prefix: str) -> dict[str, int]:
    told = desk.manage("shell", "-v", "0", "-c", ATTEMPTS.format(prefix=prefix))
    return dict(json.loads(told.stdout.strip().splitlines()[-1]))


def _web(desk: Desk) -> list[int]:
    """The processes that answer: gunicorn's workers, without the one that minds them."""
    found = [pid for pid, words in processes(desk) if "gunicorn" in words]
    return sorted(pid for pid in found if _parent(pid) in found)


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it was quicker


@contextmanager
def _attempts_cannot_be_written(desk: Desk) -> Iterator[psycopg.Connection[Any]]:
    """Every report stops in the middle of its transaction until this ends."""
    where = embedded.database_settings(desk.folder)
    with psycopg.connect(host=where["HOST"], dbname=where["NAME"], user=where["USER"]) as other:
        other.execute("LOCK TABLE handoffs_attempt IN SHARE MODE")
        yield other


def test_a_database_that_is_killed_under_load_loses_nothing_that_was_acknowledged(desk):
    load = Load(desk, prefix="DB")
    with _under(load):
        for _ in range(3):
            _wait(_more(load, 40), BACK_WITHIN_SECONDS)
            _kill(int((Places.of(desk.folder).cluster / "postmaster.pid").read_text().split()[0]))
        _wait(_more(load, 40), BACK_WITHIN_SECONDS)
    refused = [answer for answer in load.answers if answer.status == 503]
    assert refused, "nobody met the fault, so nothing was shown"
    assert (load.statuses, {answer.body["code"] for answer in refused}) == (
        {201, 200, 503} & load.statuses,
        {"database_unavailable"},
    )
    assert max(answer.seconds for answer in refused) < ANSWERED_WITHIN_SECONDS
    stored = _attempts(desk, "DB-")
    assert {reference for reference in load.acknowledged if stored.get(reference) != 1} == set()


@contextmanager
def _no_connection_left(desk: Desk) -> Iterator[None]:
    """The database answers everybody new that it has too many clients already, the desk's own processes too."""
    where = embedded.database_settings(desk.folder)
    with ExitStack() as held:
        refusals = 0
        while refusals < 20:
            try:
                other = psycopg.connect(host=where["HOST"], dbname=where["NAME"], user=where["USER"])
                held.enter_context(other)
            except psycopg.OperationalError:
                refusals += 1
                time.sleep(0.05)
        yield


def test_a_database_without_a_free_connection_is_told_to_callers_and_the_desk_comes_back(desk):
    load = Load(desk, prefix="FULL")
    for pid in _web(desk):
        _kill(pid)  # who follows has no connection yet, but for what the examples ask before none is left
    with _no_connection_left(desk), _under(load):
        _wait(lambda: 503 in load.statuses, BACK_WITHIN_SECONDS)
    refused = [answer for answer in load.answers if answer.status == 503]
    assert {answer.body["code"] for answer in refused} == {"database_unavailable"}
    assert load.statuses <= {0, 200, 201, 503}
    assert max(answer.seconds for answer in refused) < ANSWERED_WITHIN_SECONDS
    after = Load(desk, prefix="FREE")
    with _under(after):
        _wait(_more(after, 40), BACK_WITHIN_SECONDS)


def test_a_report_whose_process_is_killed_in_the_middle_is_one_attempt_when_it_is_repeated(desk):
    load, key, told = Load(desk, prefix="MID"), f"hour-{uuid.uuid4()}", []
    thread = threading.Thread(target=lambda: told.append(load.say("MID-1", key)))
    with _attempts_cannot_be_written(desk) as other:
        thread.start()
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'handoffs_attempt'::regclass"
        _wait(lambda: other.execute(blocked).fetchone()[0] > 0, BACK_WITHIN_SECONDS)
        for pid in _web(desk):
            _kill(pid)
        thread.join(timeout=30)
    assert [answer.status for answer in told] == [0]
    _wait(lambda: load.say("MID-1", key).status in (200, 201), BACK_WITHIN_SECONDS)
    again = load.say("MID-1", key)
    assert (again.body, _attempts(desk, "MID-")) == (load.answers[-2].body, {"MID-1": 1})


def test_500_reports_while_web_processes_are_killed_are_500_attempts(desk):
    load = Load(desk, prefix="WEB", most=REPORTS)
    with _under(load, threads=8):
        while left := REPORTS - len(load.acknowledged):
            _wait(_more(load, min(REPORTS_PER_BLOW, left)), BACK_WITHIN_SECONDS)
            if found := _web(desk):
                _kill(random.choice(found))
            assert load.statuses <= {0, 200, 201, 503}
    assert 0 in load.statuses, "nothing was interrupted, so nothing was shown"
    assert _attempts(desk, "WEB-") == {f"WEB-{number}": 1 for number in range(1, REPORTS + 1)}


@pytest.mark.parametrize("trouble", ["full", "flushed"])
def test_a_queue_that_is_full_or_loses_everything_delays_no_request_and_no_delivery(desk, trouble):
    queue = redis.Redis.from_url(embedded.redis_url(desk.folder))
    with receiver(answering()) as there:
        load = Load(desk, prefix=f"Q-{trouble}", callback_url=there.url())
        if trouble == "full":
            queue.config_set("maxmemory", 1)
        for number in range(40):
            assert load.say(f"Q-{trouble}-{number}", f"hour-{uuid.uuid4()}").status == 201
            if trouble == "flushed":
                queue.flushall()
        decided = [_decide(desk, answer.body["handoff"]) for answer in load.answers]
        if trouble == "flushed":
            queue.flushall()
        took = [answer.seconds for answer in load.answers] + [seconds for _, seconds in decided]
        assert ({status for status, _ in decided}, [each for each in took if each > QUICK_SECONDS]) == (
            {200},
            [],
        )
        _wait(lambda: len(_told(there)) >= len(decided), BACK_WITHIN_SECONDS, or_say=lambda: len(_told(there)))
    queue.config_set("maxmemory", "64mb")
    queue.close()
    assert _told(there) == {answer.body["handoff"]["id"] for answer in load.answers}


def _decide(desk: Desk, handoff: dict[str, Any]) -> tuple[int, float]:
    person = next(one for one in desk.demo["users"] if one.get("token") and handoff["role"] in one["roles"])
    began, path = time.monotonic(), f"/api/v1/handoffs/{handoff['id']}"
    status, _ = desk.ask("POST", f"{path}/accept/", person["token"], {})
    assert status == 200
    choice = {"outcome": handoff["outcomes"][0]["key"], "reason": "x", "context_digest": handoff["context_digest"]}
    status, _ = desk.ask("POST", f"{path}/decide/", person["token"], choice)
    return status, (time.monotonic() - began) / 2


def _told(there) -> set[str]:
    """Of which handoffs the receiver was told that they are resolved."""
    messages = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in list(there.requests)]
    return {told["data"]["id"] for told in messages if told["type"] == "handoff.resolved"}
