"""One dead receiver among many good ones: the good ones hear at once, while the dead one is still waited for."""

import threading
import time
from contextlib import ExitStack

import pytest
from django.db import connection
from django.utils import timezone

from handoffs.actions import delivery
from handoffs.models import Delivery
from handoffs.queries.invariants import violations
from tests.factories import HandoffFactory, workflow
from tests.faults.receivers import answering, receiver

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
GOOD = 99
PATIENCE_SECONDS = 120


def test_one_dead_receiver_among_99_good_ones_keeps_none_of_them_waiting():
    let_go = threading.Event()
    with ExitStack() as running:
        dead = running.enter_context(receiver(lambda sock: let_go.wait(PATIENCE_SECONDS)))
        good = [running.enter_context(receiver(answering(204, b""))) for _ in range(GOOD)]
        target = workflow()
        target.allowed_hosts = [f"127.0.0.1:{there.port}" for there in [dead, *good]]
        target.save()
        for there in [dead, *good, dead, dead]:
            HandoffFactory(resolved=True, callback_url=there.url())
        worker = threading.Thread(target=_drain, name="worker")
        worker.start()
        done = Delivery.objects.filter(state="delivered")
        _wait(lambda: done.count() == GOOD)
        tries = Delivery.objects.exclude(state="delivered").values_list("attempts_made", flat=True)
        assert list(tries) == [0, 0, 0], "the dead one had been given up, so nothing was shown"
        let_go.set()
        worker.join(timeout=PATIENCE_SECONDS)
    assert [len(there.requests) for there in good] == [1] * GOOD
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []


def _drain():
    try:
        delivery.drain(clock=timezone.now)
    finally:
        connection.close()


def _wait(condition):
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.05)
