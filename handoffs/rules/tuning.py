"""Changes that could make a policy better: what a threshold costs and spares, and each change made to a document."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from handoffs.rules.package import as_decimal
from handoffs.rules.policy import Policy

COMPARISONS = (">", ">=", "<", "<=")
POINTS = 11
TELLING = 20
"""Fewer handoffs than this say nothing."""
MISSED_RATIO = Decimal("0.02")
"""At most this share of what a threshold spares may be cases that needed a person."""


class Kind(StrEnum):
    """What can be changed."""

    THRESHOLD = "threshold"
    DROP_TRIGGER = "drop_trigger"
    DROP_OUTCOME = "drop_outcome"
    SHOW_FIELD = "show_field"
    REQUIRE_FIELD = "require_field"
    REQUIRE_DOCUMENT = "require_document"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of a policy: to which trigger, outcome, field or document, and the new value if there is one."""

    kind: Kind
    target: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A change with what is expected of it; `worth` is in handoffs, and only there to rank by."""

    change: Change
    title: str
    effect: str
    worth: float


@dataclass(frozen=True, kw_only=True)
class Knob:
    """A trigger whose condition compares a field with a number."""

    trigger: str
    title: str
    field: str
    operator: str
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One stored attempt: its value, whether other triggers fire on it now, and what became of it.

    `handoff` is the id of the handoff that it opened; `needed` whether that needed a person, None without a handoff.
    """

    value: Decimal | None
    others_fire: bool
    handoff: Any = None
    needed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a threshold would do: how many are handed off, whom it spares, whom it would have missed, whom it adds."""

    threshold: Decimal
    handed_off_count: int
    avoided: tuple[Any, ...]
    missed: tuple[Any, ...]
    added_count: int


def knobs(document: Mapping[str, Any], policy: Policy) -> tuple[Knob, ...]:
    """Every trigger with one comparison to turn, in the policy's order."""
    titles = {trigger.key: trigger.title for trigger in policy.triggers}
    found = ((str(raw.get("key")), _comparison(raw.get("when"))) for raw in document.get("triggers", []))
    return tuple(
        Knob(
            trigger=key,
            title=titles.get(key, key),
            field=part["field"],
            operator=part["is"],
            value=as_decimal(part["value"]) or Decimal(0),
        )
        for key, part in found
        if part is not None
    )


def _comparison(when: Any) -> dict[str, Any] | None:
    """The only comparison with a number in a condition that is one, or joins several by `all`."""
    parts = when.get("all", [when]) if isinstance(when, Mapping) else when if isinstance(when, list) else []
    numeric = [
        part
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, dict) and part.get("is") in COMPARISONS and as_decimal(part.get("value")) is not None
    ]
    return numeric[0] if len(numeric) == 1 and str(numeric[0].get("field", "")).strip() else None


def thresholds(knob: Knob, values: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """Where to try the knob: at the current value, and at round numbers spread over the values that were seen.

    Half of them by how many values there are, half evenly; a hundredth of the values at either end counts for nothing.
    """
    seen = sorted(values)
    if not seen:
        return (knob.value,)
    seen = seen[len(seen) // 100 : len(seen) - len(seen) // 100]
    places = 0 if seen[-1] - seen[0] > 100 else 1 if seen[-1] - seen[0] > 2 else 2
    by_rank = [seen[(len(seen) - 1) * step // (POINTS // 2)] for step in range(POINTS // 2 + 1)]
    evenly = [seen[0] + (seen[-1] - seen[0]) * step / (POINTS // 2 + 1) for step in range(1, POINTS // 2 + 1)]
    return tuple(sorted({round(value, places) for value in (*by_rank, *evenly)} | {knob.value}))


def curve(
    judged: Sequence[Judged], fires_at: Callable[[Decimal, int], bool], knob: Knob, at: Iterable[Decimal]
) -> tuple[Point, ...]:
    """A point per threshold; `fires_at(threshold, index)` says whether the trigger would fire on `judged[index]`."""
    now = [one.others_fire or fires_at(knob.value, index) for index, one in enumerate(judged)]
    return tuple(_point(judged, now, fires_at, threshold) for threshold in at)


def _point(
    judged: Sequence[Judged], now: Sequence[bool], fires_at: Callable[[Decimal, int], bool], threshold: Decimal
) -> Point:
    then = [one.others_fire or fires_at(threshold, index) for index, one in enumerate(judged)]
    spared = [one for one, was, will in zip(judged, now, then, strict=True) if was and not will and one.handoff]
    return Point(
        threshold=threshold,
        handed_off_count=sum(then),
        avoided=tuple(one.handoff for one in spared),
        missed=tuple(one.handoff for one in spared if one.needed),
        added_count=sum(will and not was for was, will in zip(now, then, strict=True)),
    )


def best(points: Sequence[Point]) -> Point | None:
    """The threshold that spares most and misses next to nothing; None where none is worth it."""
    safe = [point for point in points if len(point.missed) <= MISSED_RATIO * len(point.avoided) and point.avoided]
    found = max(safe, key=lambda point: len(point.avoided) - len(point.missed), default=None)
    return found if found is not None and len(found.avoided) * 4 >= TELLING else None


def ranked(advice: Iterable[Advice]) -> tuple[Advice, ...]:
    """What to change first comes first."""
    return tuple(sorted(advice, key=lambda one: (-one.worth, one.title)))


def applied(document: Mapping[str, Any], change: Change) -> dict[str, Any] | None:
    """A copy of the document with the change made; None where it has nothing that could be changed so."""
    copy: dict[str, Any] = deepcopy(dict(document))
    return copy if _APPLY[change.kind](copy, change) else None


def _set_threshold(document: dict[str, Any], change: Change) -> bool:
    value = as_decimal(change.value)
    part = next((_comparison(raw.get("when")) for raw in _named(document, "triggers", change.target)), None)
    if part is None or value is None:
        return False
    part["value"] = int(value) if value == value.to_integral_value() else value
    return True


def _drop(section: str) -> Callable[[dict[str, Any], Change], bool]:
    def drop(document: dict[str, Any], change: Change) -> bool:
        found = list(_named(document, section, change.target))
        if not found or len(document[section]) < 2:
            return False
        document[section] = [raw for raw in document[section] if raw not in found]
        return True

    return drop


def _named(document: Mapping[str, Any], section: str, key: str) -> Iterator[dict[str, Any]]:
    return (raw for raw in document.get(section, []) if raw.get("key") == key)


def _show_field(document: dict[str, Any], change: Change) -> bool:
    fields = document.setdefault("context", {}).setdefault("fields", [])
    if any(raw.get("field") == change.target for raw in fields):
        return False
    fields.append({"field": change.target, "as": "text"})
    return True


def _require(what: str) -> Callable[[dict[str, Any], Change], bool]:
    def require(document: dict[str, Any], change: Change) -> bool:
        required = document.setdefault("context", {}).setdefault("require", {}).setdefault(what, [])
        if change.target in required:
            return False
        required.append(change.target)
        return True

    return require


_APPLY: Mapping[Kind, Callable[[dict[str, Any], Change], bool]] = {
    Kind.THRESHOLD: _set_threshold,
    Kind.DROP_TRIGGER: _drop("triggers"),
    Kind.DROP_OUTCOME: _drop("outcomes"),
    Kind.SHOW_FIELD: _show_field,
    Kind.REQUIRE_FIELD: _require("fields"),
    Kind.REQUIRE_DOCUMENT: _require("documents"),
}
