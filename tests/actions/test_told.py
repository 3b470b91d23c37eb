"""Who is only told of a handoff may read it, and nothing else; who is not told sees nothing."""

from datetime import timedelta

import pytest

from handoffs import access
from handoffs.actions import context, escalation
from handoffs.errors import NotAllowed, NotThere
from handoffs.models import Handoff
from tests import factories
from tests.factories import MANAGER, HandoffFactory, PersonFactory, publish
from tests.policies import invoice_matching
from tests.refusals import refused

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
TOLD = "Controller"


@pytest.fixture
def cora(db):
    """A controller: told when an invoice moves up, and asked for nothing."""
    cora = PersonFactory(username="cora", roles=[TOLD])
    rung = {"when": "not_accepted", "after": "2h", "role": MANAGER, "tell": [TOLD]}
    factories.workflow()
    publish(sla=invoice_matching()["sla"] | {"escalation": [rung]})
    return cora


@pytest.fixture
def moved_up(cora, now):
    handoff = HandoffFactory(opened_ago=2.1 * HOUR)
    escalation.fire(handoff.pk, now=now)
    return Handoff.objects.get(pk=handoff.pk)


def _fresh(person):
    return type(person).objects.get(pk=person.pk)


def test_who_is_told_may_open_what_they_were_told_of_and_no_other(cora, moved_up):
    other = HandoffFactory()
    assert list(access.handoffs_for(cora)) == [moved_up]
    assert access.handoff_for(cora, moved_up.pk) == moved_up
    with pytest.raises(NotThere):
        access.handoff_for(cora, other.pk)


def test_before_it_moved_up_nobody_told_is_nobody_who_sees(cora):
    HandoffFactory()
    assert not access.handoffs_for(cora).exists()


def test_a_stranger_sees_nothing_of_it(max_, moved_up):
    with pytest.raises(NotThere):
        access.handoff_for(max_, moved_up.pk)


def test_who_lost_the_role_that_was_told_sees_it_no_more(cora, moved_up):
    cora.groups.clear()
    with pytest.raises(NotThere):
        access.handoff_for(_fresh(cora), moved_up.pk)


def test_who_was_told_may_do_nothing_with_it(cora, moved_up):
    found = access.handoff_for(cora, moved_up.pk)
    verbs = ("accept", "release", "assign", "escalate", "return", "decide", "confirm", "withdraw", "reopen", "note")
    assert [verb for verb in (*verbs, "reveal") if access.may(cora, verb, found)] == []


def test_a_note_and_a_look_at_a_sensitive_field_are_refused_and_leave_no_trace(cora, moved_up, now):
    with refused(NotAllowed):
        context.add_note(moved_up, author=cora, text="I was told", now=now)
    with refused(NotAllowed):
        context.reveal_field(moved_up, "bank_account", reader=cora, now=now)


def test_a_manager_and_an_operator_may_leave_a_note(lea, otto, moved_up):
    assert [access.may(person, "note", moved_up) for person in (lea, otto)] == [True, True]
