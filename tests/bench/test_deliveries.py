"""What one worker delivers in a second, alone and beside endpoints that are slow or dead."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from handoffs.actions import delivery
from handoffs.models import Delivery
from tests.bench.stage import many_handoffs
from tests.factories import CALLBACK, HandoffFactory

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
MESSAGES = int(os.environ.get("BENCH_DELIVERIES", "3000"))
IN_TROUBLE = 200
BUDGET_PER_SECOND = 300
COPY = """
INSERT INTO {table} ({columns}) SELECT {values} FROM (SELECT * FROM {table} ORDER BY id LIMIT 1) AS one,
generate_series(1, %(count)s) AS n
"""


@contextmanager
def receiver() -> Iterator[int]:
    """A receiver in a process of its own; its port."""
    command = [sys.executable, "-m", "tests.bench.echo"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=settings.BASE_DIR, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _decided(count: int) -> None:
    """So many handoffs, each with a decision, a recovery and a queued message."""
    HandoffFactory(resolved=True)
    many_handoffs(count)
    own = "md5('{table}' || n)::uuid"
    handoff = own.format(table="handoffs_handoff")
    for table in ("handoffs_decision", "handoffs_recovery", "handoffs_delivery"):
        values = {
            "id": own.format(table=table),
            "handoff_id": handoff,
            "decision_id": own.format(table="handoffs_decision"),
            "recovery_id": own.format(table="handoffs_recovery"),
        }
        columns = _columns(table)
        chosen = ", ".join(values.get(name, name) for name in columns)
        with connection.cursor() as cursor:
            cursor.execute(COPY.format(table=table, columns=", ".join(columns), values=chosen), {"count": count})


def _columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position",
            [table],
        )
        return [row[0] for row in cursor.fetchall()]


def _send_to(url: str, count: int) -> list[object]:
    """Let so many of the waiting messages go to `url`."""
    ids = list(Delivery.objects.filter(url=CALLBACK).values_list("pk", flat=True)[:count])
    Delivery.objects.filter(pk__in=ids).update(url=url, next_attempt_at=timezone.now())
    return ids


def _seconds_until(condition: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not condition():
        assert time.perf_counter() - began < 120
        time.sleep(0.05)
    return time.perf_counter() - began


def test_one_worker_delivers_enough_in_a_second(capsys):
    with receiver() as port:
        _decided(MESSAGES)
        _send_to(f"http://127.0.0.1:{port}/0", MESSAGES)
        Delivery.objects.filter(url=CALLBACK).update(state="parked", next_attempt_at=None, parked_reason="not here")
        began, worker = time.perf_counter(), time.process_time()
        assert delivery.drain(clock=timezone.now) == MESSAGES
        per_second, worker = MESSAGES / (time.perf_counter() - began), time.process_time() - worker
    with capsys.disabled():
        print(f"\n{MESSAGES} messages to one receiver: {per_second:,.0f}/s (budget {BUDGET_PER_SECOND}/s)")
        print(f"a message: {worker / MESSAGES * 1e6:,.0f} µs of the worker's processor time")
    assert Delivery.objects.filter(state="delivered").count() == MESSAGES


def test_a_slow_and_a_dead_endpoint_cost_the_others_next_to_nothing(capsys):
    good_count = MESSAGES // 3
    with receiver() as port, receiver() as slow, receiver() as dead:
        _decided(good_count + 2 * IN_TROUBLE)
        _send_to(f"http://127.0.0.1:{slow}/2", IN_TROUBLE)
        _send_to(f"http://127.0.0.1:{dead}/never", IN_TROUBLE)
        good = _send_to(f"http://127.0.0.1:{port}/0", good_count)
        Delivery.objects.filter(url=CALLBACK).update(state="parked", next_attempt_at=None, parked_reason="not here")
        worker = threading.Thread(target=_drain_once, daemon=True, name=f"worker-{uuid4().hex}")
        worker.start()
        took = _seconds_until(lambda: not Delivery.objects.filter(pk__in=good).exclude(state="delivered").exists())
        late = Delivery.objects.filter(state="queued").count()
        worker.join(timeout=90)
        assert not worker.is_alive()
    with capsys.disabled():
        print(f"\nbeside a slow and a dead endpoint: {good_count / took:,.0f}/s ({late} of theirs still waiting)")


def _drain_once() -> None:
    try:
        delivery.drain(clock=timezone.now)
    finally:
        connection.close()
