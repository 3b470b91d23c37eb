"""Tallies of days that are over: always what the facts say, whatever happened in between."""

from datetime import timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs.actions import feedback, tallies
from handoffs.models import Case, HandoffFact, TalliedDay, TouchedDay
from handoffs.queries.metrics import passes, ranks, tables
from handoffs.queries.metrics.figures import FIGURES, PERCENTILES
from handoffs.queries.metrics.scope import BREAKDOWNS, STRETCHES
from handoffs.queries.metrics.tallies import Tallies, days_due
from tests.factories import HandoffFactory
from tests.queries import metrics_reference as reference
from tests.queries.test_metrics import Walk, histories, scope_for

pytestmark = pytest.mark.django_db

DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LONG_AGO = timedelta(hours=60)
"""In a day that is over, and before the cut-off of the demo's policy."""
FILTERS = ({"workflow": ("invoice-matching",)}, {"role": ("AP clerk",)}, {"policy": ("1",), "priority": ("normal",)})
TIMES = [key for key, figure in FIGURES.items() if figure.kind == "time"]
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")


def asked(scope, by, stretch, now):
    """What pages, API and files ask of a scope."""
    return (
        tables.total(scope, now=now),
        tables.broken_down(scope, by, now=now),
        tables.over_time(scope, stretch, now=now, keys=FIGURES),
        tables.report(scope, by, now=now, total_percentiles=TIMES, group_percentiles=["mttr"]),
    )


def check(scope, by, stretch, now):
    """What tallies tell is what facts tell, to the last digit."""
    told = asked(scope, by, stretch, now)
    with transaction.atomic():
        TalliedDay.objects.all().delete()
        assert told == asked(scope, by, stretch, now)
        transaction.set_rollback(True)


def keep_all(now):
    while tallies.keep(now=now):
        pass


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    histories=histories,
    later=st.lists(st.sampled_from(["withdrawn", "applied", "reversed", "needless", "returned"]), max_size=2),
    hours=st.integers(0, 150),
    zone=st.sampled_from(ZONES),
    by=st.sampled_from(BREAKDOWNS),
    stretch=st.sampled_from([*STRETCHES]),
    filters=st.sampled_from([{}, {}, *FILTERS]),
)
def test_tallies_tell_what_the_facts_tell_whatever_happens_later(
    lea, workflow, now, histories, later, hours, zone, by, stretch, filters
):
    for path, minutes, gap, dear in histories:
        Walk(path, now - (5 * DAY if path == "expired" else LONG_AGO) + minutes % 600 * MINUTE, gap * SECOND, dear)
    waiting = [Walk("pending", now - LONG_AGO + number * HOUR, HOUR, False) for number in range(len(later))]
    scope = scope_for(lea, now - hours * HOUR, now, ZoneInfo(zone), **filters)
    keep_all(now)
    check(scope, by, stretch, now)
    for walk, path in zip(waiting, later, strict=True):
        getattr(walk, f"_{path}")()
    check(scope, by, stretch, now)
    keep_all(now)
    assert not TouchedDay.objects.exists()
    check(scope, by, stretch, now)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    histories=histories,
    earlier=st.integers(1, 100),
    days=st.integers(20, 120),
    hours=st.integers(0, 23),
    zone=st.sampled_from(ZONES),
    by=st.sampled_from(BREAKDOWNS),
    stretch=st.sampled_from(["week", "month"]),
    filters=st.sampled_from([{}, *FILTERS]),
)
def test_months_tell_what_the_facts_tell_whatever_happens_later(
    lea, workflow, now, histories, earlier, days, hours, zone, by, stretch, filters
):
    move(Walk("resolved", now - LONG_AGO, HOUR, False), 100 * DAY)
    for path, minutes, gap, dear in histories:
        walk = Walk(
            path, now - (5 * DAY if path == "expired" else LONG_AGO) + minutes % 600 * MINUTE, gap * SECOND, dear
        )
        move(walk, earlier * DAY)
    for number, later in enumerate((now, now + 2 * tallies.QUIET, now + 4 * tallies.QUIET)):
        scope = scope_for(lea, later - days * DAY - hours * HOUR, later, ZoneInfo(zone), **filters)
        check(scope, by, stretch, later)
        keep_all(later)
        check(scope, by, stretch, later)
        move(walk, number * DAY)  # touches its days, and leaves its months to be added up again


def move(walk, earlier):
    """Have all of it happen so much earlier."""
    moments = ("opened_at", "accepted_at", "taken_at", "resolved_at")
    HandoffFact.objects.filter(pk=walk.handoff.pk).update(**{name: F(name) - earlier for name in moments})
    Case.objects.filter(pk=walk.handoff.case_id).update(first_attempted_at=F("first_attempted_at") - earlier)


def test_a_month_is_read_whole_until_a_day_of_it_is_touched_and_again_when_it_was_quiet(lea, workflow, now):
    walk = Walk("resolved", now - LONG_AGO, HOUR, False)
    move(walk, 100 * DAY)
    HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    scope = scope_for(lea, now - 120 * DAY, now)

    def months(at):
        return {month for month, by in Tallies(scope, "role", now=at).months if by == "role"}

    assert months(now) == set()
    keep_all(now)
    assert len(months(now)) in (2, 3)
    touched = HandoffFact.objects.get(pk=walk.handoff.pk).opened_at + 40 * DAY
    move(walk, -40 * DAY)
    left = months(now)
    assert touched.month not in {month.month for month in left}
    keep_all(now)
    assert months(now) == left
    keep_all(now + tallies.QUIET)
    assert [month.month for month in months(now + tallies.QUIET) - left] == [touched.month]


@pytest.mark.parametrize(("zone", "torn"), [("UTC", 0), ("Europe/Berlin", 0), ("Asia/Kathmandu", 1)])
def test_weeks_of_another_zone_are_read_by_the_hour_and_from_facts_only_where_they_tear_one(
    lea, workflow, now, zone, torn
):
    move(Walk("resolved", now - LONG_AGO, HOUR, False), 30 * DAY)
    keep_all(now)
    tallies_ = Tallies(scope_for(lea, now - 20 * DAY, now, ZoneInfo(zone)), "week", now=now)
    first, *between, last = tallies_.spans
    assert (first[0], last[1]) == (now - 20 * DAY, now)
    assert first[1] - first[0] <= HOUR
    assert {end - start for start, end in between} == ({HOUR} if torn else set())
    check(tallies_.scope, "week", "week", now)


def test_days_with_little_in_them_are_counted_together(lea, workflow, now):
    move(Walk("resolved", now - LONG_AGO, HOUR, False), 50 * DAY)
    assert tallies.keep(now=now, seconds=0) in (52, 53)
    TalliedDay.objects.all().delete()
    with patch.object(tallies, "SPARSE_COUNT", 0):
        assert tallies.keep(now=now, seconds=0) == tallies.DAYS_AT_ONCE


@pytest.mark.parametrize("by", ["workflow", "week", "role"])
def test_a_group_without_a_case_in_the_window_has_no_count_of_cases(lea, workflow, now, by):
    Walk("expired", now - 5 * DAY, SECOND, False)  # resolved by the clock two days ago, in a day that is over
    scope = scope_for(lea, now - 3 * DAY, now)
    keep_all(now)
    check(scope, by, "day", now)
    assert [row.cases_count for row in tables.broken_down(scope, by, now=now)] == [None]


def test_a_finished_day_is_read_from_tallies_until_it_is_touched(lea, workflow, now):
    handoff = HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    scope = scope_for(lea, now - 5 * DAY, now)
    keep_all(now)
    whole = Tallies(scope, "", now=now).days
    assert len(whole) in (2, 3)  # the days since the first handoff, today being none of them
    feedback.give(handoff, feedback.Feedback(person_needed=False), reviewer=handoff.fact.decided_by, now=now)
    touched = handoff.opened_at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert [day for day in whole if day not in Tallies(scope, "", now=now).days] == [touched]
    assert tables.total(scope, now=now).values["false_positives"].hits == 1
    keep_all(now)
    assert Tallies(scope, "", now=now).days == whole
    assert tables.total(scope, now=now).values["false_positives"].hits == 1


def test_what_is_narrowed_by_one_breakdown_is_read_from_tallies_as_a_whole_and_by_workflow(lea, workflow, now):
    HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    keep_all(now)
    of_a_role = scope_for(lea, now - 5 * DAY, now, role=("AP clerk",))
    for by, has_days in (("", True), ("workflow", True), ("role", True), ("week", True), ("outcome", False)):
        assert bool(Tallies(of_a_role, by, now=now).days) is has_days


def test_a_day_is_counted_again_when_a_receipt_of_it_gets_late(lea, workflow, now):
    handoff = HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    due = now + HOUR
    HandoffFact.objects.filter(pk=handoff.pk).update(is_carried=True, receipt_late=False, receipt_due_at=due)
    scope = scope_for(lea, now - 5 * DAY, now)
    keep_all(now)
    for at, late in ((now, 0), (due, 0), (due + timedelta(microseconds=1), 1)):
        assert tables.total(scope, now=at).values["recovery_overdue"].hits == late
    days = Tallies(scope, "", now=now).days
    assert len(Tallies(scope, "", now=due + HOUR).days) == len(days) - 1


def test_tallies_of_other_definitions_are_none(lea, workflow, now):
    HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    keep_all(now)
    TalliedDay.objects.update(definitions="of yesterday")
    assert Tallies(scope_for(lea, now - 5 * DAY, now), "", now=now).days == []
    keep_all(now)
    assert Tallies(scope_for(lea, now - 5 * DAY, now), "", now=now).days


def test_a_change_in_a_finished_day_is_marked_by_its_own_transaction_and_one_of_today_is_not(workflow, now):
    HandoffFactory(opened_at=now)
    assert not TouchedDay.objects.exists()
    HandoffFactory(opened_at=now - LONG_AGO)
    HandoffFactory(opened_at=now - LONG_AGO)
    assert [mark.day.date() for mark in TouchedDay.objects.all()] == [(now - LONG_AGO).date()]


@given(
    lists=st.lists(st.lists(st.integers(-(10**12), 10**12) | st.integers(0, 3)), max_size=6),
    together=st.booleans(),
    short=st.sampled_from([0, 3, ranks.SHORT_COUNT]),
)
def test_percentiles_of_many_lists_are_those_of_all_their_values(lists, together, short):
    ordered = [sorted(one) for one in lists]
    parts = (0, 0.1, 0.5, 0.9, 0.95, 1)
    expected = reference.percentiles([value for one in lists for value in one], parts)
    runs = ranks.Runs()
    with patch.object(ranks, "SHORT_COUNT", short):
        for added in [ordered] if together else [[one] for one in ordered]:
            values = [value for one in added for value in one]
            runs.add(ranks.unpacked(ranks.packed(values)), [len(one) for one in added])
    assert runs.percentiles(parts) == pytest.approx(expected, rel=1e-12)
    with patch.multiple(ranks, SORTED_COUNT=2, SAMPLE_FACTOR=1):
        assert runs.percentiles(parts) == pytest.approx(expected, rel=1e-12)


def test_percentiles_of_many_values_are_those_of_all():
    lists = [[(7919 * number * number) % 10**9 for number in range(start, 40_000, 7)] for start in range(7)]
    runs, several = ranks.Runs(), [ranks.Runs() for _ in range(3)]
    for number, one in enumerate(lists):
        runs.add(sorted(one), [len(one)])
        several[number % 2].add(sorted(one), [len(one)])
    expected = reference.percentiles([value for one in lists for value in one], PERCENTILES)
    assert runs.percentiles(PERCENTILES) == pytest.approx(expected, rel=1e-12)
    assert ranks.Runs.of(several).percentiles(PERCENTILES) == runs.percentiles(PERCENTILES)


@pytest.mark.parametrize("at_once", [1, 10**6])
@pytest.mark.parametrize("by", BREAKDOWNS)
def test_times_are_read_one_by_one_or_together_and_those_of_all_out_of_those_of_groups(lea, workflow, now, by, at_once):
    for number in range(4):
        Walk("resolved", now - LONG_AGO + number * HOUR, (number + 1) * MINUTE, bool(number % 2))
    keep_all(now)
    with patch.object(passes, "VALUES_AT_ONCE", at_once):
        check(scope_for(lea, now - 10 * DAY, now), by, "day", now)


def test_days_are_due_until_the_first_is_counted_and_when_something_of_them_goes_wrong(lea, workflow, now):
    assert not days_due(now).exists()
    handoff = HandoffFactory(resolved=True, opened_at=now - LONG_AGO)
    assert days_due(now).exists()
    keep_all(now)
    assert not days_due(now).exists()
    HandoffFact.objects.filter(pk=handoff.pk).update(not_needed=True)
    assert days_due(now).exists()
    keep_all(now)
    assert not days_due(now).exists()
    assert days_due(now + DAY).exists()
    TalliedDay.objects.update(good_until=now)
    assert [days_due(at).exists() for at in (now, now + SECOND)] == [False, True]
