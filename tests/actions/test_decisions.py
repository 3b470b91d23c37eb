"""Deciding on what one saw: alone, with a second person, before the cut-off; and what goes back to automation."""

from datetime import timedelta

import pytest

from handoffs.actions import decisions, feedback, lifecycle
from handoffs.actions.decisions import Choice
from handoffs.actions.feedback import Feedback
from handoffs.choices import DecisionStatus, Event, State
from handoffs.errors import (
    ContextChanged,
    DeadlinePassed,
    Invalid,
    Mistake,
    NotAllowed,
    NotHolder,
    SecondPersonRequired,
    WrongState,
)
from handoffs.models import Decision, Delivery, Handoff, Recovery
from handoffs.queries.representation import rfc3339
from handoffs.rules.package import digest
from tests.factories import CALLBACK, DATA, REASON, EndpointFactory, HandoffFactory, decide, post, publish
from tests.policies import invoice_matching
from tests.refusals import everything, refused

pytestmark = pytest.mark.django_db


def _decide(handoff, reviewer, now, outcome="approve_and_pay", **given):
    choice = Choice(outcome=outcome, **({"context_digest": handoff.context_digest} | given))
    return decisions.decide(handoff, choice, reviewer=reviewer, now=now)


# --- alone ----------------------------------------------------------------------------------------------------------


def test_the_holder_decides(ann, now):
    handoff = decide(HandoffFactory(accepted_by=ann), ann, now=now)
    assert (handoff.state, handoff.holder, handoff.resolved_at, handoff.next_step_at) == (
        State.RESOLVED,
        None,
        now,
        None,
    )
    decision = handoff.decisions.get()
    assert {name: getattr(decision, name) for name in _DECIDED} == _DECIDED
    assert (decision.decided_by, decision.decided_at, decision.context_digest) == (ann, now, handoff.context_digest)
    row = handoff.history.last()
    assert (row.event, row.actor_name, row.reason, row.details) == (
        Event.RESOLVED,
        "Ann",
        REASON,
        {
            "outcome": "approve_and_pay",
            "title": "Approve and pay",
            "recovery": "resume",
            "answers": {},
            "context_revision": 1,
            "context_digest": handoff.context_digest,
        },
    )


_DECIDED = {
    "resolution_number": 1,
    "status": "final",
    "outcome": "approve_and_pay",
    "outcome_title": "Approve and pay",
    "kind": "approve",
    "recovery": "resume",
    "reason": REASON,
    "answers": {},
    "decided_by_kind": "person",
    "context_revision_number": 1,
    "suggested_outcome": "",
    "confirmed_by": None,
}


def test_what_was_suggested_is_kept_beside_what_was_decided(ann, now):
    handoff = HandoffFactory(accepted_by=ann, data={"price_variance_percent": "2.5"})
    decision = decide(handoff, ann, "reject", now=now).decisions.get()
    assert (decision.suggested_outcome, decision.outcome) == ("approve_and_pay", "reject")


@pytest.mark.parametrize("who", ["bob", "lea", "matcher", "max_"])
def test_only_the_holder_decides(who, request, now):
    handoff, somebody = HandoffFactory(accepted=True), request.getfixturevalue(who)
    with refused(NotHolder, holder="Ann"):
        decide(handoff, somebody, now=now)


@pytest.mark.parametrize("way", [{}, {"returned": True}, {"resolved": True}, {"withdrawn": True}], ids=str)
def test_what_is_not_in_progress_is_not_decided(ann, now, way):
    handoff = HandoffFactory(**way)
    with refused(WrongState, state=handoff.state):
        decide(handoff, ann, now=now)


def _only_the_trail_grew(before):
    after = everything()
    trail = {"Handoff", "HistoricalHandoff"}
    assert {name for name in after if after[name] != before[name]} <= trail
    [changed] = after["Handoff"]
    grown = {"version", "updated_at", "audit_sequence", "audit_digest"}
    assert {name for name, value in changed.items() if before["Handoff"][0][name] != value} == grown


# --- on what one saw ------------------------------------------------------------------------------------------------


def test_a_decision_on_an_older_context_is_refused_with_what_changed(ann, now):
    seen = HandoffFactory(accepted_by=ann)
    post(reference=seen.case.reference, data={"amount": "1300.00"})
    current = Handoff.objects.get()
    changes = [{"label": "Amount", "before": "1200.00 USD", "after": "1300.00 USD"}]
    before = everything()
    with pytest.raises(ContextChanged) as refusal:
        decide(seen, ann, now=now)
    told = {"changes": changes, "context_revision": 2, "seen_digest": seen.context_digest}
    assert refusal.value.details == {**told, "context_digest": current.context_digest}
    row = current.history.last()
    assert (row.event, row.actor_name, row.details) == (
        "decision_refused",
        "Ann",
        {**told, "outcome": "approve_and_pay"},
    )
    _only_the_trail_grew(before)


def test_the_same_decision_on_the_new_context_counts(ann, now):
    seen = HandoffFactory(accepted_by=ann)
    post(reference=seen.case.reference, data={"amount": "1300.00"})
    decided = decide(Handoff.objects.get(), ann, now=now)
    assert decided.decisions.get().context_revision_number == 2


def test_a_digest_that_the_handoff_never_had_is_refused(ann, now):
    handoff = HandoffFactory(accepted_by=ann)
    with refused(ContextChanged, changes=[], context_revision=1, context_digest=handoff.context_digest):
        _decide(handoff, ann, now, context_digest="sha256:0")


# --- with an outcome of the policy ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        (
            {"outcome": "pay_twice"},
            Mistake(
                pointer="/outcome",
                detail="There is no outcome 'pay_twice'; "
                "choose one of approve_and_pay, request_vendor_correction, reject.",
            ),
        ),
        ({"outcome": "reject", "reason": " "}, Mistake(pointer="/reason", detail="Reject needs a reason.")),
        ({"reason": "x" * 5001}, Mistake(pointer="/reason", detail="Keep the reason within 5000 characters.")),
    ],
    ids=["unknown outcome", "no reason", "a novel"],
)
def test_a_choice_that_the_policy_does_not_offer_is_refused(ann, now, given, mistake):
    handoff = HandoffFactory(accepted_by=ann)
    with refused(Invalid) as caught:
        _decide(handoff, ann, now, **given)
    assert caught.value.mistakes == (mistake,)


def test_answers_that_nobody_asked_for_are_refused(ann, now):
    handoff = HandoffFactory(accepted_by=ann)
    with refused(Invalid) as caught:
        _decide(handoff, ann, now, answers={"amount": 1})
    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/answers"]


def test_answers_are_checked_against_the_outcome(ann, now):
    schema = {"type": "object", "properties": {"pay": {"type": "integer"}}, "required": ["pay"]}
    _publish_with(approve_and_pay={"answers": schema})
    handoff = HandoffFactory(accepted_by=ann)
    with refused(Invalid) as caught:
        _decide(handoff, ann, now, answers={"pay": "all"})
    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/answers/pay"]
    assert _decide(handoff, ann, now, answers={"pay": 90}).decisions.get().answers == {"pay": 90}


def _publish_with(**changes):
    """Publish the policy with changed outcomes, each by its key."""
    outcomes = [outcome | changes.get(outcome["key"], {}) for outcome in invoice_matching()["outcomes"]]
    publish(outcomes=outcomes)


# --- before the cut-off ---------------------------------------------------------------------------------------------


def test_after_the_cut_off_no_person_decides_though_the_clock_did_not_come_yet(ann, now):
    handoff = HandoffFactory(accepted_by=ann, opened_ago=timedelta(days=3, minutes=1))
    with refused(DeadlinePassed, cut_off_at=rfc3339(handoff.cut_off_at)):
        decide(handoff, ann, now=now - timedelta(days=1))


def test_a_proposal_is_not_confirmed_after_the_cut_off(cleo, now):
    handoff = HandoffFactory(proposed=True)
    Handoff.objects.filter(pk=handoff.pk).update(cut_off_at=now - timedelta(seconds=1))
    with refused(DeadlinePassed, cut_off_at=rfc3339(now - timedelta(seconds=1))):
        decisions.confirm(handoff, reviewer=cleo, now=now)


# --- with a second person -------------------------------------------------------------------------------------------


def test_an_outcome_that_needs_a_second_person_is_proposed(bob):
    handoff = HandoffFactory(proposed=True)
    decision = handoff.decisions.get()
    assert (handoff.state, handoff.holder, decision.status, decision.decided_by) == (
        State.AWAITING_CONFIRMATION,
        bob,
        DecisionStatus.PROPOSED,
        bob,
    )
    assert handoff.history.last().event == Event.PROPOSED
    assert (Recovery.objects.count(), Delivery.objects.count()) == (0, 0)


@pytest.mark.parametrize(("amount", "state"), [("50000", "resolved"), ("50000.01", "awaiting_confirmation")])
def test_the_amount_decides_whether_two_must_agree(bob, now, amount, state):
    handoff = HandoffFactory(accepted_by=bob, data={"amount": amount})
    assert decide(handoff, bob, "reject", now=now).state == state


def test_what_cannot_be_known_is_looked_at_twice(ann, now):
    condition = {"when": {"field": "data.vendor_age_days", "is": "<", "value": 30}}
    _publish_with(approve_and_pay={"second_person": condition})
    handoff = HandoffFactory(accepted_by=ann, data={"vendor_age_days": None})
    assert decide(handoff, ann, now=now).state == State.AWAITING_CONFIRMATION


@pytest.mark.parametrize(("retries", "state"), [(1, State.RESOLVED), (2, State.AWAITING_CONFIRMATION)])
def test_how_often_the_case_was_tried_decides_whether_two_must_agree(ann, now, retries, state):
    _publish_with(approve_and_pay={"second_person": {"when": "attempts > 2"}})
    handoff = HandoffFactory()
    for number in range(retries):
        post(reference=handoff.case.reference, data={**DATA, "amount": f"{number + 2}.00"}, document_ids=())
    handoff = lifecycle.accept(handoff, reviewer=ann, now=now)
    assert decide(handoff, ann, now=now).state == state


def test_somebody_else_of_the_role_confirms(bob, cleo, now):
    handoff = decisions.confirm(HandoffFactory(proposed=True), reviewer=cleo, now=now)
    decision = handoff.decisions.get()
    assert (handoff.state, handoff.holder, handoff.resolved_at) == (State.RESOLVED, None, now)
    assert (decision.status, decision.decided_by, decision.confirmed_by, decision.confirmed_at) == (
        DecisionStatus.FINAL,
        bob,
        cleo,
        now,
    )
    assert (handoff.history.last().event, handoff.history.last().actor_name) == (Event.CONFIRMED, "Cleo")
    assert [(each.action, each.state) for each in handoff.recoveries.all()] == [("roll_back", "awaiting")]


def test_the_proposer_confirms_nothing_of_their_own(bob, now):
    handoff = HandoffFactory(proposed=True)
    with refused(SecondPersonRequired, holder="Bob"):
        decisions.confirm(handoff, reviewer=bob, now=now)
    with refused(SecondPersonRequired, holder="Bob"):
        decisions.object_(handoff, reviewer=bob, reason="On reflection", now=now)


@pytest.mark.parametrize("who", ["ann", "lea", "max_"])
def test_the_second_person_is_of_the_role(who, request, now):
    handoff, somebody = HandoffFactory(proposed=True), request.getfixturevalue(who)
    with refused(NotAllowed):
        decisions.confirm(handoff, reviewer=somebody, now=now)


def test_who_submitted_it_confirms_nothing(cleo, now):
    handoff = HandoffFactory(proposed=True)
    Handoff.objects.filter(pk=handoff.pk).update(opened_by=cleo)
    with refused(NotAllowed):
        decisions.confirm(handoff, reviewer=cleo, now=now)


def test_a_proposal_on_an_older_context_is_not_confirmed(cleo, now):
    handoff = HandoffFactory(proposed=True)
    post(reference=handoff.case.reference, data={"amount": "70000.00"})
    before = everything()
    with pytest.raises(ContextChanged):
        decisions.confirm(handoff, reviewer=cleo, now=now)
    assert handoff.history.last().event == "decision_refused"
    _only_the_trail_grew(before)


def test_an_objection_gives_it_back_to_the_proposer(bob, cleo, now):
    handoff = decisions.object_(HandoffFactory(proposed=True), reviewer=cleo, reason="Call them first", now=now)
    assert (handoff.state, handoff.holder, handoff.last_activity_at) == (State.IN_PROGRESS, bob, now)
    row = handoff.history.last()
    assert (row.event, row.actor_name, row.reason) == (Event.OBJECTED, "Cleo", "Call them first")
    assert [each.status for each in handoff.decisions.all()] == [DecisionStatus.OBJECTED]


def test_after_an_objection_the_proposer_may_propose_again(bob, cleo, now):
    handoff = decisions.object_(HandoffFactory(proposed=True), reviewer=cleo, reason="Call them first", now=now)
    handoff = decisions.confirm(decide(handoff, bob, "reject", now=now), reviewer=cleo, now=now)
    assert sorted(handoff.decisions.values_list("resolution_number", "status")) == [(1, "final"), (1, "objected")]


def test_an_objection_needs_a_reason(cleo, now):
    handoff = HandoffFactory(proposed=True)
    with refused(Invalid):
        decisions.object_(handoff, reviewer=cleo, reason="", now=now)


@pytest.mark.parametrize("way", [{}, {"accepted": True}, {"resolved": True}], ids=str)
def test_where_nothing_was_proposed_nothing_is_confirmed(bob, now, way):
    handoff = HandoffFactory(**way)
    with pytest.raises((WrongState, NotHolder)):
        decisions.confirm(handoff, reviewer=bob, now=now)
    assert (Handoff.objects.get().state, handoff.recoveries.filter(created_at=now).count()) == (handoff.state, 0)


# --- what goes back -------------------------------------------------------------------------------------------------


def test_the_caller_gets_one_recovery_and_one_message(ann, now):
    handoff = decide(HandoffFactory(accepted_by=ann), ann, now=now)
    recovery, delivery = Recovery.objects.get(), Delivery.objects.get()
    assert (
        recovery.action,
        recovery.state,
        recovery.callback_url,
        recovery.correlation_id,
        recovery.receipt_due_at,
    ) == (
        "resume",
        "awaiting",
        CALLBACK,
        "run-7",
        now + timedelta(minutes=15),
    )
    assert (delivery.recovery, delivery.url, delivery.event_type, delivery.sequence, delivery.state) == (
        recovery,
        CALLBACK,
        "handoff.resolved",
        3,
        "queued",
    )
    data = delivery.payload["data"]
    assert (data["state"], data["correlation_id"], data["sequence"], data["decision"]) == (
        "resolved",
        "run-7",
        3,
        {
            "outcome": "approve_and_pay",
            "recovery": "resume",
            "reason": REASON,
            "decided_by": {"kind": "person", "name": "Ann"},
            "decided_at": rfc3339(now),
            "context_revision": 1,
            "context_digest": handoff.context_digest,
            "answers": {},
        },
    )


def test_what_leaves_the_desk_is_masked_and_yet_verifiable(ann, now):
    handoff = decide(HandoffFactory(accepted_by=ann), ann, now=now)
    sent = Delivery.objects.get().payload["data"]
    account = next(fact for fact in sent["fields"] if fact["key"] == "bank_account")
    assert (account["value"], account["masked"]) == (None, True)
    assert sent["context_digest"] == digest(handoff.revisions.get().package)


def test_each_run_gets_its_own_recovery(ann, now):
    handoff = HandoffFactory(accepted_by=ann, correlation_id="run-1")
    post(reference=handoff.case.reference, correlation_id="run-2", document_ids=())
    post(reference=handoff.case.reference, correlation_id="run-2", document_ids=())
    decide(handoff, ann, now=now)
    found = sorted(Delivery.objects.values_list("url", "recovery__correlation_id", "payload__data__correlation_id"))
    assert found == [(CALLBACK, "run-1", "run-1"), (CALLBACK, "run-2", "run-2")]


def test_an_endpoint_speaks_for_who_gave_no_callback(ann, now):
    endpoint = EndpointFactory()
    decide(HandoffFactory(accepted_by=ann, callback_url=""), ann, now=now)
    assert [(each.endpoint, each.recovery.correlation_id) for each in Delivery.objects.all()] == [(endpoint, "run-7")]


def test_what_an_endpoint_misses_while_it_is_off_is_kept(ann, now):
    EndpointFactory(switched_off_at=now)
    decide(HandoffFactory(accepted_by=ann, callback_url=""), ann, now=now)
    assert (Recovery.objects.get().state, Delivery.objects.get().state) == ("parked", "parked")


# --- what the reviewer says of the handoff itself -------------------------------------------------------------------


def test_who_decided_may_say_whether_it_sufficed(ann, now):
    handoff = HandoffFactory(resolved=True, accepted_by=ann)
    said = Feedback(context_sufficed=False, context_missing="the delivery note", person_needed=True)
    feedback.give(handoff, said, reviewer=ann, now=now)
    decision = Decision.objects.get()
    assert (decision.context_sufficed, decision.context_missing, decision.person_needed) == (
        False,
        "the delivery note",
        True,
    )
    assert (handoff.history.last().event, handoff.history.last().actor_name) == (Event.FEEDBACK_GIVEN, "Ann")


def test_nobody_else_may(bob, now):
    handoff = HandoffFactory(resolved=True)
    with refused(Invalid):
        feedback.give(handoff, Feedback(person_needed=False), reviewer=bob, now=now)
