"""Everything runs at the same time as itself: one wins, the others are told, and the invariants hold."""

import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone

from handoffs.actions import audit, batches, context, decisions, delivery, escalation, intake, lifecycle, receipts
from handoffs.actions.context import locked
from handoffs.choices import DecidedBy, Event, ReceiptStatus, State
from handoffs.errors import AlreadyAccepted, DeadlinePassed, KeyReused, NotAllowed, NotHolder, WrongState
from handoffs.models import Actor, Attempt, Case, Decision, Delivery, Handoff, Note, Recovery
from handoffs.queries import picking
from handoffs.queries.invariants import violations
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.deliveries import Exchange
from tests.factories import CLEAN, CLERK, HandoffFactory, PersonFactory, matcher, post, report, workflow
from tests.faults.crowd import at_once
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db(transaction=True)
DONE = Exchange(status=200)


@pytest.fixture(autouse=True)
def _invariants_hold():
    """After each of them, whoever won."""
    yield
    assert list(violations(now=timezone.now(), lease=delivery.LEASE)) == []


def _clerks(count):
    return [PersonFactory(roles=[CLERK], first_name=f"Clerk {number}") for number in range(count)]


# --- people ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, pytest.param(200, marks=pytest.mark.fault)])
def test_of_fifty_who_accept_one_wins_and_the_others_are_told_who(times):
    clerks = _clerks(50)
    for _ in range(times):
        _fifty_accept(clerks)


def _fifty_accept(clerks):
    handoff = HandoffFactory()
    told = at_once([partial(lifecycle.accept, handoff, reviewer=clerk, now=timezone.now()) for clerk in clerks])
    holder = Handoff.objects.get(pk=handoff.pk).holder
    winners = [clerk for clerk, answer in zip(clerks, told, strict=True) if isinstance(answer, Handoff)]
    losers = Counter((type(answer), answer.details["holder"]) for answer in told if not isinstance(answer, Handoff))
    assert (winners, losers) == ([holder], {(AlreadyAccepted, holder.first_name): 49})
    assert [row.event for row in handoff.history.all()] == ["opened", "accepted"]


def test_twenty_who_take_the_next_get_twenty_different_ones():
    clerks = _clerks(20)
    handoffs = {HandoffFactory().pk for _ in clerks}
    told = at_once([partial(lifecycle.take_next, reviewer=clerk, now=timezone.now()) for clerk in clerks])
    assert {answer.pk for answer in told} == handoffs
    assert {each.holder_id for each in Handoff.objects.all()} == {clerk.pk for clerk in clerks}


def test_who_comes_while_others_take_all_that_is_near_gets_what_is_behind(ann):
    near = [HandoffFactory(opened_ago=timedelta(minutes=30)) for _ in range(picking.LOOKED_AT)]
    behind = HandoffFactory(opened_ago=timedelta(minutes=10))
    with transaction.atomic():
        for each in near:
            locked(each)
        (taken,) = at_once([partial(lifecycle.take_next, reviewer=ann, now=timezone.now())])
    assert taken.pk == behind.pk


def test_who_waited_while_it_moved_up_finds_it_with_its_new_role(ann, bob):
    for _ in range(5):
        handoff = HandoffFactory()
        now = timezone.now()
        told = at_once(
            [
                partial(lifecycle.escalate, handoff, actor=ann, reason="Above my limit", now=now),
                partial(lifecycle.accept, handoff, reviewer=bob, now=now),
                partial(context.add_note, handoff, author=bob, text="Called the vendor", now=now),
            ]
        )
        assert {type(answer) for answer in told} <= {Handoff, Note, NotAllowed, NotHolder}
        assert Handoff.objects.get(pk=handoff.pk).history.filter(event="note_added").count() == 1


def test_of_a_decision_a_release_and_a_withdrawal_one_comes_first(ann):
    for _ in range(10):
        handoff = HandoffFactory(accepted_by=ann)
        now = timezone.now()
        choice = decisions.Choice(outcome="approve_and_pay", context_digest=handoff.context_digest)
        told = at_once(
            [
                partial(decisions.decide, handoff, choice, reviewer=ann, now=now),
                partial(lifecycle.release, handoff, actor=ann, now=now),
                partial(lifecycle.withdraw, handoff, actor=matcher(), reason="Paid by another run", now=now),
            ]
        )
        ends = [answer.state for answer in told if isinstance(answer, Handoff)]
        refusals = {type(answer) for answer in told if not isinstance(answer, Handoff)}
        assert (Handoff.objects.get(pk=handoff.pk).state in ends, refusals <= {WrongState}) == (True, True)


def test_who_is_to_be_told_is_also_who_came_while_the_decision_waited_for_the_lock(ann):
    handoff = HandoffFactory(accepted_by=ann, correlation_id="first")
    choice = decisions.Choice(outcome="approve_and_pay", context_digest=handoff.context_digest)
    deciding = threading.Thread(target=_finish, args=(partial(decisions.decide, handoff, choice, reviewer=ann),))
    with transaction.atomic():
        held = locked(handoff)
        deciding.start()
        _wait_until_somebody_waits()
        late = Attempt.objects.get(handoff=handoff)
        late.pk, late.correlation_id, late._state.adding = Attempt().pk, "late", True
        late.save()
        Case.objects.filter(pk=late.case_id).update(attempts_count=2)
        audit.record(held, Event.OCCURRED_AGAIN, actor=Actor.of(late.automation), now=timezone.now())
    deciding.join(timeout=60)
    assert set(Recovery.objects.values_list("correlation_id", flat=True)) == {"first", "late"}


def test_a_report_that_waited_while_the_handoff_ended_finds_the_case_free():
    handoff, answers = HandoffFactory(), []
    said = report(reference=handoff.case.reference, data=CLEAN)
    reporting = threading.Thread(target=_finish, args=(lambda now: answers.append(post(said, now=now)),))
    with transaction.atomic():
        held = locked(handoff)
        reporting.start()
        _wait_until_somebody_waits()
        held.withdraw(now=timezone.now())
        audit.record(held, Event.WITHDRAWN, actor=Actor.of(held.opened_by), now=timezone.now(), reason="Paid elsewhere")
    reporting.join(timeout=60)
    assert [answer.body["verdict"] for answer in answers] == ["proceed"]
    assert [row.event for row in handoff.history.order_by("sequence")] == [Event.OPENED, Event.WITHDRAWN]


# --- reports --------------------------------------------------------------------------------------------------------


def test_fifty_identical_reports_are_one_attempt_and_get_one_answer():
    workflow()
    said = report(idempotency_key="k-1", content_digest="one")
    told = at_once([partial(intake.receive, said, automation=matcher(), now=timezone.now()) for _ in range(50)])
    stored = Attempt.objects.get().answer
    assert {(answer.status, canonical_dumps(answer.body)) for answer in told} == {(201, canonical_dumps(stored))}
    other = report(idempotency_key="k-1", content_digest="two", reference=said.reference)
    with pytest.raises(KeyReused):
        post(other)
    assert (Attempt.objects.count(), Handoff.objects.count(), Case.objects.get().attempts_count) == (1, 1, 1)


def test_one_key_on_two_cases_at_once_makes_one_attempt():
    workflow()
    said = [report(idempotency_key="k-1", content_digest=str(number)) for number in range(10)]
    told = at_once([partial(intake.receive, each, automation=matcher(), now=timezone.now()) for each in said])
    kinds = Counter(type(answer).__name__ for answer in told)
    assert (kinds, Attempt.objects.count()) == ({"Answer": 1, "KeyReused": 9}, 1)


def test_fifty_reports_without_a_key_open_one_handoff():
    workflow()
    said = report()
    told = at_once([partial(intake.receive, said, automation=matcher(), now=timezone.now()) for _ in range(50)])
    assert Counter(answer.body["verdict"] for answer in told) == {"handoff": 1, "wait": 49}
    assert (Handoff.objects.get().occurrences_count, Attempt.objects.count()) == (50, 50)


def test_a_reopening_and_a_new_report_leave_one_open_handoff(lea):
    for _ in range(10):
        old = HandoffFactory(resolved=True)
        said = report(reference=old.case.reference)
        now = timezone.now()
        at_once(
            [
                partial(lifecycle.reopen, old, actor=lea, reason="Paid twice", now=now),
                partial(intake.receive, said, automation=matcher(), now=now),
            ]
        )
        assert Handoff.objects.open().filter(case=old.case).count() == 1


def test_batches_of_the_same_cases_in_any_order_open_one_handoff_for_each():
    workflow(context={**invoice_matching()["context"], "require": {"fields": ["data.amount"]}})
    reports = [report(reference=f"R-{number}", document_ids=()) for number in range(30)]
    orders = [reports, reports[::-1], reports[10:] + reports[:10], reports[::2]]
    told = at_once([partial(batches.receive_many, each, automation=matcher(), now=timezone.now()) for each in orders])
    verdicts = Counter(str(answer.body["verdict"]) for answers in told for answer in answers)
    assert verdicts == {"handoff": 30, "wait": 75}
    assert (Case.objects.count(), Attempt.objects.count(), Handoff.objects.count()) == (30, 105, 30)


# --- the clock ------------------------------------------------------------------------------------------------------


def test_two_sweeps_at_once_take_each_step_once():
    handoffs = [HandoffFactory(opened_ago=timedelta(hours=2, seconds=5)) for _ in range(20)]
    now = timezone.now()

    def sweep():
        return sum(escalation.fire(pk, now=now) is not None for pk in escalation.due_ids(now=now))

    told = at_once([sweep] * 4)
    assert (sum(told), {each.escalation_level for each in Handoff.objects.all()}) == (len(handoffs), {1})


def test_sweeps_that_fire_the_same_batches_at_once_take_each_step_once():
    handoffs = [HandoffFactory(opened_ago=timedelta(hours=2, seconds=5)) for _ in range(30)]
    now = timezone.now()
    due = escalation.due_ids(now=now)
    batches = [due[at : at + 10] for at in (0, 5, 10, 15, 20)]
    told = at_once([partial(escalation.fire_many, batch, now=now) for batch in batches])
    told.append(escalation.fire_many(due, now=now))  # what two had at once and neither took
    assert (sum(told), {each.escalation_level for each in Handoff.objects.all()}) == (len(handoffs), {1})


@pytest.mark.parametrize("offset_ms", [-50, -10, -2, 0, 2, 10, 50])
def test_a_decision_and_the_cut_off_never_both_count(ann, offset_ms):
    for _ in range(4):
        handoff = HandoffFactory(accepted_by=ann, opened_at=timezone.now() - timedelta(days=3) + timedelta(seconds=0.4))
        choice = decisions.Choice(outcome="approve_and_pay", context_digest=handoff.context_digest)
        moment = handoff.cut_off_at + timedelta(milliseconds=offset_ms)
        by_person, _ = at_once(
            [partial(_decide_at, handoff, choice, ann, moment), partial(_cut_off_at, handoff, handoff.cut_off_at)]
        )
        decided = Decision.objects.get(handoff=handoff)
        if isinstance(by_person, Handoff):
            assert (decided.decided_by_kind, decided.decided_at < handoff.cut_off_at) == (DecidedBy.PERSON, True)
        else:
            assert type(by_person) in (DeadlinePassed, WrongState)
            assert (decided.decided_by_kind, decided.decided_at) == (DecidedBy.CLOCK, handoff.cut_off_at)


def _sleep_until(moment):
    time.sleep(max(0.0, (moment - timezone.now()).total_seconds()))


def _decide_at(handoff, choice, reviewer, moment):
    _sleep_until(moment)
    return decisions.decide(handoff, choice, reviewer=reviewer, now=timezone.now())


def _cut_off_at(handoff, moment):
    """As a sweep that looks every few milliseconds."""
    _sleep_until(moment)
    while Handoff.objects.get(pk=handoff.pk).state != State.RESOLVED:
        escalation.fire(handoff.pk, now=timezone.now())
        time.sleep(0.005)


# --- the way back ---------------------------------------------------------------------------------------------------


def test_no_message_is_leased_by_two_workers():
    for _ in range(12):
        HandoffFactory(resolved=True)
    now = timezone.now()
    leased = []
    for _ in range(4):  # who looks at a row takes it or leaves it to the next
        told = at_once([partial(delivery.lease, now=now, limit=5)] * 4)
        leased += [one.delivery_id for batch in told for one in batch]
    assert (len(leased), len(set(leased))) == (12, 12)


def test_a_receipt_and_the_end_of_its_delivery_do_not_lock_each_other_out():
    handoff = HandoffFactory(resolved=True)
    leased = delivery.lease(now=timezone.now())[0]
    finishing = threading.Thread(target=_finish, args=(partial(delivery.finish, leased, DONE),))
    with transaction.atomic():
        locked(handoff)  # as a receipt does first
        finishing.start()
        _wait_until_somebody_waits()
        Recovery.objects.select_for_update(nowait=True).get()  # and then this, which nobody else may hold
    finishing.join(timeout=60)
    assert (finishing.is_alive(), Delivery.objects.get().state) == (False, "delivered")


def test_delivery_receipt_and_fetching_meet_without_an_error():
    for _ in range(10):
        handoff = HandoffFactory(resolved=True)
        leased = delivery.lease(now=timezone.now())[0]
        now = timezone.now()
        receipt = receipts.Receipt(status=ReceiptStatus.APPLIED)
        told = at_once(
            [
                partial(delivery.finish, leased, DONE, now=now),
                partial(receipts.receive, handoff, receipt, automation=matcher(), now=now),
                partial(receipts.note_fetched, handoff, automation=matcher(), now=now),
            ]
        )
        assert [answer for answer in told if isinstance(answer, Exception)] == []
        assert Recovery.objects.get(handoff=handoff).state == "applied"


def _finish(act):
    try:
        act(now=timezone.now())
    finally:
        connection.close()


def _wait_until_somebody_waits():
    for _ in range(6000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waited for the lock")
