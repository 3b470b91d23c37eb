"""Each invariant: what the desk makes holds, and what is planted behind its back is named."""

from datetime import timedelta

import pgtrigger
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from handoffs.actions import delivery, escalation, lifecycle, receipts
from handoffs.actions.delivery import LEASE
from handoffs.choices import DeliveryState, RecoveryState, State
from handoffs.models import Attempt, Case, Decision, Delivery, Handoff, Recovery
from handoffs.queries.invariants import violations
from handoffs.rules.deliveries import Exchange
from tests.factories import EndpointFactory, HandoffFactory, decide, matcher, post, report

pytestmark = pytest.mark.django_db
TRIGGERS = (
    f"{Handoff.history.model._meta.label}:audit_is_append_only",
    "handoffs.Handoff:only_legal_changes_of_state",
    "handoffs.Handoff:handoffs_open_pending",
)


def _found():
    """The violations, without those of the digest chain unless there is nothing else: tampering breaks it too."""
    found = [str(violation) for violation in violations(now=timezone.now(), lease=LEASE)]
    return [words for words in found if "of its trail: " not in words] or found


@pytest.fixture
def behind_its_back():
    """No trigger and no named constraint of the domain stands in the way."""
    pgtrigger.disable(*TRIGGERS)  # `ignore` would speak before each statement, which prepared ones do not allow
    with connection.cursor() as cursor:
        for index in ("one_open_handoff_per_case", "one_attempt_per_idempotency_key", "one_decision_per_resolution"):
            cursor.execute(f"DROP INDEX {index}")
        cursor.execute("ALTER TABLE handoffs_historicalhandoff DROP CONSTRAINT audit_actor_is_never_empty")
        yield


def _copied(row, **changes):
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


# --- what the desk makes --------------------------------------------------------------------------------------------


def test_they_hold_on_an_empty_desk():
    assert _found() == []


def test_they_hold_for_every_way_that_a_handoff_can_go(ann, lea, now):
    EndpointFactory(event_types=["handoff.opened", "handoff.accepted"])
    for way in ("accepted", "returned", "resubmitted", "proposed", "resolved", "withdrawn", "escalated"):
        HandoffFactory(**{way: True})
    post(report(idempotency_key="k-1"))
    said = report(idempotency_key="k-2", content_digest="x")
    assert post(said) == post(said)
    expired = HandoffFactory(opened_ago=timedelta(days=4))
    escalation.fire(expired.pk, now=now)
    failed = HandoffFactory(resolved=True)
    receipts.receive(failed, receipts.Receipt(status=receipts.ReceiptStatus.FAILED), automation=matcher(), now=now)
    decide(lifecycle.accept(failed, reviewer=ann, now=now), ann, now=now)
    for one in delivery.lease(now=timezone.now()):
        delivery.finish(one, Exchange(status=410), now=timezone.now())
    assert _found() == []


def test_the_command_says_so(capsys):
    HandoffFactory(resolved=True)
    call_command("check_invariants")
    assert capsys.readouterr().out == "I1, I2, I3, I4, I5, I6, I7 hold.\n"


def test_the_command_names_each_violation_and_fails(capsys):
    HandoffFactory(reference="INV-1")
    Case.objects.update(attempts_count=3)
    with pytest.raises(CommandError, match=r"1 violation\(s\)"):
        call_command("check_invariants")
    assert capsys.readouterr().err == "I1: case INV-1 counts 3 attempts and has 1\n"


# --- what is planted ------------------------------------------------------------------------------------------------


def test_i1_a_key_that_made_two_attempts(behind_its_back):
    post(report(reference="INV-1", idempotency_key="k-1"))
    _copied(Attempt.objects.get())
    Case.objects.update(attempts_count=2)
    assert _found() == ["I1: invoice-matcher's key k-1 made 2 attempts"]


def test_i1_a_case_with_two_open_handoffs(behind_its_back):
    first, second = HandoffFactory(reference="INV-1"), HandoffFactory()
    Handoff.objects.filter(pk=second.pk).update(case=first.case)
    assert _found() == ["I1: case INV-1 has 2 open handoffs"]


def test_i2_two_decisions_for_one_resolution(behind_its_back):
    handoff = HandoffFactory(resolved=True)
    twin = _copied(Decision.objects.get())
    Recovery.objects.create(
        handoff=handoff,
        decision=twin,
        attempt=handoff.attempts.get(),
        automation=matcher(),
        action="resume",
        created_at=timezone.now(),
    )
    assert _found() == [f"I2: #{handoff.number} has 2 decisions for resolution 1"]


def test_i2_resolved_without_a_decision():
    handoff = HandoffFactory(resolved=True)
    Delivery.objects.all().delete()
    Recovery.objects.all().delete()
    Decision.objects.all().delete()
    assert _found() == [f"I2: #{handoff.number} is resolved without a decision"]


def test_i2_open_although_it_was_decided(behind_its_back):
    handoff = HandoffFactory(resolved=True)
    Handoff.objects.update(state=State.PENDING, next_step_at=timezone.now())
    handoff.history.filter(sequence=3).update(state=State.PENDING, event="released")
    assert _found() == [f"I2: #{handoff.number} is open although it was decided"]


def test_i2_a_person_decided_after_the_cut_off(behind_its_back):
    handoff = HandoffFactory(resolved=True)
    row = handoff.history.get(event="resolved")
    handoff.history.filter(event="resolved").update(cut_off_at=row.history_date)
    assert _found() == [f"I2: #{handoff.number} was decided by Ann after its cut-off ({row.history_date})"]


def test_i2_the_clock_decided_at_another_time(now):
    handoff = HandoffFactory(opened_ago=timedelta(days=4))
    escalation.fire(handoff.pk, now=now)
    Decision.objects.update(decided_at=now)
    assert _found() == [
        f"I2: #{handoff.number} was cut off without a decision that is stamped with the deadline ({handoff.cut_off_at})"
    ]


def test_i3_a_decision_that_nobody_is_told():
    handoff = HandoffFactory(resolved=True)
    Delivery.objects.all().delete()
    Recovery.objects.all().delete()
    assert _found() == [f"I3: #{handoff.number} has a decision that no automation is told"]


@pytest.mark.parametrize("loss", ["deleted", "delivered", "parked"])
def test_i3_a_recovery_that_awaits_what_will_not_come(loss):
    handoff = HandoffFactory(resolved=True)
    if loss == "deleted":
        Delivery.objects.all().delete()
    else:
        Delivery.objects.update(state=loss)
    assert _found() == [f"I3: #{handoff.number} has a recovery that awaits a delivery, and none is queued"]


def test_i3_who_gave_no_address_fetches_the_decision():
    HandoffFactory(resolved=True, callback_url="")
    assert _found() == []


def test_i3_parked_without_a_reason():
    handoff = HandoffFactory(resolved=True)
    Delivery.objects.update(state=DeliveryState.PARKED)
    Recovery.objects.update(state=RecoveryState.PARKED)
    assert _found() == [f"I3: #{handoff.number} has a parked recovery without a reason"]


def test_i4_a_step_that_was_taken_twice(now, behind_its_back):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=61))
    escalation.fire(handoff.pk, now=now)
    row = handoff.history.filter(event="reminded").get()
    _copied(row, sequence=handoff.history.count() + 1)
    Handoff.objects.update(audit_sequence=row.sequence)
    assert _found() == [f"I4: #{handoff.number} took the step reminder:1 twice"]


def test_i4_the_same_step_of_a_new_clock_is_another_step(ann, lea, now):
    handoff = HandoffFactory(opened_ago=timedelta(hours=4))
    first = escalation.fire(handoff.pk, now=now - timedelta(minutes=179))
    handoff = decide(lifecycle.accept(handoff, reviewer=ann, now=now - timedelta(hours=2)), ann, now=now)
    lifecycle.reopen(handoff, actor=lea, reason="Paid twice", now=now - timedelta(minutes=61))
    second = escalation.fire(handoff.pk, now=now)
    assert (first, second, _found()) == ("remind", "remind", [])


def test_i5_a_clock_that_does_not_know_its_next_step():
    handoff = HandoffFactory()
    Handoff.objects.update(next_step_at=None)
    assert _found() == [f"I5: #{handoff.number} has steps left and does not know when"]


def test_i5_a_clock_that_runs_while_it_is_returned():
    handoff = HandoffFactory(returned=True)
    Handoff.objects.update(pauses=[])
    assert _found() == [f"I5: #{handoff.number} is returned, and its clock runs"]


def test_i5_a_step_that_is_late():
    handoff = HandoffFactory()
    due_at = timezone.now() - timedelta(seconds=61)
    Handoff.objects.update(next_step_at=due_at)
    assert _found() == [f"I5: #{handoff.number} waits for a step that was due at {due_at}"]


def test_i5_a_minute_is_not_late():
    HandoffFactory()
    Handoff.objects.update(next_step_at=timezone.now() - timedelta(seconds=55))
    assert _found() == []


def test_i6_a_state_that_the_trail_does_not_tell(ann):
    handoff = HandoffFactory()
    Handoff.objects.update(state=State.IN_PROGRESS, holder=ann)
    assert _found() == [f"I6: #{handoff.number} is in_progress, which is not how its trail ends"]


def test_i6_a_way_that_no_handoff_goes(behind_its_back):
    handoff = HandoffFactory(resolved=True)
    handoff.history.filter(sequence=2).update(state=State.RETURNED)
    assert _found() == [f"I6: #{handoff.number} went from pending to returned in row 2 of its trail"]


@pytest.mark.parametrize("nobody", [{"actor_name": ""}, {"history_user": None}], ids=str)
def test_i6_a_change_that_nobody_made(behind_its_back, nobody):
    handoff = HandoffFactory(accepted=True)
    handoff.history.filter(sequence=2).update(**nobody)
    assert _found() == [f"I6: #{handoff.number} was changed by nobody in row 2 of its trail"]


def test_i6_a_trail_that_was_tampered_with(behind_its_back):
    handoff = HandoffFactory(accepted=True)
    handoff.history.filter(sequence=2).update(reason="because")
    assert _found() == [f"I6: handoff {handoff.pk}, row 2 of its trail: was changed"]


def test_i7_a_message_that_a_dead_worker_holds():
    handoff = HandoffFactory(resolved=True)
    now = timezone.now()
    assert len(delivery.lease(now=now - 2 * LEASE + timedelta(seconds=5))) == 1
    assert _found() == []
    Delivery.objects.update(next_attempt_at=now - LEASE - timedelta(seconds=1))
    delivery_is = f"#{handoff.number} has a message (handoff.resolved)"
    assert _found() == [f"I7: {delivery_is} leased since longer than two leases"]
