"""Shadow in the desk: the automation goes on, a person decides beside it, and nothing follows from the decision."""

import json

import pytest
from django.utils import timezone

from handoffs import access
from handoffs.actions import decisions, lifecycle
from handoffs.choices import Mode, State
from handoffs.errors import NotAllowed
from handoffs.models import Attempt, Delivery, Handoff, Recovery, ShadowProposal
from handoffs.queries import attempts, representation
from handoffs.queries.case import case_page
from tests import factories
from tests.factories import WORKFLOW, EndpointFactory, ann, lea, matcher, post, report

pytestmark = pytest.mark.django_db

TELLTALE = "reject"
SAYS_IT = "The matcher is sure: reject"


def in_shadow(**rollout):
    return factories.workflow(rollout={"percent": 100, "shadow": True} | rollout)


def telling(**fields):
    """A report that says in every place what the automation would do."""
    document = factories.invoice_document(name="why-reject.pdf", title="Reject: the reasons")
    plain = factories.invoice_document()
    given = {
        "proposed_outcome": TELLTALE,
        "request_reason": SAYS_IT,
        "summary": SAYS_IT,
        "root_cause": SAYS_IT,
        "links": ({"label": "Reject it in the ERP", "url": "https://erp.example/reject"},),
        "document_ids": (str(plain.pk), str(document.pk)),
        "data": {"vendor_notes": "Reject"},
    }
    return report(**(given | fields))


def opened(said=None) -> Handoff:
    post(said or telling())
    return access.handoff_for(ann(), Handoff.objects.get().pk)


def decided(handoff, outcome="approve_and_pay"):
    held = lifecycle.accept(handoff, reviewer=ann(), now=timezone.now())
    return factories.decide(held, ann(), outcome, now=timezone.now())


def test_the_automation_goes_on_and_a_person_is_asked_beside_it():
    in_shadow()
    answer = post(telling())
    handoff = Handoff.objects.get()
    assert (answer.status, answer.body["verdict"], answer.body["reason"]) == (200, "proceed", "shadow")
    assert (handoff.mode, handoff.state, handoff.role.name) == (Mode.SHADOW, State.PENDING, "AP clerk")
    assert ShadowProposal.objects.get().outcome == TELLTALE
    assert "handoff" not in answer.body


def everything_a_reviewer_can_read(handoff) -> str:
    page = case_page(handoff, visible=access.handoffs_for(ann()))
    case = access.case_for(ann(), WORKFLOW, handoff.case.reference)
    told = [
        representation.one(handoff) | {"outcomes": ()},
        attempts.case_json(case, visible=access.handoffs_for(ann()), with_data=False),
        page.package,
        page.triggers,
        [(row.reason, row.details) for row in page.trail],
        page.proposal,
        [str(document) for document in handoff.documents.all()],
        handoff.summary,
    ]
    return json.dumps(told, default=str).casefold()


def test_the_proposal_occurs_nowhere_before_the_decision_and_is_told_after_it():
    in_shadow()
    EndpointFactory(event_types=["handoff.opened", "handoff.accepted", "handoff.resolved"])
    handoff = opened()
    assert TELLTALE in json.dumps(list(Attempt.objects.values("proposed_outcome", "given_context")))  # it could leak
    assert TELLTALE not in everything_a_reviewer_can_read(handoff)
    held = lifecycle.accept(handoff, reviewer=ann(), now=timezone.now())
    assert TELLTALE not in everything_a_reviewer_can_read(held)
    factories.decide(held, ann(), "approve_and_pay", now=timezone.now())
    after = access.handoff_for(ann(), handoff.pk)
    assert representation.one(after)["automation_outcome"] == TELLTALE
    assert case_page(after, visible=access.handoffs_for(ann())).proposal.held["root_cause"] == SAYS_IT
    assert sorted(document.name for document in after.documents.all()) == ["invoice.pdf", "why-reject.pdf"]
    assert Delivery.objects.count() == 0


def test_a_decision_in_shadow_has_no_effect():
    in_shadow()
    after = decided(opened())
    assert after.state == State.RESOLVED
    assert (Recovery.objects.count(), Delivery.objects.count()) == (0, 0)
    for verb in ("reopen", "return"):
        assert access.may(lea(), verb, after) is False
    with pytest.raises(NotAllowed, match="no effect"):
        lifecycle.reopen(after, actor=lea(), reason="Look again", now=timezone.now())


def test_a_case_in_shadow_cannot_be_returned_as_nobody_waits_for_the_answer():
    in_shadow()
    held = lifecycle.accept(opened(), reviewer=ann(), now=timezone.now())
    with pytest.raises(NotAllowed, match="nothing to return"):
        lifecycle.return_(held, reviewer=ann(), reason="Which?", questions=[], now=timezone.now())
    assert access.handoff_for(ann(), held.pk).state == State.IN_PROGRESS


def test_the_same_case_again_is_one_more_occurrence_and_still_proceeds():
    in_shadow()
    first = telling()
    post(first)
    answer = post(first)
    handoff = Handoff.objects.get()
    assert (answer.body["verdict"], answer.body["reason"]) == ("proceed", "shadow")
    assert (handoff.occurrences_count, handoff.context_revision_number) == (2, 1)
    changed = post(telling(reference=first.reference, data={"amount": "99.00"}))
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (changed.body["reason"], handoff.context_revision_number) == ("shadow", 2)
    assert TELLTALE not in everything_a_reviewer_can_read(access.handoff_for(ann(), handoff.pk))


def test_an_automation_that_goes_on_is_not_refused_for_its_context():
    in_shadow()
    answer = post(report(document_ids=()))
    assert (answer.body["verdict"], Handoff.objects.count()) == ("proceed", 0)


def test_what_is_open_in_shadow_gives_way_to_a_handoff_with_effect():
    in_shadow()
    handoff = opened()
    factories.publish(rollout={"percent": 100})
    answer = post(telling(reference=handoff.case.reference))
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (answer.status, answer.body["verdict"]) == (201, "handoff")
    assert (handoff.state, Handoff.objects.open().get().mode) == (State.WITHDRAWN, Mode.LIVE)


def test_the_pilot_role_gets_the_handoff_and_its_people_see_it():
    factories.workflow(rollout={"percent": 100, "reviewers": "AP manager"})
    post(report())
    handoff = Handoff.objects.get()
    assert handoff.role.name == "AP manager"
    assert access.handoffs_for(lea()).get() == handoff
    assert not access.handoffs_for(ann()).exists()


def test_the_cut_off_ends_a_shadow_without_effect_too():
    in_shadow()
    handoff = opened()
    outcome = decisions.policy_of(handoff.policy_version_id).outcome("request_vendor_correction")
    with decisions.transaction.atomic():
        locked = decisions.locked(handoff)
        decisions.expire(locked, outcome=outcome, deadline=timezone.now(), now=timezone.now())
    assert Recovery.objects.count() == 0


def test_the_automation_sees_what_it_said_itself():
    in_shadow()
    handoff = opened()
    case = access.case_for(matcher(), WORKFLOW, handoff.case.reference)
    told = attempts.case_json(case, visible=access.handoffs_for(matcher()), with_data=True)
    assert told["attempts"][0]["proposed_outcome"] == TELLTALE
