"""Business time by example: each row is a moment that a person can check with a calendar on the wall."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from handoffs.rules.calendars import (
    ALWAYS,
    Calendar,
    CalendarInvalid,
    CalendarNeverOpens,
    Hours,
    MomentInvalid,
    Stretch,
    StretchKind,
    add,
    add_with_pauses,
    explain,
    holiday_dates,
    measure,
    subtract,
)
from handoffs.rules.facts import Pause

MINUTE, HOUR = 60, 3600


def hours(*texts: str) -> tuple[Hours, ...]:
    return tuple(Hours.parse(text) for text in texts)


def every_day(key: str, zone: str, *texts: str) -> Calendar:
    return Calendar(key=key, title=key, time_zone=zone, weekly=(hours(*texts),) * 7)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


OFFICE = Calendar(
    key="office",
    title="Berlin office",
    time_zone="Europe/Berlin",
    weekly=(hours("09:00-12:00", "13:00-17:00"),) * 5 + ((),) * 2,
    closed_dates=frozenset({date(2026, 4, 3), date(2026, 4, 6)}),
    special=((date(2026, 4, 6), hours("10:00-11:00")), (date(2026, 4, 11), hours("09:00-10:00"))),
)
NIGHT = every_day("night", "America/Chicago", "22:00-06:00")
EARLY = every_day("early", "Australia/Lord_Howe", "00:00-08:00")
RABAT = every_day("rabat", "Africa/Casablanca", "09:00-17:00")
PUNE = every_day("pune", "Asia/Kolkata", "10:00-19:00")
SAMOA = every_day("samoa", "Pacific/Apia", "09:00-17:00")
TWILIGHT = every_day("twilight", "Europe/Berlin", "02:30-04:00")
OVERLAP = every_day("overlap", "UTC", "22:00-06:00", "05:00-09:00", "09:00-10:00")
CHRISTMAS = Calendar(
    key="christmas",
    title="Nights without Christmas",
    time_zone="UTC",
    weekly=(hours("22:00-06:00"),) * 7,
    closed_dates=frozenset({date(2026, 12, 25)}),
)

DUE = {
    "the weekend of a clock change": (OFFICE, "2026-03-27T16:30+01:00", HOUR, "2026-03-30T09:30+02:00"),
    "used up exactly at closing": (OFFICE, "2026-03-27T16:30+01:00", 30 * MINUTE, "2026-03-27T17:00+01:00"),
    "over lunch": (OFFICE, "2026-03-25T11:30+01:00", HOUR, "2026-03-25T13:30+01:00"),
    "used up exactly at lunch": (OFFICE, "2026-03-25T11:30+01:00", 30 * MINUTE, "2026-03-25T12:00+01:00"),
    "starting while closed": (OFFICE, "2026-03-28T12:00+01:00", HOUR, "2026-03-30T10:00+02:00"),
    "nothing to wait for": (OFFICE, "2026-03-28T12:00+01:00", 0, "2026-03-28T12:00+01:00"),
    "special hours on a holiday": (OFFICE, "2026-04-02T17:00+02:00", HOUR, "2026-04-06T11:00+02:00"),
    "a special Saturday": (OFFICE, "2026-04-10T16:30+02:00", HOUR, "2026-04-11T09:30+02:00"),
    "a night with one hour twice": (NIGHT, "2026-10-31T22:00-05:00", 9 * HOUR, "2026-11-01T06:00-06:00"),
    "a night with one hour less": (NIGHT, "2026-03-07T22:00-06:00", 7 * HOUR, "2026-03-08T06:00-05:00"),
    "a change of half an hour": (EARLY, "2026-04-05T00:00+11:00", 8 * HOUR + 1800, "2026-04-05T08:00+10:30"),
    "the clock of Ramadan": (RABAT, "2025-02-22T16:00+01:00", 2 * HOUR, "2025-02-23T10:00+00:00"),
    "half-hour zone": (PUNE, "2026-05-04T18:30+05:30", HOUR, "2026-05-05T10:30+05:30"),
    "the day that Samoa skipped": (SAMOA, "2011-12-29T16:00-10:00", 2 * HOUR, "2011-12-31T10:00+14:00"),
    "over New Year": (NIGHT, "2026-12-31T22:00-06:00", 9 * HOUR, "2027-01-01T23:00-06:00"),
    "overlapping hours count once": (OVERLAP, "2026-05-04T22:00+00:00", 12 * HOUR, "2026-05-05T10:00+00:00"),
    "a night into a holiday ends": (CHRISTMAS, "2026-12-24T23:00+00:00", 7 * HOUR, "2026-12-25T06:00+00:00"),
    "no night begins on a holiday": (CHRISTMAS, "2026-12-25T06:00+00:00", HOUR, "2026-12-26T23:00+00:00"),
    "around the clock": (ALWAYS, "2026-10-24T12:00+02:00", 24 * HOUR, "2026-10-25T11:00+01:00"),
    "microseconds are kept": (ALWAYS, "2026-05-04T00:00:00.000007+00:00", 1, "2026-05-04T00:00:01.000007+00:00"),
}

WORKED = {
    "an opening that the clock skips": (TWILIGHT, "2026-03-29T00:00+01:00", "2026-03-29T12:00+02:00", HOUR),
    "an opening that comes twice": (TWILIGHT, "2026-10-25T00:00+02:00", "2026-10-25T12:00+01:00", 2 * HOUR),
    "half an hour more": (EARLY, "2026-04-05T00:00+11:00", "2026-04-06T00:00+10:30", 8 * HOUR + 1800),
    "half an hour less": (EARLY, "2026-10-04T00:00+10:30", "2026-10-05T00:00+11:00", 7 * HOUR + 1800),
    "a week with Good Friday": (OFFICE, "2026-03-30T00:00+02:00", "2026-04-06T00:00+02:00", 4 * 7 * HOUR),
    "backwards": (OFFICE, "2026-03-25T13:30+01:00", "2026-03-25T11:30+01:00", -HOUR),
    "less than a second": (ALWAYS, "2026-03-25T13:30:00.5+00:00", "2026-03-25T13:30:01.4+00:00", 0),
    "a year around the clock": (ALWAYS, "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00", 365 * 24 * HOUR),
}


@pytest.mark.parametrize(("calendar", "start", "seconds", "due"), DUE.values(), ids=DUE)
def test_a_target_is_due_when_its_business_time_has_passed(calendar, start, seconds, due):
    assert add(calendar, utc(start), seconds) == utc(due)


@pytest.mark.parametrize(("calendar", "start", "seconds", "due"), DUE.values(), ids=DUE)
def test_the_way_to_a_due_time_measures_the_target(calendar, start, seconds, due):
    assert measure(calendar, utc(start), utc(due)) == seconds


@pytest.mark.parametrize(("calendar", "start", "end", "seconds"), WORKED.values(), ids=WORKED)
def test_business_time_between_two_moments(calendar, start, end, seconds):
    assert measure(calendar, utc(start), utc(end)) == seconds


def test_counting_back_ends_at_the_opening_and_not_at_the_closing_before():
    assert subtract(OFFICE, utc("2026-03-30T11:00+02:00"), 2 * HOUR) == utc("2026-03-30T09:00+02:00")
    assert subtract(OFFICE, utc("2026-03-30T11:00+02:00"), 3 * HOUR) == utc("2026-03-27T16:00+01:00")
    assert subtract(NIGHT, utc("2027-01-01T22:00-06:00"), 7 * HOUR) == utc("2026-12-31T23:00-06:00")
    assert subtract(OFFICE, utc("2026-03-28T11:00+01:00"), 0) == utc("2026-03-28T11:00+01:00")


def test_moments_come_back_in_utc():
    assert add(OFFICE, datetime.fromisoformat("2026-03-25T11:30+01:00"), 0).tzinfo is UTC
    assert add(OFFICE, datetime.fromisoformat("2026-03-25T11:30+01:00"), 60).tzinfo is UTC


def test_a_calendar_without_hours_never_opens():
    closed = Calendar(key="closed", title="Closed", time_zone="UTC")
    for count in (add, subtract, add_with_pauses):
        with pytest.raises(CalendarNeverOpens, match="calendar closed is not open for 1 s"):
            count(closed, utc("2026-03-25T11:30+00:00"), 1)
    assert measure(closed, utc("2026-01-01T00:00+00:00"), utc("2027-01-01T00:00+00:00")) == 0


def test_a_calendar_with_too_little_time_never_opens_for_so_long():
    once = Calendar(key="once", title="Once", time_zone="UTC", special=((date(2026, 5, 4), hours("09:00-10:00")),))
    assert add(once, utc("2026-01-01T00:00+00:00"), HOUR) == utc("2026-05-04T10:00+00:00")
    with pytest.raises(CalendarNeverOpens):
        add(once, utc("2026-01-01T00:00+00:00"), HOUR + 1)
    with pytest.raises(CalendarNeverOpens):
        subtract(once, utc("2026-06-01T00:00+00:00"), HOUR + 1)


@pytest.mark.parametrize("moment", [datetime(2026, 3, 25), datetime(9999, 5, 1, tzinfo=UTC)])
def test_a_moment_without_zone_or_beyond_all_calendars_is_refused(moment):
    with pytest.raises(MomentInvalid):
        add(OFFICE, moment, 60)
    with pytest.raises(MomentInvalid):
        measure(OFFICE, moment, moment)


def test_a_moment_that_no_clock_in_utc_can_show_is_refused():
    with pytest.raises(MomentInvalid):
        add(OFFICE, datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), 0)


def test_a_negative_target_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        add(OFFICE, utc("2026-03-25T11:30+01:00"), -1)


def test_a_calendar_that_cannot_exist_is_refused():
    with pytest.raises(CalendarInvalid, match="Mars/Olympus"):
        Calendar(key="mars", title="Mars", time_zone="Mars/Olympus")
    with pytest.raises(CalendarInvalid, match="7 days, not 1"):
        Calendar(key="short", title="Short", time_zone="UTC", weekly=(hours("09:00-17:00"),))


@pytest.mark.parametrize("text", ["", "09:00", "9-17", "25:00-26:00", "24:00-08:00", "09:00+02:00-17:00"])
def test_hours_that_are_no_hours_are_refused(text):
    with pytest.raises(CalendarInvalid):
        Hours.parse(text)


def test_hours_may_end_at_24():
    assert Hours.parse("18:00-24:00") == Hours(time(18), time(0))
    assert Hours.parse("00:00-24:00").span() == (0, 86_400_000_000)


def test_equal_calendars_share_their_layout():
    again = every_day("night", "America/Chicago", "22:00-06:00")
    assert again is not NIGHT
    assert again.openings is NIGHT.openings


def test_holidays_come_by_country_and_region():
    assert date(2026, 3, 8) in holiday_dates("DE", "BE", [2026, 2027])
    assert date(2026, 3, 8) not in holiday_dates("DE", None, [2026, 2027])
    assert {day.year for day in holiday_dates("US", "", [2026])} == {2026}


@pytest.mark.parametrize(("country", "subdivision"), [("XX", None), ("DE", "XX")])
def test_unknown_holidays_are_refused_by_name(country, subdivision):
    with pytest.raises(CalendarInvalid, match=country):
        holiday_dates(country, subdivision, [2026])


def pause(start: str, end: str | None) -> Pause:
    return Pause(started_at=utc(start), ended_at=end and utc(end))


def test_a_pause_moves_the_due_time_by_its_business_time():
    start = utc("2026-03-25T09:00+01:00")
    pauses = (pause("2026-03-25T11:00+01:00", "2026-03-25T14:00+01:00"),)
    assert add_with_pauses(OFFICE, start, 4 * HOUR, ()) == utc("2026-03-25T14:00+01:00")
    assert add_with_pauses(OFFICE, start, 4 * HOUR, pauses) == utc("2026-03-25T16:00+01:00")


def test_pauses_may_overlap_touch_repeat_and_begin_before_the_clock():
    start = utc("2026-05-04T10:00+00:00")
    pauses = (
        pause("2026-05-04T12:00+00:00", "2026-05-04T13:00+00:00"),
        pause("2026-05-04T09:00+00:00", "2026-05-04T10:30+00:00"),
        pause("2026-05-04T12:30+00:00", "2026-05-04T12:40+00:00"),
        pause("2026-05-04T13:00+00:00", "2026-05-04T13:30+00:00"),
        pause("2026-05-03T09:00+00:00", "2026-05-03T10:00+00:00"),
    )
    assert add_with_pauses(ALWAYS, start, 2 * HOUR, pauses) == utc("2026-05-04T14:00+00:00")


def test_an_open_pause_stops_the_clock_unless_the_target_is_used_up_already():
    start, pauses = utc("2026-05-04T10:00+00:00"), (pause("2026-05-04T12:00+00:00", None),)
    assert add_with_pauses(ALWAYS, start, 2 * HOUR + 1, pauses) is None
    assert add_with_pauses(ALWAYS, start, 2 * HOUR, pauses) == utc("2026-05-04T12:00+00:00")


def stretch(kind: StretchKind, start: str, end: str) -> Stretch:
    seconds = int((utc(end) - utc(start)).total_seconds())
    return Stretch(kind=kind, from_at=utc(start), to_at=utc(end), seconds=seconds)


def test_the_stretches_lead_to_the_due_time_without_gaps():
    start, pauses = utc("2026-03-27T11:00+01:00"), (pause("2026-03-27T11:30+01:00", "2026-03-27T14:00+01:00"),)
    due_at = add_with_pauses(OFFICE, start, 4 * HOUR, pauses)
    assert explain(OFFICE, start, due_at, pauses) == (
        stretch(StretchKind.COUNTED, "2026-03-27T11:00+01:00", "2026-03-27T11:30+01:00"),
        stretch(StretchKind.PAUSED, "2026-03-27T11:30+01:00", "2026-03-27T14:00+01:00"),
        stretch(StretchKind.COUNTED, "2026-03-27T14:00+01:00", "2026-03-27T17:00+01:00"),
        stretch(StretchKind.CLOSED, "2026-03-27T17:00+01:00", "2026-03-30T09:00+02:00"),
        stretch(StretchKind.COUNTED, "2026-03-30T09:00+02:00", "2026-03-30T09:30+02:00"),
    )


def test_an_opening_over_new_year_is_one_stretch():
    start, end = "2026-12-31T12:00+00:00", "2027-01-01T12:00+00:00"
    assert explain(ALWAYS, utc(start), utc(end)) == (stretch(StretchKind.COUNTED, start, end),)


def test_an_open_pause_is_shown_up_to_the_end():
    start, end = "2026-05-04T10:00+00:00", "2026-05-04T15:00+00:00"
    assert explain(ALWAYS, utc(start), utc(end), (pause("2026-05-04T12:00+00:00", None),)) == (
        stretch(StretchKind.COUNTED, start, "2026-05-04T12:00+00:00"),
        stretch(StretchKind.PAUSED, "2026-05-04T12:00+00:00", end),
    )


def test_parts_of_seconds_add_up_to_the_whole():
    start, half = utc("2026-05-04T10:00+00:00"), timedelta(seconds=1.5)
    pauses = (Pause(started_at=start + half, ended_at=start + 2 * half),)
    stretches = explain(ALWAYS, start, start + 3 * half, pauses)
    assert [part.seconds for part in stretches] == [1, 1, 2]
