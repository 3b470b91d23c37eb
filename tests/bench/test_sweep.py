"""What the sweep costs: it follows what is due, not what is open. Compared within one run, as machines differ."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from handoffs import jobs
from handoffs.actions import escalation
from handoffs.models import Handoff
from tests.bench.stage import many_handoffs
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
OPEN = int(os.environ.get("BENCH_OPEN", "20000"))
DUE = int(os.environ.get("BENCH_DUE", "1000"))
BUDGET_PER_SECOND = 2_000
BUDGET_IDLE_MS = 5
AT_MOST_TIMES = 2.0
"""Among a hundred times as many that are open, the same work may take so much longer, and no more."""


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _make_due(count: int) -> None:
    """Let the first reminder of `count` of them be due now, as if they had been opened an hour and a minute ago."""
    ids = list(Handoff.objects.filter(steps_done=[]).order_by("number").values_list("pk", flat=True)[:count])
    earlier = F("clock_started_at") - (timezone.now() - timedelta(minutes=61))
    moments = ("accept_by", "resolve_by", "cut_off_at", "due_at", "next_step_at", "clock_started_at")
    Handoff.objects.filter(pk__in=ids).update(**{moment: F(moment) - earlier for moment in moments})


def _seconds_for_due(open_count: int) -> float:
    """How long DUE steps take in a fresh database with so many that are open."""
    call_command("flush", interactive=False, verbosity=0)
    HandoffFactory(opened_ago=timedelta(minutes=1))
    many_handoffs(open_count)
    _make_due(DUE)
    began = time.perf_counter()
    assert _in_passes() == DUE
    return time.perf_counter() - began


def _in_passes() -> int:
    fired = 0
    while steps := jobs.sweep()["steps"]:
        fired += steps
    return fired


def _in_this_thread() -> int:
    fired = 0
    while ids := escalation.due_ids(now=timezone.now(), limit=escalation.BATCH_ROWS):
        fired += escalation.fire_many(ids, now=timezone.now())
    return fired


def _database_seconds() -> float:
    """Processor time that the database has spent for this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        fields = Path(f"/proc/{cursor.fetchone()[0]}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_due_steps_among_many_open_cost_what_they_cost_among_few(capsys):
    among_few, among_many = _seconds_for_due(DUE), _seconds_for_due(OPEN)
    with capsys.disabled():
        print(f"\n{DUE} due among {DUE} open: {DUE / among_few:,.0f} steps/s (budget {BUDGET_PER_SECOND:,}/s)")
        print(f"{DUE} due among {OPEN} open: {DUE / among_many:,.0f} steps/s")
    assert among_many <= AT_MOST_TIMES * among_few


def test_a_step_costs_so_much_of_a_processor(capsys):
    HandoffFactory(opened_ago=timedelta(minutes=1))
    many_handoffs(2 * DUE)
    _make_due(DUE)
    _in_this_thread()
    _make_due(DUE)
    worker, database = time.process_time(), _database_seconds()
    assert _in_this_thread() == DUE
    worker, database = time.process_time() - worker, _database_seconds() - database
    with capsys.disabled():
        print(f"\na step: {worker / DUE * 1e6:,.0f} µs in the sweep, {database / DUE * 1e6:,.0f} µs in the database")
        print(f"steps per second of one processor: {DUE / (worker + database):,.0f}")


def test_an_idle_pass_reads_the_index_of_what_is_due(capsys):
    HandoffFactory(opened_ago=timedelta(minutes=1))
    jobs.sweep()
    few = min(_seconds(jobs.sweep) for _ in range(10))
    many_handoffs(OPEN)
    many = min(_seconds(jobs.sweep) for _ in range(10))
    with capsys.disabled():
        print(f"\nidle pass (budget {BUDGET_IDLE_MS} ms): {few * 1000:.1f} ms among 1 open")
        print(f"idle pass: {many * 1000:.1f} ms among {OPEN} open")
    plan = (
        Handoff.objects.step_due(timezone.now()).order_by("next_step_at").values_list("pk", flat=True)[:200].explain()
    )
    assert "steps_due" in plan
    assert many <= AT_MOST_TIMES * few
