"""How figures read on a page: values, changes against another window, and the addresses of what is behind them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from handoffs.portal import wording
from handoffs.queries.metrics.figures import Figure, Kind, Value
from handoffs.queries.metrics.scope import Scope, Window

NOTHING = "–"
STEADY = 0.005
"""A change of less than half a percent, or half a percentage point, is none."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How a figure changed: words, and whether that is `good`, `bad` or neither; `icon` says the direction."""

    words: str
    tone: str
    icon: str


def value_words(figure: Figure, value: Value) -> str:
    """A value as people read it: `1,234`, `12.3 %`, `2 h 10 m`."""
    return number_words(figure, value.number)


def number_words(figure: Figure, number: float | None) -> str:
    """A bare number of a figure as people read it."""
    if number is None:
        return NOTHING
    if figure.kind == Kind.COUNT:
        return f"{number:,.0f}"
    if figure.kind == Kind.SHARE:
        return share_words(number)
    return seconds_words(number)


def share_words(ratio: float | None) -> str:
    """A ratio in percent."""
    return NOTHING if ratio is None else f"{100 * ratio:.1f} %"


def seconds_words(seconds: float | None) -> str:
    """A length of time in two units at most."""
    if seconds is None:
        return NOTHING
    sign = "−" if seconds < 0 else ""
    return sign + wording.elapsed(timedelta(seconds=abs(seconds)))


def change(figure: Figure, now: Value, before: Value) -> Change | None:
    """What became of a figure since `before`; None where either has nothing to count."""
    if now.number is None or before.number is None:
        return None
    if figure.kind == Kind.SHARE:
        moved, words = now.number - before.number, f"{100 * (now.number - before.number):+.1f} pts"
    elif before.number:
        moved = now.number / before.number - 1
        words = f"{100 * moved:+.0f} %"
    else:
        return None
    if abs(moved) < STEADY:
        return Change(words="no change", tone="", icon="")
    tone = "" if not figure.better else "good" if moved * figure.better > 0 else "bad"
    return Change(words=words.replace("-", "−"), tone=tone, icon="arrow-up" if moved > 0 else "arrow-down")


def query_of(scope: Scope, **more: str) -> str:
    """The query string that asks for exactly this scope again."""
    window = scope.window
    pairs = [("from", _iso(window.start)), ("to", _iso(window.end))]
    pairs += [(name, word) for name, words in scope.filters.items() for word in words]
    return urlencode([*pairs, *((name, value) for name, value in more.items() if value)])


def behind_url(scope: Scope, figure: str, part: str = "", *, by: str = "", key: Any = None) -> str:
    """The address of the handoffs behind a figure of the scope, or of one group of it."""
    narrowed = scope.narrowed(by, key) if by else scope
    query = query_of(narrowed, figure=figure, part="" if part == "hits" else part)
    return f"{reverse('metrics_handoffs')}?{query}"


def urls_behind(scope: Scope) -> Callable[[str], str]:
    """What gives the address of `behind_url` for figure after figure of one scope."""
    address = f"{reverse('metrics_handoffs')}?{query_of(scope)}"
    return lambda figure: f"{address}&figure={figure}"


def window_words(window: Window) -> str:
    """`24 Oct – 22 Nov 2026`: its first and its last day; with times where it is shorter than two days."""
    start, end = window.start.astimezone(window.zone), window.end.astimezone(window.zone)
    last = end - timedelta(microseconds=1)
    if (start.hour, start.minute) != (0, 0) and end - start < timedelta(days=2):
        return f"{start.day} {start:%b %Y %H:%M} – {end.day} {end:%b %Y %H:%M}"
    if start.date() == last.date():
        return f"{start.day} {start:%B %Y}"
    years = f"{start:%b}" if start.year == last.year else f"{start:%b %Y}"
    return f"{start.day} {years} – {last.day} {last:%b %Y}"


def filter_words(scope: Scope) -> list[str]:
    """Each filter as a word: `Role: AP clerk`."""
    return [f"{name.capitalize()}: {_said(name, words)}" for name, words in scope.filters.items()]


def _said(name: str, words: Iterable[str]) -> str:
    return ", ".join(words)


def _iso(at: datetime) -> str:
    local = at.astimezone(UTC)
    return local.isoformat().replace("+00:00", "Z")
