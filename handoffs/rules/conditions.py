"""Conditions: compiled once from what a manager wrote, evaluated many times over the facts of an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from handoffs.rules.condition_terms import OutOfBudget, Scope
from handoffs.rules.condition_tests import Test
from handoffs.rules.data_schema import DataSchema, FieldSpec
from handoffs.rules.expressions import read_expression
from handoffs.rules.problems import ConditionInvalid, Problem
from handoffs.rules.structured import read_structured
from handoffs.rules.values import is_missing, record, show_raw

__all__ = [
    "Condition",
    "ConditionInvalid",
    "ConditionResult",
    "DataSchema",
    "FieldSpec",
    "Problem",
    "Truth",
    "compile_condition",
]

BECAUSE_LIMIT = 20
"""So many values at most are spelled out in `because`."""


class Truth(Enum):
    """What a condition comes to. Unknown is an answer: something it needs is missing or unreadable."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


TRUTHS = {True: Truth.YES, False: Truth.NO, None: Truth.UNKNOWN}


@dataclass(frozen=True, kw_only=True, slots=True)
class ConditionResult:
    """The truth and why: `because` for logs (`data.amount = 4.2`), `sentence` for people, `read` values by path."""

    truth: Truth
    because: str
    sentence: str
    read: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A checked condition. `fields` are the paths it reads; those of list items carry `[]`."""

    source: Any
    fields: tuple[str, ...]
    test: Test = field(repr=False, compare=False)

    def evaluate(self, names: Mapping[str, Any]) -> ConditionResult:
        """Whether the condition holds for the facts in `names` (as `AttemptFacts.names()` gives them).

        Never raises: what is missing, unreadable or too much work to look at is unknown.
        """
        scope = Scope(names)
        try:
            truth = TRUTHS[self.test.holds(scope)]
        except OutOfBudget:
            return _stopped(scope)
        read = {path: record(value) for path, value in scope.read.items()}
        because = _because(scope.read)
        return ConditionResult(truth=truth, because=because, sentence=_sentence(self.test, scope, because), read=read)


def compile_condition(source: Mapping[str, Any] | str | list[Any], schema: DataSchema, *, place: str) -> Condition:
    """A condition from its structured form, or from an expression where `source` is text.

    Raises ConditionInvalid with every mistake found, each at its place below `place`.
    """
    if isinstance(source, str):
        test, problems = read_expression(source, schema, place=place)
    else:
        test, problems = read_structured(source, schema, place=place)
    fields = tuple(dict.fromkeys(test.fields())) if test else ()
    if test and not fields:
        problems = [Problem(place=place, message="this reads no field, so it always gives the same: name a field")]
    if test is None or problems:
        raise ConditionInvalid(problems)
    return Condition(source=source, fields=fields, test=test)


def _because(read: Mapping[str, Any]) -> str:
    shown = [f"{path} is missing" if is_missing(raw) else f"{path} = {show_raw(raw)}" for path, raw in read.items()]
    more = len(shown) - BECAUSE_LIMIT
    return ", ".join(shown if more <= 0 else [*shown[:BECAUSE_LIMIT], f"and {more} more"])


def _sentence(test: Test, scope: Scope, because: str) -> str:
    try:
        said = test.say(scope)
    except OutOfBudget:
        return because
    return said[:1].upper() + said[1:]


def _stopped(scope: Scope) -> ConditionResult:
    read = {path: record(value) for path, value in scope.read.items()}
    text = "too much data to look at"
    return ConditionResult(truth=Truth.UNKNOWN, because=text, sentence=text.capitalize(), read=read)
