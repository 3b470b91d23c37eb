"""Business time by law: what holds for every calendar, zone, moment and pause, checked by a walk along the wall."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from handoffs.rules.calendars import (
    Calendar,
    Hours,
    StretchKind,
    add,
    add_with_pauses,
    explain,
    measure,
    subtract,
)
from handoffs.rules.facts import Pause

ZONES = (
    "Europe/Berlin",
    "America/Chicago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Pacific/Apia",
)
WEEKS = {
    "split": (("08:30-12:15", "13:00-17:00"),) * 5 + ((), ()),
    "night": (("22:00-06:00",),) * 7,
    "small hours": (("01:15-02:30", "02:45-03:10"),) * 7,
    "always": (("00:00-24:00",),) * 7,
    "seldom": ((), ("23:45-00:15",), (), (), (), ("12:00-12:00",), ()),
}
CHANGES = (
    datetime(2026, 3, 29, tzinfo=UTC),  # Berlin, forward
    datetime(2026, 10, 25, tzinfo=UTC),  # Berlin, back
    datetime(2026, 3, 8, tzinfo=UTC),  # Chicago, forward
    datetime(2026, 11, 1, tzinfo=UTC),  # Chicago, back
    datetime(2026, 4, 4, tzinfo=UTC),  # Lord Howe, back by half an hour
    datetime(2026, 10, 3, tzinfo=UTC),  # Lord Howe, forward by half an hour
    datetime(2025, 2, 23, tzinfo=UTC),  # Casablanca, Ramadan begins
    datetime(2025, 4, 6, tzinfo=UTC),  # Casablanca, Ramadan is over
    datetime(2011, 12, 30, tzinfo=UTC),  # Apia, the day that never was
    datetime(2026, 12, 31, tzinfo=UTC),  # the layout's seam
)


def calendar_of(zone: str, week: str, closed: frozenset[date] = frozenset()) -> Calendar:
    weekly = tuple(tuple(Hours.parse(text) for text in day) for day in WEEKS[week])
    return Calendar(key=week, title=week, time_zone=zone, weekly=weekly, closed_dates=closed)


CLOSED = frozenset(change.date() + timedelta(days=2) for change in CHANGES)
calendars = st.builds(
    calendar_of, st.sampled_from(ZONES), st.sampled_from(sorted(WEEKS)), st.sampled_from([frozenset(), CLOSED])
)
moments = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-3 * 86_400, 3 * 86_400),
)
durations = st.integers(0, 40 * 3600)
breaks = st.lists(st.tuples(st.integers(-86_400, 4 * 86_400), st.integers(0, 86_400)), max_size=4)


def pauses_around(start: datetime, pairs: list[tuple[int, int]]) -> tuple[Pause, ...]:
    begins = ((start + timedelta(seconds=delay), timedelta(seconds=length)) for delay, length in pairs)
    return tuple(Pause(started_at=begin, ended_at=begin + length) for begin, length in begins)


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """Look at the clock on the wall and at the hours of the day and of the day before, and at nothing else."""
    wall = moment.astimezone(ZoneInfo(calendar.time_zone)).replace(tzinfo=None)
    return any(
        start <= wall < end
        for day in (wall.date(), wall.date() - timedelta(days=1))
        for start, end in walls(calendar, day)
    )


def walls(calendar: Calendar, day: date) -> list[tuple[datetime, datetime]]:
    if day in calendar.closed_dates:
        return []
    pairs = [(hours.opens, hours.closes) for hours in calendar.weekly[day.weekday()]]
    return [(datetime.combine(day, opens), closing(day, opens, closes)) for opens, closes in pairs]


def closing(day: date, opens: time, closes: time) -> datetime:
    return datetime.combine(day if closes > opens else day + timedelta(days=1), closes)


@given(calendars, moments, st.integers(0, 30 * 60))
@example(calendar_of("Africa/Casablanca", "small hours"), datetime(2025, 2, 23, tzinfo=UTC), 600)
@example(calendar_of("Pacific/Apia", "night"), datetime(2011, 12, 30, tzinfo=UTC), 1500)
def test_business_time_is_what_a_walk_from_minute_to_minute_counts(calendar, start, minutes):
    start = start.replace(second=0)
    walked = [start + timedelta(minutes=minute) for minute in range(minutes)]
    end = start + timedelta(minutes=minutes)
    assert measure(calendar, start, end) == 60 * sum(is_open(calendar, moment) for moment in walked)


@given(calendars, moments, durations)
def test_measure_is_the_inverse_of_add(calendar, start, seconds):
    assert measure(calendar, start, add(calendar, start, seconds)) == seconds


@given(calendars, moments, durations, st.integers(0, 999_999))
def test_the_inverse_holds_between_seconds(calendar, start, seconds, microseconds):
    start += timedelta(microseconds=microseconds)
    assert measure(calendar, start, add(calendar, start, seconds)) == seconds


@given(calendars, moments, durations)
def test_measure_is_the_inverse_of_subtract(calendar, end, seconds):
    assert measure(calendar, subtract(calendar, end, seconds), end) == seconds


@given(calendars, moments, st.integers(1, 40 * 3600))
def test_no_earlier_instant_will_do(calendar, start, seconds):
    due_at = add(calendar, start, seconds)
    assert measure(calendar, start, due_at - timedelta(seconds=1)) == seconds - 1


@given(calendars, moments, st.integers(1, 40 * 3600))
def test_no_later_instant_leaves_enough(calendar, end, seconds):
    start = subtract(calendar, end, seconds)
    assert measure(calendar, start + timedelta(seconds=1), end) == seconds - 1


@given(calendars, moments, durations, durations)
def test_adding_twice_is_adding_once(calendar, start, first, second):
    assume(second > 0)
    assert add(calendar, add(calendar, start, first), second) == add(calendar, start, first + second)


@given(calendars, moments, moments, moments)
def test_measures_add_up(calendar, first, second, third):
    assert measure(calendar, first, third) == measure(calendar, first, second) + measure(calendar, second, third)


@given(calendars, moments, st.integers(1, 86_400), st.integers(1, 40 * 3600))
def test_later_starts_and_longer_targets_are_never_due_earlier(calendar, start, delay, seconds):
    due_at = add(calendar, start, seconds)
    assert add(calendar, start + timedelta(seconds=delay), seconds) >= due_at
    assert add(calendar, start, seconds + delay) > due_at


@given(calendars, moments, durations, st.integers(0, 999), st.integers(0, 3 * 86_400))
def test_a_pause_moves_the_due_time_by_exactly_its_business_time(calendar, start, seconds, permille, length):
    way_seconds = int((add(calendar, start, seconds) - start).total_seconds())
    assume(way_seconds > 0)
    begin = start + timedelta(seconds=way_seconds * permille // 1000)
    pause = Pause(started_at=begin, ended_at=begin + timedelta(seconds=length))
    lost = measure(calendar, pause.started_at, pause.ended_at)
    assert add_with_pauses(calendar, start, seconds, (pause,)) == add(calendar, start, seconds + lost)


@given(calendars, moments, durations, breaks)
def test_the_counted_stretches_are_the_target_and_nothing_is_missing(calendar, start, seconds, pairs):
    pauses = pauses_around(start, pairs)
    due_at = add_with_pauses(calendar, start, seconds, pauses)
    stretches = explain(calendar, start, due_at, pauses)
    assert sum(part.seconds for part in stretches if part.kind is StretchKind.COUNTED) == seconds
    assert sum(part.seconds for part in stretches) == (due_at - start).total_seconds()
    edges = [part.from_at for part in stretches] + [due_at]
    assert [part.to_at for part in stretches] == edges[1:]
    assert all(before.kind is not after.kind for before, after in pairwise(stretches))


@given(calendars, moments, st.integers(1, 40 * 3600), st.randoms(use_true_random=False), breaks)
def test_the_order_of_the_pauses_does_not_matter(calendar, start, seconds, random, pairs):
    pauses = pauses_around(start, pairs)
    shuffled = random.sample(pauses, len(pauses))
    assert add_with_pauses(calendar, start, seconds, pauses) == add_with_pauses(calendar, start, seconds, shuffled)
