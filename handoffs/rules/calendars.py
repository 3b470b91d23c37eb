"""Business time: how much of it lies between two moments, and when a given amount of it has passed.

A calendar is open exactly while the clock on its wall shows a time within its hours. From that one sentence follow
both hours of a clock change: an hour that the clock skips is never worked, an hour that it repeats is worked twice.
Who may edit calendars, and which holidays a calendar keeps, is left to whoever builds them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays

from handoffs.choices import Labelled
from handoffs.errors import Invalid
from handoffs.rules.facts import Pause
from handoffs.rules.openings import (
    DAY,
    SECOND,
    CalendarNeverOpens,
    MomentInvalid,
    Openings,
    Span,
    instant_of,
    moment_of,
)

__all__ = [
    "ALWAYS",
    "Calendar",
    "CalendarInvalid",
    "CalendarNeverOpens",
    "Hours",
    "MomentInvalid",
    "Stretch",
    "StretchKind",
    "add",
    "add_with_pauses",
    "explain",
    "holiday_dates",
    "measure",
    "subtract",
]


class CalendarInvalid(Invalid):
    """The calendar cannot exist: an unknown zone or country, or hours that are not hours."""

    code = "calendar_invalid"
    title = "The calendar needs correcting"


@dataclass(frozen=True, slots=True)
class Hours:
    """One stretch of opening on the local clock. Closing at or before the opening means on the next day.

    So 22:00–06:00 is a night shift, 00:00–00:00 the whole day. A night shift belongs to the date on which it begins.
    """

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if any(clock.tzinfo or clock.microsecond for clock in (self.opens, self.closes)):
            raise CalendarInvalid("opening hours are whole seconds of the local clock")

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Read `09:00-17:00`; the end may be written `24:00`. Raises CalendarInvalid."""
        opens, _, closes = text.partition("-")
        try:
            return cls(time.fromisoformat(opens.strip()), time.fromisoformat(closes.strip().replace("24:00", "00:00")))
        except ValueError as error:
            raise CalendarInvalid(f"{text!r} are no opening hours, write 09:00-17:00") from error

    def span(self) -> Span:
        """From and to, in microseconds since the local midnight of the day on which it opens."""
        opens, closes = _since_midnight(self.opens), _since_midnight(self.closes)
        return (opens, closes if closes > opens else closes + DAY)


CLOSED_ALL_WEEK: tuple[tuple[Hours, ...], ...] = ((),) * 7
ALL_DAY = Hours(time(0), time(0))


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """When a team works. `weekly` has the hours of seven days from Monday; a day may have none, one or several.

    On `closed_dates` nothing opens; `special` gives a date its own hours, whatever weekday or holiday it is.
    Raises CalendarInvalid for an unknown zone or a week that has not seven days.
    """

    key: str
    title: str
    time_zone: str
    weekly: tuple[tuple[Hours, ...], ...] = CLOSED_ALL_WEEK
    closed_dates: frozenset[date] = frozenset()
    special: tuple[tuple[date, tuple[Hours, ...]], ...] = ()

    def __post_init__(self) -> None:
        if len(self.weekly) != 7:
            raise CalendarInvalid(f"calendar {self.key}: a week has 7 days, not {len(self.weekly)}")
        _zone(self.time_zone)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The stretches that begin on `day`."""
        if day in self._special_dates:
            return self._special_dates[day]
        return () if day in self.closed_dates else self.weekly[day.weekday()]

    @cached_property
    def _special_dates(self) -> dict[date, tuple[Hours, ...]]:
        return dict(self.special)

    def spans_on(self, day: date) -> Iterator[Span]:
        """The same, in microseconds since the local midnight of `day`."""
        return (hours.span() for hours in self.hours_on(day))

    @cached_property
    def openings(self) -> Openings:
        """The layout in UTC. Equal calendars share it, however often they are loaded."""
        return _openings_of(self)

    def ever_opens(self) -> bool:
        """False for a calendar without any hours."""
        return any(self.weekly) or any(hours for _, hours in self.special)


class StretchKind(Labelled):
    COUNTED = "counted"
    CLOSED = "closed"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the way to a due time. The `seconds` of one kind add up to the whole, to the second."""

    kind: StretchKind
    from_at: datetime
    to_at: datetime
    seconds: int


def holiday_dates(country: str, subdivision: str | None, years: Iterable[int]) -> frozenset[date]:
    """The public holidays of a country (`DE`) and region (`BE`) in the given years. Raises CalendarInvalid."""
    try:
        return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=years))
    except NotImplementedError as error:
        raise CalendarInvalid(f"no holidays are known for {country} {subdivision or ''}".rstrip()) from error


def add(calendar: Calendar, start: datetime, seconds: int) -> datetime:
    """The first instant, in UTC, by which `seconds` of business time have passed after `start`.

    A target that is used up exactly at closing is due at closing; 0 seconds give `start` itself, open or not.
    Raises CalendarNeverOpens if the calendar does not offer that much time, MomentInvalid for a naive `start`.
    """
    return moment_of(calendar.openings.after(instant_of(start), _duration(seconds)))


def subtract(calendar: Calendar, end: datetime, seconds: int) -> datetime:
    """The last instant, in UTC, from which `seconds` of business time remain until `end`; 0 give `end` itself.

    Raises CalendarNeverOpens and MomentInvalid as `add` does.
    """
    return moment_of(calendar.openings.before(instant_of(end), _duration(seconds)))


def measure(calendar: Calendar, start: datetime, end: datetime) -> int:
    """Whole seconds of business time from `start` to `end`, negative if `end` is earlier; the inverse of `add`."""
    lower, upper = instant_of(start), instant_of(end)
    if upper < lower:
        return -measure(calendar, end, start)
    return calendar.openings.between(lower, upper) // SECOND


def add_with_pauses(calendar: Calendar, start: datetime, seconds: int, pauses: Iterable[Pause] = ()) -> datetime | None:
    """As `add`, not counting the pauses; None while an open pause keeps the target from being used up.

    Pauses may touch, overlap, come in any order and begin before `start`. One that begins when the target is used
    up, or later, changes nothing.
    """
    return _used_up(calendar.openings, instant_of(start), _duration(seconds), tuple(pauses))


@lru_cache(maxsize=1024)
def _used_up(openings: Openings, cursor: int, left: int, pauses: tuple[Pause, ...]) -> datetime | None:
    """Kept for a while: a step asks for the moments of its ladder before it fires and again after."""
    for pause_start, pause_end in _merged_pauses(pauses, cursor):
        counted = openings.between(cursor, pause_start)
        if counted >= left:
            break
        if pause_end is None:
            return None
        cursor, left = pause_end, left - counted
    return moment_of(openings.after(cursor, left))


def explain(calendar: Calendar, start: datetime, end: datetime, pauses: Iterable[Pause] = ()) -> tuple[Stretch, ...]:
    """The counted, closed and paused stretches from `start` to `end`, without gaps; a pause hides closing hours."""
    cursor, until = instant_of(start), instant_of(end)
    pieces: list[tuple[StretchKind, int, int]] = []
    for pause_start, pause_end in _merged_pauses(pauses, cursor):
        paused_from = min(pause_start, until)
        paused_to = until if pause_end is None else min(pause_end, until)
        pieces += _open_and_closed(calendar, cursor, paused_from)
        pieces.append((StretchKind.PAUSED, paused_from, paused_to))
        cursor = paused_to
    pieces += _open_and_closed(calendar, cursor, until)
    return _stretches(pieces)


@lru_cache(maxsize=256)
def _openings_of(calendar: Calendar) -> Openings:
    return Openings(calendar.key, _zone(calendar.time_zone), calendar.spans_on, calendar.ever_opens())


def _open_and_closed(calendar: Calendar, start: int, end: int) -> Iterator[tuple[StretchKind, int, int]]:
    cursor = start
    for opens, closes in calendar.openings.spans(start, end):
        yield (StretchKind.CLOSED, cursor, opens)
        yield (StretchKind.COUNTED, opens, closes)
        cursor = closes
    yield (StretchKind.CLOSED, cursor, end)


def _stretches(pieces: Iterable[tuple[StretchKind, int, int]]) -> tuple[Stretch, ...]:
    joined: list[tuple[StretchKind, int, int]] = []
    for kind, start, end in pieces:
        if start >= end:
            continue
        if joined and joined[-1][0] is kind:
            start = joined.pop()[1]
        joined.append((kind, start, end))
    totals = dict.fromkeys(StretchKind, 0)
    return tuple(_stretch(kind, start, end, totals) for kind, start, end in joined)


def _stretch(kind: StretchKind, start: int, end: int, totals: dict[StretchKind, int]) -> Stretch:
    before = totals[kind]
    totals[kind] = before + end - start
    seconds = totals[kind] // SECOND - before // SECOND
    return Stretch(kind=kind, from_at=moment_of(start), to_at=moment_of(end), seconds=seconds)


def _merged_pauses(pauses: Iterable[Pause], start: int) -> list[tuple[int, int | None]]:
    merged: list[tuple[int, int | None]] = []
    for pause in sorted(pauses, key=lambda pause: pause.started_at):
        begin = max(instant_of(pause.started_at), start)
        end = None if pause.ended_at is None else instant_of(pause.ended_at)
        if end is not None and end <= begin:
            continue
        if not merged or (merged[-1][1] is not None and begin > merged[-1][1]):
            merged.append((begin, end))
        elif merged[-1][1] is not None:
            merged[-1] = (merged[-1][0], None if end is None else max(end, merged[-1][1]))
    return merged


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarInvalid(f"unknown time zone {name!r}, write a name such as Europe/Berlin") from error


def _since_midnight(clock: time) -> int:
    return (clock.hour * 3600 + clock.minute * 60 + clock.second) * SECOND


def _duration(seconds: int) -> int:
    if seconds < 0:
        raise ValueError(f"{seconds} s: a target cannot be negative")
    return seconds * SECOND


ALWAYS = Calendar(key="always", title="Around the clock", time_zone="UTC", weekly=((ALL_DAY,),) * 7)
