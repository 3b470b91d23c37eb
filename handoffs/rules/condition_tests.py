"""The parts of a condition that are true, false or unknown (None), and how each says in words what it found."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from handoffs.rules.condition_terms import Field, Literal, Scope, Term, work_of
from handoffs.rules.patterns import Pattern
from handoffs.rules.values import Kind, is_missing, loose_order, loose_pair, spoken

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
EQUALITY: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, "!=": operator.ne}
COMPARE = {**ORDER, **EQUALITY}
WORDS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
DATE_WORDS = {">": "after", ">=": "on or after", "<": "before", "<=": "on or before"}


class Test(Protocol):
    """Something that is true, false or unknown."""

    def holds(self, scope: Scope) -> bool | None:
        """Whether it is true of the facts; None is unknown."""

    def say(self, scope: Scope) -> str:
        """A sentence on what was found, whichever it was."""

    def fields(self) -> tuple[str, ...]:
        """The paths that it reads."""

    def cost(self) -> int:
        """Units of work that it may take at most; a policy's are limited when it is saved."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values of one kind, or two untyped ones that are looked at when they come."""

    operator: str
    left: Term
    right: Term
    kind: Kind

    def holds(self, scope: Scope) -> bool | None:
        left, right = self.left.value(scope), self.right.value(scope)
        if left is None or right is None:
            return None
        if self.kind is Kind.ANY:
            return self._loosely(left, right)
        return COMPARE[self.operator](left, right)

    def _loosely(self, left: Any, right: Any) -> bool | None:
        pair = (loose_order if self.operator in ORDER else loose_pair)(left, right)
        return None if pair is None else COMPARE[self.operator](*pair)

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return why_unknown(scope, self.left, self.right)
        if self.operator in ORDER:
            words = (DATE_WORDS if self.kind in (Kind.DATE, Kind.MOMENT) else WORDS)[self.operator]
            left, right = phrases(scope, self.left, self.right)
            return f"{left} is {'' if held else 'not '}{words} {right}"
        return self._say_equality(scope, equal=held is (self.operator == "="))

    def _say_equality(self, scope: Scope, *, equal: bool) -> str:
        left, right = phrases(scope, self.left, self.right)
        said = left.removeprefix(self.left.label).strip()
        return f"{self.left.label} is {right}" if equal else f"{self.left.label} is {said}, not {right}"

    def fields(self) -> tuple[str, ...]:
        return self.left.fields() + self.right.fields()

    def cost(self) -> int:
        return 1 + work_of(self.left) + work_of(self.right)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value that is among the given ones."""

    term: Term
    options: tuple[Comparison, ...]
    known: frozenset[Any] | None = None

    def holds(self, scope: Scope) -> bool | None:
        if self.known is not None:
            value = self.term.value(scope)
            return None if value is None else value in self.known
        scope.spend(2 * len(self.options))
        return any_of([option.holds(scope) for option in self.options])

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return why_unknown(scope, self.term, *(option.right for option in self.options))
        among = ", ".join(option.right.phrase(scope) for option in self.options[:10])
        more = ", …" if len(self.options) > 10 else ""
        return f"{self.term.label} {spoken(self.term.value(scope))} is {'' if held else 'not '}one of {among}{more}"

    def fields(self) -> tuple[str, ...]:
        return tuple(path for option in self.options for path in option.fields())

    def cost(self) -> int:
        return 2 + work_of(self.term)


@dataclass(frozen=True, slots=True)
class Among:
    """A list that has the given value as one of its items."""

    term: Term
    items: Term

    def holds(self, scope: Scope) -> bool | None:
        wanted, items = self.term.value(scope), self.items.value(scope)
        if wanted is None or not isinstance(items, list | tuple):
            return None
        scope.spend(2 * len(items))
        pairs = [loose_pair(item, wanted) for item in items]
        return any_of([None if pair is None else pair[0] == pair[1] for pair in pairs])

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return why_unknown(scope, self.term, self.items)
        return f"{self.items.label} {'contains' if held else 'does not contain'} {self.term.phrase(scope)}"

    def fields(self) -> tuple[str, ...]:
        return self.term.fields() + self.items.fields()

    def cost(self) -> int:
        return 4 + work_of(self.term)


TEXT_TESTS: dict[str, tuple[Callable[[str, str], bool], str, str]] = {
    "starts_with": (str.startswith, "starts with", "does not start with"),
    "ends_with": (str.endswith, "ends with", "does not end with"),
    "contains": (operator.contains, "contains", "does not contain"),
}


@dataclass(frozen=True, slots=True)
class TextTest:
    """Text that starts with, ends with or contains other text."""

    operator: str
    term: Term
    wanted: Term

    def holds(self, scope: Scope) -> bool | None:
        text, wanted = self.term.value(scope), self.wanted.value(scope)
        return None if text is None or wanted is None else TEXT_TESTS[self.operator][0](text, wanted)

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return why_unknown(scope, self.term, self.wanted)
        _, positive, negative = TEXT_TESTS[self.operator]
        return f"{self.term.phrase(scope)} {positive if held else negative} {self.wanted.phrase(scope)}"

    def fields(self) -> tuple[str, ...]:
        return self.term.fields() + self.wanted.fields()

    def cost(self) -> int:
        return 1 + work_of(self.term) + work_of(self.wanted)


@dataclass(frozen=True, slots=True)
class Matches:
    """Text in which a regular expression is found."""

    term: Term
    pattern: Pattern

    def holds(self, scope: Scope) -> bool | None:
        text = self.term.value(scope)
        if text is None or not self.pattern.allows(text):
            return None
        scope.spend(self.pattern.cost(text))
        return self.pattern.found_in(text)

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return self._say_unknown(scope)
        return f"{self.term.phrase(scope)} {'matches' if held else 'does not match'} the pattern {self.pattern.source}"

    def _say_unknown(self, scope: Scope) -> str:
        text = self.term.value(scope)
        return self.term.why_unknown(scope) if text is None else f"{self.term.label} is too long for the pattern"

    def fields(self) -> tuple[str, ...]:
        return self.term.fields()

    def cost(self) -> int:
        return 5 + work_of(self.term)


@dataclass(frozen=True, slots=True)
class Present:
    """A field that was reported and is not null or blank. Always decided."""

    field: Field

    def holds(self, scope: Scope) -> bool:
        return not is_missing(self.field.raw(scope))

    def say(self, scope: Scope) -> str:
        return f"{self.field.label} is {'present' if self.holds(scope) else 'missing'}"

    def fields(self) -> tuple[str, ...]:
        return self.field.fields()

    def cost(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Said:
    """A yes-or-no field taken by itself."""

    term: Term

    def holds(self, scope: Scope) -> bool | None:
        value: bool | None = self.term.value(scope)
        return value

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        return self.term.why_unknown(scope) if held is None else f"{self.term.label} is {spoken(held)}"

    def fields(self) -> tuple[str, ...]:
        return self.term.fields()

    def cost(self) -> int:
        return 2


@dataclass(frozen=True, slots=True)
class Round:
    """A number that is a multiple of a unit: 1,200 is round to 100."""

    remainder: Term
    number: Term
    unit: Term

    def holds(self, scope: Scope) -> bool | None:
        rest = self.remainder.value(scope)
        return None if rest is None else rest == 0

    def say(self, scope: Scope) -> str:
        held = self.holds(scope)
        if held is None:
            return self.remainder.why_unknown(scope)
        return f"{self.number.phrase(scope)} is {'' if held else 'not '}a multiple of {self.unit.phrase(scope)}"

    def fields(self) -> tuple[str, ...]:
        return self.remainder.fields()

    def cost(self) -> int:
        return 1 + work_of(self.remainder)


def phrases(scope: Scope, left: Term, right: Term) -> tuple[str, str]:
    """Both sides in words; a number that the manager wrote is of the unit of the field beside it."""
    said = left.phrase(scope), right.phrase(scope)
    if isinstance(left, Field) and isinstance(right, Literal):
        return said[0], said[1] + left.unit(scope)
    if isinstance(right, Field) and isinstance(left, Literal):
        return said[0] + right.unit(scope), said[1]
    return said


def why_unknown(scope: Scope, *terms: Term) -> str:
    """The first of the terms that has no value, in words."""
    unknown = (term for term in terms if term.value(scope) is None)
    return next((term.why_unknown(scope) for term in unknown), f"{terms[0].phrase(scope)} cannot be compared")


def any_of(truths: list[bool | None]) -> bool | None:
    """True if one is, else unknown if one is, else False (Kleene)."""
    return True if True in truths else None if None in truths else False
