"""What automations say came of a decision, and what follows from their silence."""

from datetime import timedelta

import pytest

from handoffs.actions import lifecycle, receipts
from handoffs.actions.receipts import NothingToReceive, Receipt
from handoffs.actions.undo_steps import OutOfOrder
from handoffs.choices import Event, ReceiptStatus, RecoveryState, State
from handoffs.errors import AlreadyReceived, DigestMismatch, Invalid
from handoffs.models import Handoff, Recovery
from handoffs.queries import representation
from handoffs.queries.representation import package_of, rfc3339
from tests.factories import HandoffFactory, PersonFactory, decide, matcher, post, publish
from tests.refusals import everything, refused

pytestmark = pytest.mark.django_db
APPLIED, FAILED, ROLLED_BACK, REVERSED, NOT_NEEDED = ReceiptStatus


def _receive(handoff, status, now, **fields):
    return receipts.receive(handoff, Receipt(status=status, **fields), automation=matcher(), now=now)


def _trail(handoff, event):
    return [(row.actor_name, row.reason, row.details) for row in handoff.history.filter(event=event)]


@pytest.mark.parametrize(
    ("status", "state"), [(APPLIED, RecoveryState.APPLIED), (ROLLED_BACK, RecoveryState.ROLLED_BACK)]
)
def test_a_receipt_closes_the_recovery(now, status, state):
    handoff = HandoffFactory(resolved=True)
    found = _receive(handoff, status, now, detail="payment p-77")
    recovery = Recovery.objects.get()
    assert found == [recovery]
    assert (recovery.state, recovery.received_at, recovery.delivered_at, recovery.detail) == (
        state,
        now,
        now,
        "payment p-77",
    )
    assert Handoff.objects.get().state == State.RESOLVED
    assert _trail(handoff, Event.RECEIPT_RECEIVED) == [
        ("invoice-matcher", "payment p-77", {"status": status, "correlation_id": None})
    ]


def test_a_failed_recovery_reopens_the_handoff(now):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, FAILED, now, detail="bank closed")
    again = Handoff.objects.get()
    assert (again.state, again.reopens_count, again.clock_started_at, again.holder) == (State.PENDING, 1, now, None)
    assert [(row.event, row.actor_name, row.reason) for row in again.history.all()][-3:] == [
        ("receipt_received", "invoice-matcher", "bank closed"),
        ("context_changed", "invoice-matcher", ""),
        ("reopened", "invoice-matcher", "Recovery failed: bank closed"),
    ]


def test_the_policy_may_keep_it_resolved(now):
    publish(recovery={"receipt_within": "15m", "on_failure": "keep"})
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, FAILED, now)
    assert (Handoff.objects.get().state, Recovery.objects.get().state) == (State.RESOLVED, RecoveryState.FAILED)


@pytest.mark.parametrize("status", list(ReceiptStatus))
def test_the_same_receipt_again_changes_nothing(now, status):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, status, now)
    before = everything()
    _receive(handoff, status, now + timedelta(minutes=1))
    assert everything() == before


@pytest.mark.parametrize(("first", "second"), [(APPLIED, FAILED), (FAILED, APPLIED), (ROLLED_BACK, APPLIED)])
def test_another_receipt_than_the_first_is_refused(now, first, second):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, first, now)
    with refused(AlreadyReceived, received=first.value):
        _receive(handoff, second, now)


@pytest.mark.parametrize("first", [None, APPLIED, ROLLED_BACK])
def test_a_reversal_may_come_at_any_time_and_leaves_the_state(now, first):
    handoff = HandoffFactory(resolved=True)
    if first:
        _receive(handoff, first, now)
    state = Recovery.objects.get().state
    _receive(handoff, REVERSED, now + timedelta(days=9), detail="refunded")
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.reversed_at) == (state, now + timedelta(days=9))


def test_what_is_said_later_stands_beside_what_came_of_it(now):
    handoff = HandoffFactory(resolved=True)
    day = timedelta(days=1)
    for days, (status, words) in enumerate([(APPLIED, "Paid"), (NOT_NEEDED, "A rule does"), (REVERSED, "Refunded")]):
        for _ in range(2):
            _receive(handoff, status, now + days * day, detail=words)
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.detail, recovery.received_at) == ("applied", "Paid", now)
    assert recovery.later_facts == [
        {"status": "not_needed", "detail": "A rule does", "at": rfc3339(now + day)},
        {"status": "reversed", "detail": "Refunded", "at": rfc3339(now + 2 * day)},
    ]
    assert representation.recovery_json(recovery)["later_facts"] == recovery.later_facts


def test_a_receipt_for_another_context_is_refused(now):
    handoff = HandoffFactory(resolved=True)
    with pytest.raises(DigestMismatch) as refusal:
        _receive(handoff, APPLIED, now, context_digest="sha256:0", detail="paid")
    assert refusal.value.details == {"context_digest": handoff.context_digest}
    told = {"status": "applied", "named_digest": "sha256:0", "context_digest": handoff.context_digest}
    assert _trail(handoff, Event.RECEIPT_REFUSED) == [("invoice-matcher", "paid", told)]
    assert Recovery.objects.get().received_at is None
    assert _receive(handoff, APPLIED, now, context_digest=handoff.context_digest) == [Recovery.objects.get()]


def test_before_a_decision_there_is_nothing_to_receive(now):
    handoff = HandoffFactory(accepted=True)
    with refused(NothingToReceive):
        _receive(handoff, APPLIED, now)


def test_another_automation_has_nothing_to_receive(now):
    handoff = HandoffFactory(resolved=True)
    stranger = PersonFactory(username="payroll-bot", kind="automation")
    with refused(NothingToReceive):
        receipts.receive(handoff, Receipt(status=APPLIED), automation=stranger, now=now)


def test_a_run_answers_for_itself_and_a_receipt_without_a_run_for_all(ann, now):
    handoff = HandoffFactory(accepted_by=ann, correlation_id="run-1")
    post(reference=handoff.case.reference, correlation_id="run-2", document_ids=())
    handoff = decide(handoff, ann, now=now)
    _receive(handoff, APPLIED, now, correlation_id="run-2")
    states = Recovery.objects.order_by("correlation_id").values_list("correlation_id", "state")
    assert list(states) == [("run-1", "awaiting"), ("run-2", "applied")]
    _receive(handoff, APPLIED, now)
    assert list(states.all()) == [("run-1", "applied"), ("run-2", "applied")]


def test_a_run_that_never_called_has_nothing_to_receive(now):
    handoff = HandoffFactory(resolved=True)
    with refused(NothingToReceive):
        _receive(handoff, APPLIED, now, correlation_id="run-9")


def test_a_receipt_is_for_the_last_decision(ann, now):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, FAILED, now)
    handoff = lifecycle.accept(Handoff.objects.get(), reviewer=ann, now=now)
    handoff = decide(handoff, ann, now=now)
    _receive(handoff, APPLIED, now)
    found = Recovery.objects.order_by("decision__resolution_number").values_list("state", flat=True)
    assert (list(found), Handoff.objects.get().state) == (["failed", "applied"], State.RESOLVED)


def test_a_failure_after_the_case_went_to_a_person_again_reopens_nothing(now):
    handoff = HandoffFactory(resolved=True)
    HandoffFactory(reference=handoff.case.reference)
    _receive(handoff, FAILED, now, detail="bank closed")
    old = Handoff.objects.get(pk=handoff.pk)
    assert (old.state, old.recoveries.get().state, old.history.last().event) == (
        State.RESOLVED,
        RecoveryState.FAILED,
        Event.RECEIPT_RECEIVED,
    )


# --- silence --------------------------------------------------------------------------------------------------------


def test_a_receipt_that_does_not_come_is_noted_once(now):
    handoff = HandoffFactory(resolved=True, opened_ago=timedelta(minutes=20))
    HandoffFactory(resolved=True)
    assert [receipts.note_overdue(now=now) for _ in range(2)] == [1, 0]
    assert _trail(handoff, Event.RECEIPT_OVERDUE) == [("the clock", "", {"recovery": str(handoff.recoveries.get().pk)})]
    assert handoff.recoveries.get().overdue_noted_at == now


def test_a_receipt_that_came_is_never_overdue(now):
    handoff = HandoffFactory(resolved=True, opened_ago=timedelta(minutes=20))
    _receive(handoff, APPLIED, now - timedelta(minutes=10))
    assert receipts.note_overdue(now=now) == 0


def test_a_late_receipt_still_counts(now):
    handoff = HandoffFactory(resolved=True, opened_ago=timedelta(minutes=20))
    receipts.note_overdue(now=now)
    _receive(handoff, APPLIED, now)
    assert Recovery.objects.get().state == RecoveryState.APPLIED


# --- fetched --------------------------------------------------------------------------------------------------------


def test_a_decision_that_the_automation_fetched_counts_as_delivered(now):
    handoff = HandoffFactory(resolved=True)
    assert [receipts.note_fetched(handoff, automation=matcher(), now=now) for _ in range(2)] == [1, 0]
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.delivered_at) == (RecoveryState.DELIVERED, now)
    assert _trail(handoff, Event.DECISION_DELIVERED) == [
        ("invoice-matcher", "", {"recoveries": [str(recovery.pk)], "how": "fetched"})
    ]


def test_what_somebody_else_fetches_is_not_delivered(otto, now):
    handoff = HandoffFactory(resolved=True)
    before = everything()
    assert receipts.note_fetched(handoff, automation=otto, now=now) == 0
    assert everything() == before


def test_what_was_received_is_not_delivered_again(now):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, APPLIED, now)
    assert receipts.note_fetched(handoff, automation=matcher(), now=now + timedelta(seconds=1)) == 0


# --- what the next reviewer is told ---------------------------------------------------------------------------------


def test_the_words_of_a_failed_receipt_are_the_root_cause_of_what_is_decided_next(now, ann):
    handoff = HandoffFactory(resolved=True)
    _receive(handoff, FAILED, now, detail="bank closed")
    again = Handoff.objects.get()
    assert package_of(again)["root_cause"] == "Recovery failed: bank closed"
    assert (again.context_revision_number, again.context_digest != handoff.context_digest) == (2, True)
    held = lifecycle.accept(again, reviewer=ann, now=now)
    assert decide(held, ann, now=now).decisions.last().context_revision_number == 2


# --- steps that are undone one by one -------------------------------------------------------------------------------


@pytest.fixture
def to_undo(ann, now):
    """A handoff whose two steps are to be undone: those steps, the last first."""
    handoff = HandoffFactory(accepted_by=ann, action_taken={"summary": "Paid", "undo": {"payment": 1}})
    post(reference=handoff.case.reference, action_taken={"summary": "Mailed", "undo": {"mail": 2}}, document_ids=())
    handoff = decide(Handoff.objects.get(), ann, "reject", now=now)
    payload = handoff.deliveries.get(event_type="handoff.resolved").payload
    return handoff, [step["attempt"] for step in payload["data"]["decision"]["undo"]]


def test_several_steps_are_undone_in_reverse_order_each_with_its_receipt(to_undo, now):
    handoff, (last, first) = to_undo
    with refused(OutOfOrder, next=last):
        _receive(handoff, ROLLED_BACK, now, attempt=first)
    _receive(handoff, ROLLED_BACK, now, attempt=last, detail="mail recalled")
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.received_at) == (RecoveryState.DELIVERED, None)
    before = everything()
    _receive(handoff, ROLLED_BACK, now, attempt=last, detail="again")
    assert everything() == before
    _receive(handoff, ROLLED_BACK, now, attempt=first, detail="payment p-77")
    recovery = Recovery.objects.get()
    assert (recovery.state, recovery.received_at) == (RecoveryState.ROLLED_BACK, now)
    assert [(step["attempt"], step["detail"]) for step in recovery.steps] == [
        (last, "mail recalled"),
        (first, "payment p-77"),
    ]
    assert [details["attempt"] for _, _, details in _trail(handoff, Event.RECEIPT_RECEIVED)] == [last, first]


def test_a_run_that_did_nothing_is_closed_by_the_word_about_the_whole_after_the_steps(ann, now):
    handoff = HandoffFactory(accepted_by=ann, action_taken={"summary": "Paid", "undo": {"payment": 1}})
    post(reference=handoff.case.reference, correlation_id="run-2", document_ids=())
    handoff = decide(Handoff.objects.get(), ann, "reject", now=now)
    acted, idle = Recovery.objects.exclude(correlation_id="run-2").get(), Recovery.objects.get(correlation_id="run-2")
    _receive(handoff, ROLLED_BACK, now, attempt=str(acted.attempt_id), detail="payment p-77")
    assert [Recovery.objects.get(pk=each.pk).received_at for each in (acted, idle)] == [now, None]
    _receive(handoff, ROLLED_BACK, now, detail="All is undone")
    said = dict(Recovery.objects.filter(state="rolled_back").values_list("pk", "detail"))
    assert said == {acted.pk: "payment p-77", idle.pk: "All is undone"}


def test_a_step_that_cannot_be_undone_brings_it_back_and_what_was_undone_is_not_undone_again(to_undo, ann, now):
    handoff, (last, first) = to_undo
    _receive(handoff, ROLLED_BACK, now, attempt=last)
    _receive(handoff, FAILED, now, attempt=first, detail="bank closed")
    again = Handoff.objects.get()
    assert (again.state, package_of(again)["root_cause"]) == (State.PENDING, "Recovery failed: bank closed")
    later = now + timedelta(seconds=1)
    decided = decide(lifecycle.accept(again, reviewer=ann, now=later), ann, "reject", now=later)
    payload = decided.deliveries.filter(event_type="handoff.resolved").latest("created_at").payload
    assert [step["attempt"] for step in payload["data"]["decision"]["undo"]] == [first]


def test_a_step_that_nobody_asked_to_undo_is_refused(to_undo, now):
    handoff, (last, _) = to_undo
    with refused(Invalid):
        _receive(handoff, ROLLED_BACK, now, attempt="00000000-0000-7000-8000-000000000000")
    with refused(Invalid):
        _receive(handoff, APPLIED, now, attempt=last)
    other = HandoffFactory(resolved=True)
    with refused(Invalid):
        _receive(other, ROLLED_BACK, now, attempt=last)
