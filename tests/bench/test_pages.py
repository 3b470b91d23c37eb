"""What the reviewer's pages cost among many handoffs: whole requests in one process, from the session to the HTML.

BENCH_PAST=100000 asks it of fewer finished ones than the million of the budget.
"""

import os
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handoffs.actions import context
from handoffs.models import Handoff
from handoffs.queries import inbox
from tests import factories
from tests.bench import past, stage

pytestmark = [pytest.mark.bench, pytest.mark.django_db(transaction=True)]
PAST = int(os.environ.get("BENCH_PAST", "1000000"))
FEW_OPEN, MANY_OPEN = 1_000, 100_000
OPEN = FEW_OPEN + PAST // 50
"""Of the past, 2 % are open still."""
CALLS = 40
QUEUE_MS, CASE_MS, LIST_MS, FILTER_MS, GROWTH = 60, 80, 3, 50, 1.2
QUEUE_QUERIES, CASE_QUERIES, HISTORY = 12, 15, 50


@pytest.fixture
def reviewer(transactional_db):
    """Bob signed in, who reviews for two of the three roles."""
    factories.workflow()
    for name in (factories.CLERK, factories.ANALYST, factories.MANAGER):
        factories.role(name)
    client = Client()
    client.force_login(factories.bob(), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def long_case(transactional_db, reviewer, now):
    """A handoff that Bob holds, with a history of HISTORY entries."""
    bob = factories.bob()
    handoff = factories.HandoffFactory(accepted_by=bob)
    for number in range(HISTORY - 2):
        moment = now + timedelta(seconds=number)
        handoff = context.add_note(handoff, author=bob, text=f"Note {number}", now=moment).handoff
    return f"/handoffs/{handoff.pk}/"


def _asked(client, address):
    """(fastest, median and p95 ms, CPU ms of this process, its queries) of CALLS calls."""
    taken = []
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
        queries = list(captured)
    before = time.process_time()
    for _ in range(CALLS):
        began = time.perf_counter()
        client.get(address)
        taken.append((time.perf_counter() - began) * 1000)
    cpu = (time.process_time() - before) * 1000 / CALLS
    taken.sort()
    return taken[0], taken[CALLS // 2], taken[round(0.95 * CALLS) - 1], cpu, queries


def _list_ms(queries):
    """What the list of a queue page takes in the database: which rows, plan included, and what is shown of them."""
    (listed,) = [query["sql"] for query in queries if f"LIMIT {inbox.PAGE_SIZE + 1}" in (query["sql"] or "")]
    with connection.cursor() as cursor:
        cursor.execute(listed)
        ids = [found[0] for found in cursor.fetchall()][: inbox.PAGE_SIZE]
        taken = []
        for _ in range(5):
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {listed}")
            which = cursor.fetchone()[0][0]
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {inbox.ROWS}", [ids])
            rows = cursor.fetchone()[0][0]  # planned once a connection
            taken.append(which["Planning Time"] + which["Execution Time"] + rows["Execution Time"])
    return min(taken)


def test_the_reviewer_s_pages_among_many_handoffs(reviewer, long_case, benchmark, capsys):
    lines = []

    def measure(name, address, limit_ms, limit_queries):
        fastest, median, p95, cpu, queries = _asked(reviewer, address)
        assert len(queries) <= limit_queries
        lines.append(f"{name:52} {median:7.1f} {p95:7.1f} of {limit_ms} {cpu:7.1f} {len(queries):4} of {limit_queries}")
        return fastest, queries

    stage.many_handoffs(FEW_OPEN)
    few, _ = measure(f"queue, {FEW_OPEN:,} open and nothing finished", "/queue/", QUEUE_MS, QUEUE_QUERIES)
    past.fill(PAST, workflows=1, roles=3)
    among, queries = measure(f"queue, {OPEN:,} open among {PAST:,}", "/queue/", QUEUE_MS, QUEUE_QUERIES)
    found, _ = measure("    by words of the context", "/queue/?search=acme", QUEUE_MS + FILTER_MS, QUEUE_QUERIES)
    lost, _ = measure("    by words that nothing has", "/queue/?search=zzz", QUEUE_MS + FILTER_MS, QUEUE_QUERIES)
    measure(f"case, history of {HISTORY}", long_case, CASE_MS, CASE_QUERIES)
    listed = _list_ms(queries)
    stage.many_handoffs(MANY_OPEN - OPEN, after=FEW_OPEN)
    many, queries = measure(f"queue, {MANY_OPEN:,} open and {PAST:,} finished", "/queue/", QUEUE_MS, QUEUE_QUERIES)
    benchmark.pedantic(reviewer.get, args=["/queue/"], rounds=CALLS)
    with capsys.disabled():
        print(f"\n{'':52} {'p50':>7} {'p95 ms':>13} {'CPU ms':>7} {'queries':>10}", *lines, sep="\n")
        print(f"the fastest with {MANY_OPEN:,} open and with {FEW_OPEN:,}: {many / few:.2f} × (budget {GROWTH} ×)")
        print(f"filtered, the fastest: {found - among:+.1f} and {lost - among:+.1f} ms (budget {FILTER_MS} ms more)")
        print(f"list query: {listed:.1f} and {_list_ms(queries):.1f} ms (budget {LIST_MS} ms)")
    assert Handoff.objects.open().count() >= MANY_OPEN
