"""Reads what somebody asks the numbers for out of an address: the window, the filters, what to break down by."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from handoffs.errors import Invalid, Mistake
from handoffs.queries.metrics.scope import FILTERS, Scope, Window
from handoffs.rules.problems import did_you_mean

DEFAULT_RANGE = "30d"
RANGES: Mapping[str, tuple[str, int]] = {
    "today": ("Today", 1),
    "7d": ("7 days", 7),
    "30d": ("30 days", 30),
    "90d": ("90 days", 90),
    "year": ("Year", 365),
}
"""Presets: their words, and how many days of the viewer's calendar, today included."""
MAX_FILTER_VALUES = 50
EARLIEST, LATEST = date(1990, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """On whose behalf it is asked: what they manage, whom they manage (None: everybody), and their time zone."""

    workflow_ids: frozenset[uuid.UUID]
    people: frozenset[int] | None
    zone: tzinfo


Asked = Mapping[str, Sequence[str]]
"""The lists of values of a query string."""


def scope_of(asked: Asked, viewer: Viewer, *, now: datetime) -> Scope:
    """The scope of a query string. Raises Invalid with each mistake, its place written as `?name`."""
    filters = {name: tuple(word for word in asked.get(name, ()) if word) for name in FILTERS}
    for name, words in filters.items():
        if len(words) > MAX_FILTER_VALUES:
            raise _invalid(name, f"Name at most {MAX_FILTER_VALUES}.")
    return Scope(
        window=window_of(asked, viewer.zone, now=now),
        workflow_ids=viewer.workflow_ids,
        filters={name: words for name, words in filters.items() if words},
        people=viewer.people,
    )


def window_of(asked: Asked, zone: tzinfo, *, now: datetime) -> Window:
    """`from` and `to` (half-open), else `since` and `until` (both days included), else a `range` that ends now."""
    start, end = _moment(asked, "from", zone), _moment(asked, "to", zone)
    start = start or _moment(asked, "since", zone)
    if end is None and (last := _moment(asked, "until", zone)):
        end = midnight(last.astimezone(zone).date() + timedelta(days=1), zone)
    if start is None and end is None:
        return preset(_one(asked, "range") or DEFAULT_RANGE, zone, now=now)
    end = end or now.astimezone(zone)
    if start is None:
        start = midnight(end.astimezone(zone).date() - timedelta(days=RANGES[DEFAULT_RANGE][1]), zone)
    if start >= end:
        raise _invalid("from" if "from" in asked else "since", "Begin before the end.")
    return Window(start=start, end=end, zone=zone)


def preset(name: str, zone: tzinfo, *, now: datetime) -> Window:
    """A window of RANGES: whole days of the viewer's calendar up to now."""
    if name not in RANGES:
        raise _invalid("range", f"Choose one of {', '.join(RANGES)}{did_you_mean(name, RANGES) or '.'}")
    local = now.astimezone(zone)
    return Window(start=midnight(local.date() - timedelta(days=RANGES[name][1] - 1), zone), end=local, zone=zone)


def choice_of(asked: Asked, name: str, known: Iterable[str], *, default: str) -> str:
    """One of `known`. Raises Invalid."""
    given, known = _one(asked, name) or default, list(known)
    if given and given not in known:
        raise _invalid(name, f"Choose one of {', '.join(known)}{did_you_mean(given, known) or '.'}")
    return given


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins in a zone."""
    return datetime.combine(day, time(), tzinfo=zone)


def _moment(asked: Asked, name: str, zone: tzinfo) -> datetime | None:
    word = _one(asked, name)
    if not word:
        return None
    try:
        found = datetime.fromisoformat(word)
        if not EARLIEST <= found.date() < LATEST:
            raise _invalid(name, f"Stay between {EARLIEST} and {LATEST}.")
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone)
    except ValueError as error:
        raise _invalid(name, "Write a day (2026-11-22) or a time (2026-11-22T08:00:00Z).") from error


def _one(asked: Asked, name: str) -> str:
    words = asked.get(name) or ("",)
    return words[-1].replace(" ", "+") if name in ("from", "to") else words[-1]


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid(f"?{name}: {detail}", mistakes=[Mistake(pointer=f"?{name}", detail=detail)])
