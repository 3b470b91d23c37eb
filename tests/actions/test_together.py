"""Several cases at once: only what each one's policy allows, each on the context that was shown, each for itself."""

import pytest

from handoffs.actions.together import Answer, decide, why_not
from handoffs.choices import State
from handoffs.models import Decision, Handoff
from tests import factories
from tests.factories import DEAR, HandoffFactory
from tests.policies import for_several
from tests.refusals import everything

pytestmark = pytest.mark.django_db
DONE, PROPOSED = Answer(state=State.RESOLVED), Answer(state=State.AWAITING_CONFIRMATION)
CASE_BY_CASE = Answer(refusal="Reject is decided case by case.")
REASON = "Prices were never agreed"


@pytest.fixture(autouse=True)
def policy(db):
    factories.workflow(outcomes=for_several("request_vendor_correction"))


def decided(reviewer, now, *handoffs, outcome="request_vendor_correction", reason=REASON):
    seen = {str(handoff.pk): handoff.context_digest for handoff in handoffs}
    return decide(seen, outcome=outcome, reason=reason, reviewer=reviewer, now=now)


def test_what_waits_and_what_one_holds_are_decided_with_one_reason(ann, now):
    handoffs = [HandoffFactory(), HandoffFactory(accepted_by=ann)]
    assert decided(ann, now, *handoffs) == [DONE, DONE]
    made = Decision.objects.values_list("handoff", "outcome", "reason", "decided_by", "context_digest")
    key = "request_vendor_correction"
    assert {each.history.last().details["decided_together"] for each in handoffs} == {2}
    assert set(made) == {(each.pk, key, REASON, ann.pk, each.context_digest) for each in handoffs}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"outcome": "reject"}, "Reject is decided case by case."),
        ({"outcome": "no_such"}, "There is no outcome 'no_such'"),
        ({"reason": " "}, "Request vendor correction needs a reason."),
    ],
)
def test_what_no_policy_allows_for_several_is_refused_and_nothing_is_written(ann, now, sent, words):
    handoffs = [HandoffFactory(), HandoffFactory(accepted_by=ann)]
    before = everything()
    answers = decided(ann, now, *handoffs, **sent)
    assert [(words in answer.refusal, answer.is_kept) for answer in answers] == [(True, False)] * 2
    assert everything() == before


def test_the_version_that_a_case_is_pinned_to_decides(ann, now):
    before = HandoffFactory()
    factories.workflow(outcomes=for_several("reject"))
    after = HandoffFactory()
    assert decided(ann, now, before, after, outcome="reject") == [CASE_BY_CASE, DONE]
    assert Handoff.objects.get(pk=before.pk).state == State.PENDING


def test_one_that_cannot_be_decided_keeps_no_other_from_it(ann, bob, now):
    changed, held, hidden, last = (
        HandoffFactory(),
        HandoffFactory(accepted_by=bob),
        HandoffFactory(data=DEAR),
        HandoffFactory(),
    )
    factories.post(reference=changed.case.reference, data={"amount": "1450.00"})
    of_changed, of_held, of_hidden, of_last = decided(ann, now, changed, held, hidden, last)
    assert (of_held, of_last) == (Answer(refusal="Bob holds this handoff."), DONE)
    assert ("never routed to one of your roles" in of_hidden.refusal, of_hidden.is_kept) == (True, False)
    assert ("The case changed while you were looking at it" in of_changed.refusal, of_changed.is_kept) == (True, True)
    kept = Handoff.objects.get(pk=changed.pk)
    assert (kept.state, kept.holder, kept.decisions.count()) == (State.IN_PROGRESS, ann, 0)


def test_a_second_person_is_still_asked_for(bob, now):
    factories.workflow(outcomes=for_several("reject"))
    dear, cheap = HandoffFactory(data={"amount": "60000.00"}), HandoffFactory()
    assert decided(bob, now, dear, cheap, outcome="reject") == [PROPOSED, DONE]


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        ({}, ""),
        ({"accepted": True}, ""),
        ({"accepted_by": factories.bob}, "Bob holds this handoff."),
        ({"resolved": True}, "The handoff is resolved already."),
        ({"returned": True}, "The handoff was returned to its automation and waits for the answer."),
        ({"escalated": True}, "This handoff is with AP manager, which is none of your roles."),
    ],
)
def test_who_cannot_take_part_is_told_why(ann, begin, words):
    made = {name: wish() if callable(wish) else wish for name, wish in begin.items()}
    assert why_not(HandoffFactory(**made), reviewer=ann) == words


def test_a_policy_that_allows_none_has_every_case_decided_by_itself(ann):
    factories.workflow(outcomes=for_several())
    assert why_not(HandoffFactory(), reviewer=ann) == "Its policy has every case decided by itself."
