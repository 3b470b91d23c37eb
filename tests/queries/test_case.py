"""What the page of one handoff is made of."""

import pytest

from handoffs import access
from handoffs.choices import Event
from handoffs.queries import case
from tests.factories import MANAGER, HandoffFactory, decide, post

pytestmark = pytest.mark.django_db


def page_for(user, handoff):
    return case.case_page(access.handoff_for(user, handoff.pk), visible=access.handoffs_for(user))


def test_the_trail_is_oldest_first_and_says_who(ann):
    page = page_for(ann, HandoffFactory(accepted_by=ann))
    assert [(row.sequence, row.event, row.actor) for row in page.trail] == [
        (1, Event.OPENED, "invoice-matcher"),
        (2, Event.ACCEPTED, "Ann"),
    ]


def test_a_long_trail_keeps_its_end(ann, monkeypatch):
    monkeypatch.setattr(case, "HISTORY_LIMIT", 1)
    assert [row.event for row in page_for(ann, HandoffFactory(accepted_by=ann)).trail] == [Event.ACCEPTED]


def test_a_new_context_without_a_trigger_keeps_the_reasons_it_was_opened_for(ann):
    handoff = HandoffFactory(reference="CALM", accepted_by=ann)
    post(reference="CALM", data={"price_variance_percent": "0.4"})
    page = page_for(ann, handoff)
    assert page.package["fields"][1]["value"] == "0.4"
    assert [trigger["key"] for trigger in page.triggers] == ["price_variance"]


@pytest.mark.parametrize("state", [{}, {"accepted": True}, {"returned": True}, {"withdrawn": True}])
def test_what_was_not_decided_has_no_decision(ann, state):
    page = page_for(ann, HandoffFactory(**state))
    assert (page.decision, page.recoveries) == (None, ())


def test_a_proposal_is_the_decision_that_waits(bob):
    page = page_for(bob, HandoffFactory(proposed=True, accepted_by=bob))
    assert page.decision is not None
    assert (page.decision.outcome, page.recoveries) == ("reject", ())


def test_a_decision_comes_with_its_way_back(ann):
    page = page_for(ann, HandoffFactory(resolved=True))
    assert page.decision is not None
    assert [recovery.automation.username for recovery in page.recoveries] == ["invoice-matcher"]


def test_the_next_role_of_the_chain(ann, lea):
    assert page_for(ann, HandoffFactory()).next_role == MANAGER
    assert page_for(lea, HandoffFactory(escalated=True)).next_role == ""


def test_similar_cases_show_how_they_were_decided(ann, now):
    done = HandoffFactory(reference="BEFORE", accepted_by=ann)
    decide(done, ann, "request_vendor_correction", now=now)
    HandoffFactory(reference="OPEN")
    similar = page_for(ann, HandoffFactory()).similar
    assert [(other.reference, other.outcome, other.decided_by) for other in similar] == [
        ("BEFORE", "Request vendor correction", "Ann")
    ]
