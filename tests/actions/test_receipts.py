"""What automations say came of a decision, and what follows from their silence."""

from datetime import timedelta

import pytest

from handoffs.actions import lifecycle, receipts
from handoffs.actions.receipts import NothingToReceive, Receipt
from handoffs.choices import Event, ReceiptStatus, RecoveryState, State
from handoffs.errors import AlreadyReceived, DigestMismatch
from handoffs.models import Handoff, Recovery
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
    assert [(row.event, row.actor_name, row.reason) for row in again.history.all()][-2:] == [
        ("receipt_received", "invoice-matcher", "bank closed"),
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


def test_a_receipt_for_another_context_is_refused(now):
    handoff = HandoffFactory(resolved=True)
    with refused(DigestMismatch, context_digest=handoff.context_digest):
        _receive(handoff, APPLIED, now, context_digest="sha256:0")
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
