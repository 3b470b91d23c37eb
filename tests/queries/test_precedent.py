"""Precedent from stored cases: the most alike first, what became of them, and nothing that has no effect."""

import pytest
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle, receipts, rollout
from handoffs.choices import ReceiptStatus
from handoffs.queries.policies import draft_of
from handoffs.queries.precedent import rules_of, similar_to
from handoffs.queries.representation import package_of
from tests import factories
from tests.factories import WORKFLOW, HandoffFactory, ann, lea, matcher, workflow

pytestmark = pytest.mark.django_db


def similar(handoff):
    return similar_to(handoff, package_of(handoff), visible=access.handoffs_for(lea()))


def test_the_most_alike_come_first_with_what_became_of_them():
    near = HandoffFactory(reference="NEAR", resolved=True, data={"amount": "1200.00"})
    HandoffFactory(reference="FAR", resolved="reject", data={"amount": "9.00", "vendor_notes": "Other"})
    given = receipts.Receipt(status=ReceiptStatus.APPLIED)
    receipts.receive(near, given, automation=matcher(), now=timezone.now())
    first, second = similar(HandoffFactory())
    assert (first.reference, first.outcome, first.later) == ("NEAR", "Approve and pay", "applied")
    assert "Amount" in first.same
    assert (second.reference, second.outcome, second.later) == ("FAR", "Reject", "")
    undone = receipts.Receipt(status=ReceiptStatus.REVERSED)
    receipts.receive(near, undone, automation=matcher(), now=timezone.now())
    assert similar(HandoffFactory())[0].later == "reversed later"


def test_what_has_no_effect_is_no_precedent():
    workflow(rollout={"percent": 100, "shadow": True})
    factories.post()
    handoff = access.handoffs_for(ann()).get()
    held = lifecycle.accept(access.handoff_for(ann(), handoff.pk), reviewer=ann(), now=timezone.now())
    factories.decide(held, ann(), now=timezone.now())
    factories.publish(rollout={"percent": 100})
    assert similar(HandoffFactory()) == ()
    assert rules_of(workflow()) == ()


def test_many_identical_decisions_suggest_a_rule_that_becomes_a_draft(monkeypatch):
    here = workflow()
    for _ in range(3):
        HandoffFactory(resolved=True)
    assert rules_of(here) == ()
    monkeypatch.setattr("handoffs.rules.precedent.suggested_rules.__kwdefaults__", {"least": 3})
    (rule,) = rules_of(here)
    draft = rollout.draft_rule(WORKFLOW, rule.trigger, by=lea(), now=timezone.now())
    assert draft == draft_of(here)
    assert draft.document["suggest"][0] == {"when": dict(rule.when), "outcome": "approve_and_pay"}
    with pytest.raises(rollout.DraftThere):
        rollout.draft_rule(WORKFLOW, rule.trigger, by=lea(), now=timezone.now())


def test_a_rule_that_nobody_bears_out_is_no_draft():
    here = workflow()
    with pytest.raises(rollout.NoRule):
        rollout.draft_rule(WORKFLOW, "price_variance", by=lea(), now=timezone.now())
    assert draft_of(here) is None
