"""Rows as records: what is written comes back the same, and the server plans a statement once."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from handoffs.models import Attempt, Case, Handoff, rows
from tests.factories import CLEAN, HandoffFactory, post, workflow

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)


def values_of(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_every_kind_of_value_comes_back_as_it_was():
    like = Attempt.objects.get(pk=post(reference="A-1", data=CLEAN).body["attempt"])
    data = {"exact": Decimal("0.1000000000000000000001"), "words": 'é "\\" \u2028 🙂', "none": None, "list": [1, {}]}
    attempt = Attempt(
        case=like.case,
        automation=like.automation,
        policy_version=like.policy_version,
        received_at=AT,
        data=data,
        confidence=Decimal("0.1234567891"),
        action_taken=None,
        content_digest="x",
        verdict="proceed",
    )
    rows.insert(attempt)
    assert values_of(Attempt.objects.get(pk=attempt.pk)) == values_of(attempt)


def test_rows_of_several_tables_may_name_each_other():
    of = workflow()
    case = Case(workflow=of, reference="NEW", first_attempted_at=AT)
    like = HandoffFactory()
    kept = {field.attname: getattr(like, field.attname) for field in Handoff._meta.concrete_fields}
    handoff = Handoff(**kept | {"id": Case().pk, "number": like.number + 10_000, "case_id": case.pk})
    rows.insert(handoff, case)
    assert Handoff.objects.get(pk=handoff.pk).case == case


def test_nothing_is_written_where_the_condition_does_not_hold():
    handoff = HandoffFactory()
    case = Case(workflow=handoff.workflow, reference="NEW", first_attempted_at=AT)
    handoff.summary = "changed"
    for version, written in ((handoff.version + 1, False), (handoff.version, True)):
        columns = {"where": "version = %s", "params": [version], "rows": [case]}
        assert rows.update_and_insert(handoff, ("summary",), **columns) is written
        assert Case.objects.filter(pk=case.pk).exists() is written
        assert Handoff.objects.filter(summary="changed").exists() is written


def test_a_statement_is_planned_once_a_connection():
    for number in range(4):
        post(reference=f"P-{number}", data=CLEAN)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%handoffs_attempt%'")
        assert cursor.fetchone()[0] >= 1
