"""What a decision stands on: frozen revisions, one decision per resolution, and numbers that stay exact."""

from decimal import Decimal

import pytest
from django.db import connection

from handoffs.choices import DecisionStatus
from handoffs.models import ContextRevision, Decision
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.package import digest
from tests.factories import DATA, HandoffFactory
from tests.refusals import refused_by_the_database

pytestmark = pytest.mark.django_db


def test_a_revision_is_frozen():
    revision = HandoffFactory().revisions.get()
    with refused_by_the_database("Cannot update or delete"):
        ContextRevision.objects.filter(pk=revision.pk).update(package={})
    with refused_by_the_database("Cannot update or delete"):
        revision.delete()


def test_the_stored_package_still_has_the_digest_that_was_taken_of_it():
    handoff = HandoffFactory(data={"amount": Decimal("1200.10"), "price_variance_percent": Decimal("100")})
    revision = ContextRevision.objects.get(handoff=handoff)
    assert (revision.digest, digest(revision.package)) == (handoff.context_digest, handoff.context_digest)


def test_numbers_come_back_with_all_their_digits():
    amounts = [Decimal("0.10"), Decimal("12345678901234567890.123456789"), 3, Decimal("-0.001")]
    attempt = HandoffFactory(data={"po_line": [{"price": amount} for amount in amounts]}).attempts.get()
    stored = [line["price"] for line in attempt.data["po_line"]]
    assert [(type(number), str(number)) for number in stored] == [(type(number), str(number)) for number in amounts]


def test_numbers_are_numbers_to_the_database_too():
    attempt = HandoffFactory(data={"amount": Decimal("1200.10")}).attempts.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT (data->'amount')::text FROM handoffs_attempt WHERE id = %s", [attempt.pk])
        assert cursor.fetchone() == ("1200.10",)


def test_an_attempt_tells_the_rules_what_was_reported():
    attempt = HandoffFactory(reference="INV-9", error_type="timeout", error_message="no answer").attempts.get()
    assert attempt.facts() == AttemptFacts(
        reference="INV-9",
        data=dict(DATA),
        confidence=Decimal("0.93"),
        error_type="timeout",
        error_message="no answer",
    )


def _another(decision: Decision, **changes: object) -> None:
    decision.pk = None
    for name, value in changes.items():
        setattr(decision, name, value)
    decision.save(force_insert=True)


def test_a_resolution_has_one_decision():
    decision = HandoffFactory(resolved=True).decisions.get()
    with refused_by_the_database("one_decision_per_resolution"):
        _another(decision, outcome="reject")


def test_a_proposal_that_was_objected_to_does_not_stand_in_the_way():
    handoff = HandoffFactory(resolved=True)
    _another(handoff.decisions.get(), status=DecisionStatus.OBJECTED)
    assert sorted(handoff.decisions.values_list("status", flat=True)) == ["final", "objected"]


@pytest.mark.parametrize("wrong", [{"decided_by_kind": "clock"}, {"decided_by": None}], ids=str)
def test_a_decision_is_a_persons_or_the_clocks(wrong):
    handoff = HandoffFactory(resolved=True)
    with refused_by_the_database("decided_by_a_person_or_the_clock"):
        _another(handoff.decisions.get(), resolution_number=2, **wrong)
