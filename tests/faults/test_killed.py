"""Processes that are killed or frozen in the middle of their work: others take over, and nothing is done twice."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from handoffs.actions import batches, delivery
from handoffs.models import Delivery, Handoff, Recovery
from handoffs.queries.invariants import violations
from tests.factories import HandoffFactory, matcher, report, workflow
from tests.faults.receivers import receiver
from tests.policies import invoice_matching

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
NO_QUEUE = "unix:///nowhere/valkey.sock"
START_SECONDS = 180
"""A process takes a second to start, or a minute on a busy machine; that is no part of what is promised."""
TAKEN_OVER_SECONDS = 75
SWEEP_TAKEN_OVER_SECONDS = 30


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """What the test starts, ended with it by pid."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []


def _manage(processes, *command) -> subprocess.Popen[bytes]:
    """A command of the desk on the database of the test, without a queue."""
    facts = connection.settings_dict
    database = f"postgres://{facts['USER']}@/{facts['NAME']}?host={quote(str(facts['HOST']), safe='/')}"
    environment = os.environ | {
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "HANDOFFS_ALLOW_PRIVATE_WEBHOOKS": "true",
        "HANDOFFS_IDLE_TRANSACTION_TIMEOUT": "15s",
        "REDIS_URL": NO_QUEUE,
    }
    process = subprocess.Popen([sys.executable, "manage.py", *command], cwd=settings.BASE_DIR, env=environment)
    processes.append(process)
    return process


def _wait(condition, seconds) -> float:
    """How long it took until the condition held; fails where it never did."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - started


def _header(request: bytes, name: str) -> str:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name}:"))


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_worker_that_is_gone_while_it_sends_is_followed_by_another_with_the_same_message_id(processes, blow):
    let_go = threading.Event()

    def answer(sock: socket.socket) -> None:
        if let_go.is_set():
            sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            let_go.wait(START_SECONDS)

    with receiver(answer) as running:
        target = workflow()
        target.allowed_hosts = [f"127.0.0.1:{running.port}"]
        target.save()
        HandoffFactory(resolved=True, callback_url=running.url())
        first = _manage(processes, "work")
        _wait(lambda: running.requests, START_SECONDS)
        first.send_signal(blow)
        let_go.set()
        _manage(processes, "work")
        _wait(lambda: Delivery.objects.get().state == "delivered", TAKEN_OVER_SECONDS)
    ids = [_header(request, "webhook-id") for request in running.requests]
    assert ids == [Delivery.objects.get().webhook_id] * 2
    assert (Recovery.objects.get().state, Delivery.objects.get().attempts_made) == ("delivered", 1)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_a_sweep_that_is_gone_is_followed_by_another(processes, blow):
    count = _opened_two_hours_ago(batches_count=4)
    first = _manage(processes, "sweep", "--every", "0.2")
    _wait(lambda: Handoff.objects.filter(escalation_level=1).exists(), START_SECONDS)
    first.send_signal(blow)
    assert Handoff.objects.filter(escalation_level=0).exists(), "it had done everything, so nothing was shown"
    second = _manage(processes, "sweep", "--every", "0.2")
    _wait(lambda: not Handoff.objects.filter(escalation_level=0).exists(), SWEEP_TAKEN_OVER_SECONDS)
    escalations = Handoff.history.filter(event="escalated").count()
    assert second.poll() is None
    assert (escalations, {each.escalation_level for each in Handoff.objects.all()}) == (count, {1})


def _opened_two_hours_ago(*, batches_count: int) -> int:
    """More handoffs than a sweep fires at once, each with an escalation that is due; how many."""
    workflow(context={**invoice_matching()["context"], "require": {"fields": ["data.amount"]}})
    then = timezone.now() - timedelta(hours=2, seconds=5)
    for _ in range(batches_count):
        batches.receive_many([report(document_ids=()) for _ in range(500)], automation=matcher(), now=then)
    return Handoff.objects.count()
