"""What the sweep costs: it follows what is due, not what is open. Compared within one run, as machines differ."""

import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from handoffs import jobs
from handoffs.actions import escalation
from handoffs.models import Handoff
from tests.bench.stage import many_handoffs
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
OPEN = int(os.environ.get("BENCH_OPEN", "20000"))
DUE = int(os.environ.get("BENCH_DUE", "1000"))
AT_MOST_TIMES = 2.0
"""Among a hundred times as many that are open, the same work may take so much longer, and no more."""


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _make_due(count: int) -> None:
    """Let the first reminder of `count` of them be due now."""
    waiting = Handoff.objects.filter(steps_done=[]).order_by("number")
    past = timezone.now() - timedelta(minutes=61)
    ids = list(waiting.values_list("pk", flat=True)[:count])
    Handoff.objects.filter(pk__in=ids).update(clock_started_at=past, next_step_at=past + timedelta(hours=1))


def _fire_due() -> int:
    fired = 0
    while ids := escalation.due_ids(now=timezone.now(), limit=escalation.BATCH_ROWS):
        fired += escalation.fire_many(ids, now=timezone.now())
    return fired


def _seconds_for_due(open_count: int) -> float:
    """How long DUE steps take in a fresh database with so many that are open."""
    call_command("flush", interactive=False, verbosity=0)
    HandoffFactory(opened_ago=timedelta(minutes=1))
    many_handoffs(open_count)
    _make_due(DUE)
    began = time.perf_counter()
    assert _fire_due() == DUE
    return time.perf_counter() - began


def test_due_steps_among_many_open_cost_what_they_cost_among_few(capsys):
    among_few, among_many = _seconds_for_due(DUE), _seconds_for_due(OPEN)
    with capsys.disabled():
        print(f"\n{DUE} due among {DUE} open: {DUE / among_few:,.0f} steps/s")
        print(f"{DUE} due among {OPEN} open: {DUE / among_many:,.0f} steps/s")
    assert among_many <= AT_MOST_TIMES * among_few


def test_an_idle_pass_reads_the_index_of_what_is_due(capsys):
    HandoffFactory(opened_ago=timedelta(minutes=1))
    jobs.sweep()
    few = min(_seconds(jobs.sweep) for _ in range(10))
    many_handoffs(OPEN)
    many = min(_seconds(jobs.sweep) for _ in range(10))
    with capsys.disabled():
        print(f"\nidle pass: {few * 1000:.1f} ms among 1 open, {many * 1000:.1f} ms among {OPEN}")
    plan = (
        Handoff.objects.step_due(timezone.now()).order_by("next_step_at").values_list("pk", flat=True)[:200].explain()
    )
    assert "steps_due" in plan
    assert many <= AT_MOST_TIMES * few
