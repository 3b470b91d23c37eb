"""The audit trail: a chain that nobody rewrites, and that names the row if somebody did."""

import pgtrigger
import pytest
from django.core.management import CommandError, call_command

from handoffs.choices import ActorKind
from handoffs.models import Actor, Handoff
from handoffs.models.audit import GENESIS_DIGEST
from handoffs.queries.verification import Break, verify_audit
from tests.factories import HandoffFactory
from tests.refusals import refused_by_the_database

pytestmark = pytest.mark.django_db
ROWS = Handoff.history.model
APPEND_ONLY = f"{ROWS._meta.label}:audit_is_append_only"


@pytest.fixture
def handoff(db):
    return HandoffFactory(resubmitted=True, resolved=True)


@pytest.fixture
def bystander(db):
    return HandoffFactory(accepted=True)


def test_each_row_follows_from_the_row_before(handoff):
    rows = list(handoff.history.all())
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert [row.previous_digest for row in rows] == [GENESIS_DIGEST, *(row.digest for row in rows[:-1])]
    assert [row.digest for row in rows] == [row.computed_digest() for row in rows]
    assert (handoff.audit_sequence, handoff.audit_digest) == (rows[-1].sequence, rows[-1].digest)


def test_a_row_shows_the_handoff_as_it_stood_then(handoff):
    states = [(row.event, row.state) for row in handoff.history.all()]
    assert states == [
        ("opened", "pending"),
        ("accepted", "in_progress"),
        ("returned", "returned"),
        ("resubmitted", "pending"),
        ("accepted", "in_progress"),
        ("resolved", "resolved"),
    ]


def test_no_row_is_changed(handoff):
    with refused_by_the_database("Cannot update or delete"):
        handoff.history.filter(sequence=2).update(reason="because")
    with refused_by_the_database("Cannot update or delete"):
        row = handoff.history.first()
        row.reason = "because"
        row.save()


def test_no_row_is_deleted(handoff):
    with refused_by_the_database("Cannot update or delete"):
        handoff.history.filter(sequence=2).delete()
    with refused_by_the_database("Cannot update or delete"):
        handoff.history.last().delete()


def test_a_place_in_the_chain_is_taken_once(handoff):
    row = handoff.history.last()
    row.pk = None
    with refused_by_the_database("audit_sequence_per_handoff"):
        row.save(force_insert=True)


def test_somebody_did_it(handoff):
    row = handoff.history.last()
    row.pk, row.sequence, row.actor_name = None, row.sequence + 1, ""
    with refused_by_the_database("audit_actor_is_never_empty"):
        row.save(force_insert=True)


def test_an_actor_is_a_person_or_an_automation(ann, matcher):
    assert (Actor.of(ann), Actor.of(matcher)) == (
        Actor(kind=ActorKind.PERSON, name="Ann", user=ann),
        Actor(kind=ActorKind.AUTOMATION, name="invoice-matcher", user=matcher),
    )


def test_an_untouched_trail_verifies(handoff, bystander, capsys):
    assert list(verify_audit()) == []
    call_command("verify_audit")
    assert capsys.readouterr().out == "8 rows of 2 handoffs verified: nothing was changed.\n"


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "because"},
        {"actor_name": "Bob"},
        {"event": "released"},
        {"details": {"outcome": "reject"}},
        {"state": "withdrawn"},
        {"holder_id": None},
        {"history_date": "2020-01-01T00:00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_row_is_named(handoff, bystander, change):
    with pgtrigger.ignore(APPEND_ONLY):
        handoff.history.filter(sequence=5).update(**change)
    assert list(verify_audit()) == [Break(handoff=str(handoff.pk), sequence=5, problem="was changed")]


def test_a_row_changed_together_with_its_digest_is_given_away_by_the_next(handoff, bystander):
    row = handoff.history.get(sequence=2)
    row.actor_name = "Bob"
    with pgtrigger.ignore(APPEND_ONLY):
        handoff.history.filter(sequence=2).update(actor_name="Bob", digest=row.computed_digest())
    assert list(verify_audit()) == [
        Break(handoff=str(handoff.pk), sequence=3, problem="does not follow from the row before")
    ]


@pytest.mark.parametrize(
    ("gone", "sequence", "problem"),
    [
        ({"sequence": 1}, 1, "a row is missing"),
        ({"sequence": 3}, 3, "a row is missing"),
        ({"sequence": 6}, 6, "the end of the trail is missing"),
        ({}, 1, "the whole trail is missing"),
    ],
    ids=str,
)
def test_a_missing_row_is_named(handoff, bystander, gone, sequence, problem):
    with pgtrigger.ignore(APPEND_ONLY):
        handoff.history.filter(**gone)._raw_delete("default")
    assert list(verify_audit()) == [Break(handoff=str(handoff.pk), sequence=sequence, problem=problem)]


def test_the_command_names_the_row_and_fails(handoff, capsys):
    with pgtrigger.ignore(APPEND_ONLY):
        handoff.history.filter(sequence=4).update(reason="because")
    with pytest.raises(CommandError, match=r"1 trail\(s\) broken"):
        call_command("verify_audit")
    assert capsys.readouterr().err == f"handoff {handoff.pk}, row 4: was changed\n"
