"""Calendars in words: what the coming days look like, and what an edit changed. Nothing here counts time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import holidays

from handoffs.rules.calendars import Calendar

DAYS: Mapping[str, str] = {
    "mon": "Monday",
    "tue": "Tuesday",
    "wed": "Wednesday",
    "thu": "Thursday",
    "fri": "Friday",
    "sat": "Saturday",
    "sun": "Sunday",
}
DATES_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Day:
    """One date of a calendar: the hours that begin on it, as `09:00–17:00`, or why there are none."""

    on: date
    hours: tuple[str, ...]
    closed_because: str = ""


@dataclass(frozen=True, kw_only=True)
class Edition:
    """What a calendar said after one edit."""

    title: str
    time_zone: str
    weekly_hours: Mapping[str, Sequence[str]]
    country: str
    subdivision: str
    closed_dates: Sequence[date]


def countries() -> list[tuple[str, str]]:
    """(code, code with its regions) of every country whose public holidays are known, by code."""
    known = holidays.list_supported_countries()
    return [(code, f"{code} ({', '.join(regions)})" if regions else code) for code, regions in sorted(known.items())]


def regions_of(country: str) -> list[str]:
    """The regions of a country that have holidays of their own; none for an unknown country."""
    return list(holidays.list_supported_countries().get(country, ()))


def coming_days(
    calendar: Calendar, *, first: date, count: int, country: str, subdivision: str, closed_dates: Iterable[date]
) -> list[Day]:
    """`count` dates from `first` on, in the calendar's own zone."""
    names = _holiday_names(country, subdivision, {first.year, (first + timedelta(days=count)).year})
    own = frozenset(closed_dates)
    return [_day(calendar, first + timedelta(days=after), names, own) for after in range(count)]


def differences(before: Edition | None, after: Edition) -> list[str]:
    """What an edit changed, a sentence each; how it began where there was nothing before."""
    if before is None:
        return [f"Made, in {after.time_zone}"]
    return list(_differences(before, after))


def _differences(before: Edition, after: Edition) -> Iterator[str]:
    for name, label in (("title", "Title"), ("time_zone", "Time zone")):
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield f"{label}: {was} → {now}"
    for key, label in DAYS.items():
        was, now = _hours(before.weekly_hours.get(key, ())), _hours(after.weekly_hours.get(key, ()))
        if was != now:
            yield f"{label}: {was} → {now}"
    was, now = _holidays_of(before), _holidays_of(after)
    if was != now:
        yield f"Public holidays: {was} → {now}"
    yield from _dates_changed(frozenset(before.closed_dates), frozenset(after.closed_dates))


def _dates_changed(before: frozenset[date], after: frozenset[date]) -> Iterator[str]:
    for verb, dates in (("Closed", after - before), ("No longer closed", before - after)):
        if dates:
            named = ", ".join(one.isoformat() for one in sorted(dates)[:DATES_NAMED])
            more = f" and {len(dates) - DATES_NAMED} more" if len(dates) > DATES_NAMED else ""
            yield f"{verb} on {named}{more}"


def _day(calendar: Calendar, on: date, names: Mapping[Any, str], own: frozenset[date]) -> Day:
    hours = tuple(f"{one.opens:%H:%M}–{one.closes:%H:%M}" for one in calendar.hours_on(on))
    if hours:
        return Day(on=on, hours=hours)
    because = names.get(on) or ("closed on this date" if on in own else "")
    return Day(on=on, hours=(), closed_because=because)


def _holiday_names(country: str, subdivision: str, years: set[int]) -> Mapping[Any, str]:
    if not country:
        return {}
    named: Mapping[Any, str] = holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    return named


def _hours(said: Iterable[str]) -> str:
    return ", ".join(said) or "closed"


def _holidays_of(edition: Edition) -> str:
    return f"{edition.country} {edition.subdivision}".strip() or "none"
