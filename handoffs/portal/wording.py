"""How times, durations, amounts and sizes read on a page; the browser repeats the clocks in `static/js/clocks.js`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from handoffs.choices import State
from handoffs.queries import inbox
from handoffs.rules import sla

WHOLE_CURRENCIES = frozenset({"CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"})
ICONS = {
    "calm": "clock",
    "risk": "hourglass",
    "late": "triangle-alert",
    "none": "circle-dashed",
    "paused": "circle-pause",
    "done": "circle-check",
}


@dataclass(frozen=True, kw_only=True)
class Due:
    """A due time as a page shows it: never by colour alone, so the tone has an icon and words."""

    tone: str
    words: str
    at: datetime | None = None
    risk_at: datetime | None = None

    @property
    def icon(self) -> str:
        return ICONS[self.tone]


def due(at: datetime | None, *, since: datetime, now: datetime) -> Due:
    """What is due at `at`, allowed since `since`: at risk from the moment that the rules say."""
    if at is None:
        return Due(tone="none", words="no limit")
    risk_at = sla.risk_at(at, started_at=since)
    if now >= at:
        return Due(tone="late", words=f"overdue {duration(now - at)}", at=at, risk_at=risk_at)
    if now > risk_at:
        return Due(tone="risk", words=f"at risk · {duration(at - now)}", at=at, risk_at=risk_at)
    return Due(tone="calm", words=f"due in {duration(at - now)}", at=at, risk_at=risk_at)


def due_of(handoff: Any, *, now: datetime) -> Due:
    """What a page says about the due time of a handoff: paused while returned, past tense once it is closed."""
    if handoff.state == State.RESOLVED and handoff.resolved_at:
        return Due(tone="done", words=f"resolved {ago(handoff.resolved_at, now=now)}", at=handoff.resolved_at)
    if handoff.state == State.WITHDRAWN:
        return Due(tone="none", words="withdrawn")
    if handoff.state == State.RETURNED:
        return Due(tone="paused", words="clock paused")
    return due(handoff.due_at, since=handoff.clock_started_at, now=now)


def duration(length: timedelta) -> str:
    """Two units at most: `35 m`, `2 h 10 m`, `3 d 4 h`."""
    minutes = int(abs(length.total_seconds()) // 60)
    hours, days = minutes // 60, minutes // 1440
    if minutes < 1:
        return "< 1 m"
    if hours < 1:
        return f"{minutes} m"
    if days < 1:
        return _pair(hours, "h", minutes % 60, "m")
    return _pair(days, "d", hours % 24, "h")


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def ago(at: datetime, *, now: datetime) -> str:
    """How long ago: `just now`, `48 m ago`."""
    return "just now" if now - at < timedelta(minutes=1) else f"{duration(now - at)} ago"


def exact(at: datetime) -> str:
    """The exact time in the zone that is active: `22 November 2026, 16:57:25 UTC`."""
    return f"{at.day} {at:%B %Y, %H:%M:%S %Z}"


def elapsed(length: timedelta) -> str:
    """A short machine time: `0.4 s`, `2.1 s`, `1 m 5 s`, then as `duration`."""
    seconds = max(length.total_seconds(), 0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    return _pair(int(seconds // 60), "m", int(seconds % 60), "s") if seconds < 3600 else duration(length)


def number(value: object) -> str:
    """Digits in groups, exactly as many decimals as came in; anything that is no number stays as it is."""
    parsed = _decimal(value)
    return str(value) if parsed is None else f"{parsed:,f}"


def money(value: object, currency: str) -> str:
    """An amount with its cents: `6,200.00`. The currency stands beside it and says how many decimals are usual."""
    parsed = _decimal(value)
    if parsed is None:
        return str(value)
    usual = 0 if currency in WHOLE_CURRENCIES else 2
    exponent = parsed.as_tuple().exponent
    given = -exponent if isinstance(exponent, int) else 0
    return f"{parsed:,.{max(given, usual)}f}"


def _decimal(value: object) -> Decimal | None:
    try:
        parsed = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and abs(parsed.adjusted()) < 40 else None


def size(count_bytes: int) -> str:
    """A file size: `812 B`, `34 kB`, `1.2 MB`."""
    if count_bytes < 1000:
        return f"{count_bytes} B"
    return f"{count_bytes / 1000:.0f} kB" if count_bytes < 1_000_000 else f"{count_bytes / 1_000_000:.1f} MB"


def capped(count: int) -> str:
    """A count that was asked for with a limit: beyond it `99+`."""
    return f"{inbox.COUNT_CAP}+" if count > inbox.COUNT_CAP else str(count)


def initials(name: str) -> str:
    """One or two letters that stand for a person."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()
