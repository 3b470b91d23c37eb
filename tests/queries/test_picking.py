"""What is taken next is found by the order of an index, whatever the database knows of its tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from handoffs.queries import picking
from tests.factories import CLERK, HandoffFactory, PersonFactory, role

pytestmark = pytest.mark.django_db
WAITING = 3 * picking.LOOKED_AT


@pytest.mark.parametrize("is_analyzed", [False, True])
def test_a_pick_looks_at_a_few_of_all_that_waits(is_analyzed):
    HandoffFactory.create_batch(WAITING)
    person, of = PersonFactory(roles=[CLERK]), role(CLERK)
    with connection.cursor() as cursor:
        if is_analyzed:
            cursor.execute("ANALYZE handoffs_handoff")
        cursor.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT FROM handoffs_handoff WHERE {picking._picked(True, False)}",
            {"person": person.pk, "roles": [of.pk], "known": []},
        )
        plan = cursor.fetchone()[0][0]["Plan"]
    read = [node["Actual Rows"] * node["Actual Loops"] for node in _scans(plan)]
    assert sum(read) <= 2 * picking.LOOKED_AT + 1
    assert all(node["Node Type"] != "Seq Scan" for node in _scans(plan))


def _scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node.get("Relation Name") == "handoffs_handoff":
        yield node
    for part in node.get("Plans", ()):
        yield from _scans(part)
