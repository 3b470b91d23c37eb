"""Precedent: how alike two cases are by their facts, and which rule many identical decisions suggest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from handoffs.choices import FieldType
from handoffs.rules.package import as_decimal

LEAST_ALIKE = 20
"""So many identical decisions suggest a rule."""
NOT_DATA = ("confidence", "reference", "attempts", "error.")
"""Facts that the automation says of itself and not of the case."""
NUMBERS = (FieldType.MONEY, FieldType.PERCENT, FieldType.NUMBER)


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How alike two packages are, 0–1 over their facts, and the labels of the facts that are the same."""

    score: float
    same: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decided case: the trigger that opened it, the outcome, and the facts that the reviewer saw."""

    trigger: str
    outcome: str
    facts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SuggestedRule:
    """That `outcome` was the decision in all `count` cases of `trigger` for which `when` holds."""

    trigger: str
    outcome: str
    count: int
    when: Mapping[str, Any]
    sentence: str


def likeness(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> Likeness:
    """Compare the facts of two packages; sensitive ones take no part. Numbers are alike by their relative distance."""
    here, there = _shown(one), _shown(other)
    keys = sorted({*here, *there})
    scores = {key: _alike(here.get(key, {}).get("value"), there.get(key, {}).get("value")) for key in keys}
    same = tuple(str(here[key]["label"]) for key in here if scores[key] == 1 and here[key]["value"] is not None)
    return Likeness(score=sum(scores.values()) / len(keys) if keys else 0.0, same=same)


def suggested_rules(cases: Iterable[Decided], *, least: int = LEAST_ALIKE) -> tuple[SuggestedRule, ...]:
    """Per trigger the widest rule that at least `least` decisions bear out and none speaks against."""
    by_trigger: dict[str, list[Decided]] = defaultdict(list)
    for case in cases:
        by_trigger[case.trigger].append(case)
    best = (
        max(_rules(key, found, least), key=lambda rule: rule.count, default=None) for key, found in by_trigger.items()
    )
    return tuple(sorted((rule for rule in best if rule), key=lambda rule: (-rule.count, rule.trigger)))


def _rules(trigger: str, cases: list[Decided], least: int) -> Iterator[SuggestedRule]:
    values: dict[str, list[tuple[Mapping[str, Any], str]]] = defaultdict(list)
    for case in cases:
        for key, fact in _shown(case.facts).items():
            if fact["value"] is not None and not key.startswith(NOT_DATA):
                values[key].append((fact, case.outcome))
    for key, found in values.items():
        is_number = found[0][0]["type"] in NUMBERS
        yield from (_by_number if is_number else _by_word)(trigger, key, found, least)


def _by_number(
    trigger: str, key: str, found: list[tuple[Mapping[str, Any], str]], least: int
) -> Iterator[SuggestedRule]:
    """At most the largest number up to which everybody decided the same."""
    numbered = [(as_decimal(fact["value"]), outcome) for fact, outcome in found]
    ordered = sorted((number, outcome) for number, outcome in numbered if number is not None)
    if not ordered:
        return
    first = ordered[0][1]
    against = min((number for number, outcome in ordered if outcome != first), default=None)
    alike = [number for number, outcome in ordered if against is None or number < against]
    if len(alike) >= least:
        yield _rule(trigger, key, found[0][0]["label"], "<=", alike[-1], first, len(alike))


def _by_word(trigger: str, key: str, found: list[tuple[Mapping[str, Any], str]], least: int) -> Iterator[SuggestedRule]:
    """One value for which everybody decided the same."""
    outcomes: dict[str, list[str]] = defaultdict(list)
    for fact, outcome in found:
        if isinstance(fact["value"], str):
            outcomes[fact["value"]].append(outcome)
    for value, said in outcomes.items():
        if len(said) >= least and len(set(said)) == 1:
            yield _rule(trigger, key, found[0][0]["label"], "=", value, said[0], len(said))


def _rule(
    trigger: str, key: str, label: str, operator: str, value: Decimal | str, outcome: str, count: int
) -> SuggestedRule:
    words = f"{label} is at most {value}" if operator == "<=" else f"{label} is {value}"
    when = {"field": f"data.{key}", "is": operator, "value": value}
    return SuggestedRule(trigger=trigger, outcome=outcome, count=count, when=when, sentence=words)


def _shown(facts: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {fact["key"]: fact for fact in facts if not fact["sensitive"]}


def _alike(one: Any, other: Any) -> float:
    if one == other:
        return 1.0
    first, second = as_decimal(one), as_decimal(other)
    if first is None or second is None:
        return float(isinstance(one, str) and isinstance(other, str) and one.casefold() == other.casefold())
    largest = max(abs(first), abs(second))
    return max(float(1 - abs(first - second) / largest), 0.0) if largest else 1.0
