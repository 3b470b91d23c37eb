"""What the numbers cost among many handoffs over two years: pages asked through the door, p95 of several calls.

BENCH_METRICS=1000000 asks it of a million.
"""

import gc
import os
import time
from collections.abc import Callable
from datetime import UTC

import pytest
from django.test import Client
from django.utils import timezone

from handoffs import access
from handoffs.actions import tallies
from handoffs.models import DayTally, HandoffFact, HourTally, MonthTally, TalliedDay, TalliedMonth
from handoffs.queries.metrics import asking, tables
from handoffs.queries.metrics.scope import BREAKDOWNS
from tests import factories
from tests.bench import past

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
HANDOFFS = int(os.environ.get("BENCH_METRICS", "200000"))
CALLS = 10
OVERVIEW_MS, BREAKDOWN_MS, BEHIND_MS = 300, 500, 100
WORKFLOWS, ROLES, PEOPLE = 4, 6, 40


@pytest.fixture
def manager(transactional_db):
    """Lea signed in, who manages WORKFLOWS workflows with HANDOFFS handoffs over two years."""
    for number in range(WORKFLOWS):
        factories.workflow(f"workflow-{number}", context={"summary": "{reference}"})
    for number in range(ROLES):
        factories.role(f"role-{number}")
    for _ in range(PEOPLE):
        factories.PersonFactory()
    factories.HandoffFactory(resolved=True)
    past.fill(HANDOFFS, workflows=WORKFLOWS, roles=ROLES)
    began = time.process_time(), time.perf_counter()
    while tallies.keep(now=timezone.now(), seconds=60):
        pass
    taken = time.process_time() - began[0], time.perf_counter() - began[1]
    print(f"{HANDOFFS:,} tallied: {taken[0]:.1f} s of CPU here, {taken[1]:.1f} s in all")
    past.analyze(DayTally, HourTally, MonthTally, TalliedDay, TalliedMonth)
    client = Client()
    client.force_login(factories.lea(), backend="django.contrib.auth.backends.ModelBackend")
    gc.collect()
    gc.freeze()  # as the web server does before it makes its workers
    yield client
    gc.unfreeze()


def _p95_ms(act: Callable[[], object]) -> float:
    act()
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)[max(round(0.95 * CALLS) - 1, 0)]


def test_the_numbers_among_many_handoffs(manager, benchmark, capsys, now):
    def page(address: str) -> Callable[[], object]:
        def ask() -> object:
            answer = manager.get(address)
            assert answer.status_code == 200
            return answer

        return ask

    lea = factories.lea()
    viewer = asking.Viewer(
        workflow_ids=frozenset(access.managed_workflows(lea).values_list("pk", flat=True)),
        people=access.people_managed_by(lea),
        zone=UTC,
    )
    assert HandoffFact.objects.count() == HANDOFFS + 1
    benchmark.pedantic(page("/metrics/"), rounds=CALLS)
    measured: dict[str, tuple[float, int | None]] = {"overview, 30 days": (_p95_ms(page("/metrics/")), OVERVIEW_MS)}
    measured["overview, one year"] = (_p95_ms(page("/metrics/?range=year")), OVERVIEW_MS)
    measured["overview, two years"] = (_p95_ms(page(f"/metrics/?since={now.year - 2}-{now:%m-%d}")), None)
    measured["overview of a role, one year"] = (_p95_ms(page("/metrics/?range=year&role=role-1")), None)
    for length in ("30d", "year"):
        scope = asking.scope_of({"range": [length]}, viewer, now=now)
        for by in BREAKDOWNS:

            def break_down(scope=scope, by=by) -> object:
                return tables.broken_down(scope, by, now=now)

            measured[f"breakdown by {by}, {length}"] = (_p95_ms(break_down), BREAKDOWN_MS)
    for figure in ("volume", "rework", "mttr", "open", "overdue"):
        for length in ("30d", "year"):
            address = f"/metrics/handoffs/?figure={figure}&range={length}"
            measured[f"behind {figure}, {length}"] = (_p95_ms(page(address)), BEHIND_MS)
    with capsys.disabled():
        print(f"\n{HANDOFFS:,} handoffs over two years, p95 of {CALLS} calls")
        for what, (taken_ms, limit) in measured.items():
            print(f"{what:40} {taken_ms:8.0f} ms{f'   of {limit}' if limit else ''}")
    assert {what: taken for what, (taken, limit) in measured.items() if limit and taken > limit} == {}
