"""The automation acts first; a person confirms or reverts; what is reverted goes back with how to undo it."""

from datetime import timedelta

import pytest

from handoffs.actions import escalation, intake, lifecycle, receipts
from handoffs.choices import ReceiptStatus, State
from handoffs.models import Delivery, Handoff, Recovery
from handoffs.queries import undo
from tests import factories

OUTCOMES = [
    {"key": "confirm", "kind": "approve", "recovery": "mark_resolved"},
    {"key": "revert", "kind": "reject", "recovery": "roll_back"},
]
SUPERVISION = {"sample": {"percent": 0}, "always_when": {"field": "data.amount", "is": ">", "value": 100}}


@pytest.fixture
def supervised(db):
    return factories.workflow(
        pattern="supervised",
        triggers=[],
        outcomes=OUTCOMES,
        suggest=[],
        supervision=SUPERVISION,
        context={"fields": [{"field": "data.amount"}]},
        sla={"cut_off": {"after": "1h", "outcome": "confirm"}},
    )


def done(payment="p-77", **fields):
    taken = {"summary": f"Paid {payment}", "undo": {"payment_id": payment, "amount": "120.00"}}
    return factories.report(action_taken=taken, data={"amount": "120.00"}, document_ids=(), **fields)


def revert(handoff_id, now):
    ann = factories.ann()
    handoff = lifecycle.accept(Handoff.objects.get(pk=handoff_id), reviewer=ann, now=now)
    return factories.decide(handoff, ann, "revert", now=now)


def test_what_is_not_reviewed_proceeds(supervised, now):
    said = factories.report(action_taken={"summary": "Paid"}, data={"amount": "99.00"}, document_ids=())
    answer = factories.post(said, now=now)
    assert (answer.body["verdict"], answer.body["reason"]) == ("proceed", "no_trigger")
    assert not Handoff.objects.exists()


def test_what_is_reviewed_is_handed_off_by_the_supervision(supervised, now):
    answer = factories.post(done(), now=now)
    assert (answer.status, answer.body["verdict"]) == (201, "handoff")
    assert Handoff.objects.get().primary_trigger == "supervision"


def test_a_revert_carries_the_undo_that_was_posted(supervised, now):
    answer = factories.post(done(), now=now)
    revert(answer.body["handoff"]["id"], now)
    message = Delivery.objects.get(event_type="handoff.resolved").payload["data"]
    assert message["decision"]["undo"] == [
        {"attempt": answer.body["attempt"], "summary": "Paid p-77", "undo": {"payment_id": "p-77", "amount": "120.00"}}
    ]


def test_several_steps_are_undone_last_first_and_each_caller_hears_of_its_own(supervised, now):
    first = factories.post(done("p-1", reference="R-1"), now=now - timedelta(seconds=9))
    factories.post(done("p-2", reference="R-1"), now=now - timedelta(seconds=8))
    factories.post(done("p-3", reference="R-1", correlation_id="run-8"), now=now - timedelta(seconds=7))
    handoff = revert(first.body["handoff"]["id"], now)
    told = {
        delivery.payload["data"]["correlation_id"]: [
            step["undo"]["payment_id"] for step in delivery.payload["data"]["decision"]["undo"]
        ]
        for delivery in Delivery.objects.filter(event_type="handoff.resolved")
    }
    assert told == {"run-7": ["p-2", "p-1"], "run-8": ["p-3"]}
    steps = undo.steps_of(handoff, handoff.decisions.get())
    assert [step["summary"] for step in undo.steps_by(factories.matcher(), steps)] == [
        "Paid p-3",
        "Paid p-2",
        "Paid p-1",
    ]
    assert undo.steps_by(factories.ann(), steps) == []


def test_a_confirmation_has_nothing_to_undo(supervised, now):
    answer = factories.post(done(), now=now)
    ann = factories.ann()
    handoff = lifecycle.accept(Handoff.objects.get(pk=answer.body["handoff"]["id"]), reviewer=ann, now=now)
    factories.decide(handoff, ann, "confirm", now=now)
    assert "undo" not in Delivery.objects.get(event_type="handoff.resolved").payload["data"]["decision"]


def test_the_rollback_has_a_receipt_of_its_own(supervised, now):
    answer = factories.post(done(), now=now)
    handoff = revert(answer.body["handoff"]["id"], now)
    receipt = receipts.Receipt(status=ReceiptStatus.ROLLED_BACK, detail="Payment p-77 taken back")
    receipts.receive(handoff, receipt, automation=factories.matcher(), now=now)
    assert Recovery.objects.get().state == "rolled_back"


def test_what_nobody_reviews_is_confirmed_at_the_cut_off(supervised, now):
    factories.post(done(), now=now - timedelta(hours=2))
    (due,) = escalation.due_ids(now=now)
    escalation.fire(due, now=now)
    handoff = Handoff.objects.get()
    assert handoff.state == State.RESOLVED
    decision = handoff.decisions.get()
    assert (decision.outcome, decision.decided_by_kind) == ("confirm", "clock")


def test_a_refund_reported_twice_under_one_key_is_one(supervised, now):
    said = done(reference="R-5", idempotency_key="k")
    assert intake.receive(said, automation=factories.matcher(), now=now).body["verdict"] == "handoff"
    intake.receive(said, automation=factories.matcher(), now=now)
    assert Handoff.objects.get().attempts.count() == 1
