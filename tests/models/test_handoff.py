"""What the handoff's table promises by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs.choices import Priority, State
from handoffs.models import Handoff
from handoffs.rules.facts import ClockFacts, DueTimes, Pause
from tests.factories import HandoffFactory, ann, post, report
from tests.refusals import refused_by_the_database

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_case_has_one_open_handoff_at_most():
    handoff = HandoffFactory()
    twin = Handoff.objects.get(pk=handoff.pk)
    twin.pk, twin.number = None, handoff.number + 1_000_000
    with refused_by_the_database("one_open_handoff_per_case"):
        Handoff.objects.bulk_create([twin])


@pytest.mark.parametrize("end", ["resolved", "withdrawn"])
def test_a_case_may_be_handed_off_again_once_the_first_handoff_is_over(end):
    first = HandoffFactory(**{end: True})
    second = HandoffFactory(reference=first.case.reference)
    assert (second.case_id, second.pk == first.pk) == (first.case_id, False)


def test_somebody_holds_it_exactly_while_it_is_worked_on():
    waiting, held = HandoffFactory(), HandoffFactory(accepted=True)
    with refused_by_the_database("held_exactly_while_worked_on"):
        Handoff.objects.filter(pk=waiting.pk).update(holder=ann())
    with refused_by_the_database("held_exactly_while_worked_on"):
        Handoff.objects.filter(pk=held.pk).update(holder=None)


def test_what_is_resolved_says_when():
    handoff = HandoffFactory(resolved=True)
    with refused_by_the_database("resolved_has_a_time"):
        Handoff.objects.filter(pk=handoff.pk).update(resolved_at=None)


def test_handoffs_are_numbered_upwards():
    numbers = [HandoffFactory().number for _ in range(3)]
    assert numbers == list(range(numbers[0], numbers[0] + 3))


def test_the_most_urgent_is_what_is_due_first_then_what_matters_more_then_what_waits_longest(now):
    early, late = now - timedelta(hours=2), now - timedelta(hours=1)
    due_later = HandoffFactory(opened_at=late)
    due_first = HandoffFactory(opened_at=early)
    unlimited, important, older = (HandoffFactory(opened_at=late) for _ in range(3))
    Handoff.objects.filter(pk__in=[unlimited.pk, important.pk, older.pk]).update(due_at=None)
    Handoff.objects.filter(pk=important.pk).update(priority=40)
    Handoff.objects.filter(pk=older.pk).update(opened_at=early)
    found = list(Handoff.objects.most_urgent_first())
    assert found == [due_first, due_later, important, older, unlimited]


def test_adjectives_filter(now):
    mine = ann()
    overdue, held = HandoffFactory(overdue=True), HandoffFactory(accepted_by=mine)
    proposed = HandoffFactory(proposed=True, accepted_by=None)
    HandoffFactory(resolved=True, overdue=True)
    HandoffFactory(withdrawn=True)
    found = {
        "open": set(Handoff.objects.open()),
        "pending": set(Handoff.objects.pending()),
        "held": set(Handoff.objects.held_by(mine)),
        "overdue": set(Handoff.objects.overdue(now)),
    }
    assert found == {"open": {overdue, held, proposed}, "pending": {overdue}, "held": {held}, "overdue": {overdue}}


def test_a_step_is_due_at_its_moment_and_only_while_the_handoff_is_open(now):
    due, later, over = HandoffFactory(), HandoffFactory(), HandoffFactory(withdrawn=True)
    Handoff.objects.filter(pk__in=[due.pk, over.pk]).update(next_step_at=now)
    Handoff.objects.filter(pk=later.pk).update(next_step_at=now + timedelta(microseconds=1))
    assert list(Handoff.objects.step_due(now)) == [due]


def test_the_clock_facts_are_what_the_row_says():
    handoff = HandoffFactory(returned=True, opened_at=NOON, accepted_by=ann())
    assert handoff.clock() == ClockFacts(
        state=State.RETURNED,
        clock_started_at=NOON,
        accepted_at=NOON + timedelta(seconds=1),
        last_activity_at=NOON + timedelta(seconds=2),
        fixed_resolve_by=None,
        pauses=(Pause(started_at=NOON + timedelta(seconds=2), ended_at=None),),
        steps_done=frozenset(),
    )


def test_what_counts_is_the_time_to_accept_until_it_was_accepted():
    due = DueTimes(accept_by=NOON, resolve_by=NOON + timedelta(hours=7), cut_off_at=NOON + timedelta(days=3))
    handoff, accepted = Handoff(), Handoff(accepted_since_start_at=NOON)
    handoff.set_due(due)
    accepted.set_due(due)
    assert (handoff.due_at, accepted.due_at) == (due.accept_by, due.resolve_by)


def test_a_priority_is_stored_as_a_rank_and_read_as_a_word():
    ranks = {rank: Handoff(priority=rank).priority_word for rank in (10, 20, 30, 40)}
    assert ranks == {10: Priority.LOW, 20: Priority.NORMAL, 30: Priority.HIGH, 40: Priority.URGENT}


def test_an_attempt_is_posted_once_per_key():
    post(report(idempotency_key="k-1", content_digest="a"))
    attempt = HandoffFactory().attempts.get()
    with refused_by_the_database("one_attempt_per_idempotency_key"):
        type(attempt).objects.filter(pk=attempt.pk).update(idempotency_key="k-1")
