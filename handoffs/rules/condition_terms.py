"""The parts of a condition that have a value: fields, literals and arithmetic. A value of None means unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any, Protocol

from handoffs.rules.data_schema import FieldSpec, Path, parse_path, show_path
from handoffs.rules.values import READERS, Kind, is_missing, show_raw, spoken, summarise

BUDGET = 4000
"""Units of work for one evaluation, two microseconds each at most; what needs more is unknown."""
LONG_TEXT = 400
CURRENCY_CHARACTERS = 8

EXACT = Context(prec=200, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
DIVISION = Context(prec=28, traps=[InvalidOperation, DivisionByZero, Overflow])


class OutOfBudget(Exception):
    """The evaluation would take too long."""


class Scope:
    """One evaluation: the facts, the items of lists at hand, what was read so far, and the work that is left."""

    __slots__ = ("left", "names", "places", "read", "values")

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names
        self.places: dict[str, tuple[str, int]] = {}
        self.read: dict[Any, Any] = {}
        self.values: dict[Field, Any] = {}
        self.left = [BUDGET]

    def spend(self, units: int) -> None:
        """Use up work. Raises OutOfBudget when nothing is left."""
        self.left[0] -= units
        if self.left[0] < 0:
            raise OutOfBudget

    def inside(self, variable: str) -> "Scope":
        """A scope for the items of a list, which `put` then fills one by one; the budget is shared."""
        scope = Scope({**self.names})
        scope.places = {**self.places, variable: ("", 0)}
        scope.left = self.left
        return scope

    def put(self, variable: str, item: Any, path: str, position: int) -> None:
        """Go to one item of the list at `path`; what was read of the item before is forgotten."""
        self.names[variable] = item  # type: ignore[index]  # a dict of our own since inside()
        self.places[variable] = path, position
        self.read.clear()

    def keep(self, inner: "Scope") -> None:
        """Remember what was read of the item at which `inner` stands; only now are its paths spelled out."""
        for key, value in inner.read.items():
            self.read[key.path(inner) if isinstance(key, Field) else key] = value


class Term(Protocol):
    """Something with a value, made of what the manager wrote."""

    @property
    def kind(self) -> Kind:
        """What sort of value it has, as far as the policy's data schema tells."""

    @property
    def label(self) -> str:
        """What people call it."""

    def value(self, scope: Scope) -> Any:
        """Its value among the facts; None is unknown."""

    def phrase(self, scope: Scope) -> str:
        """Its name with the value that was read, for a sentence: `Price variance 4.2 %`."""

    def why_unknown(self, scope: Scope) -> str:
        """A sentence on why it has no value; empty where it has one."""

    def fields(self) -> tuple[str, ...]:
        """The paths that it reads."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that the manager wrote."""

    content: Any
    kind: Kind

    @property
    def label(self) -> str:
        return spoken(self.content)

    def value(self, scope: Scope) -> Any:
        return self.content

    def phrase(self, scope: Scope) -> str:
        return spoken(self.content)

    def why_unknown(self, scope: Scope) -> str:
        return ""

    def fields(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A value that the automation reported."""

    parts: Path
    spec: FieldSpec
    kind: Kind
    read: Callable[[Any], Any] = field(repr=False)

    @classmethod
    def of(cls, parts: Path, spec: FieldSpec, kind: Kind | None = None) -> "Field":
        """The field at `parts`, read as `kind` (its declared kind unless given)."""
        kind = kind or spec.kind
        return cls(parts=parts, spec=spec, kind=kind, read=_known_text if spec.always_known else READERS[kind])

    @property
    def label(self) -> str:
        return self.spec.title

    def raw(self, scope: Scope) -> Any:
        """What was reported, None if nothing; remembered as read."""
        parts = self.parts
        value = scope.names.get(parts[0])  # type: ignore[arg-type]
        for part in parts[1:]:
            value = value.get(part) if type(value) is dict and type(part) is str else _step(value, part)
            if value is None:
                break
        scope.read[self if scope.places else self.spec.path] = value
        if type(value) is str and len(value) > LONG_TEXT:
            scope.spend(len(value) // 200)
        return value

    def value(self, scope: Scope) -> Any:
        if scope.places:  # the next item of a list has another one
            return self.read(self.raw(scope))
        if self not in scope.values:
            scope.values[self] = self.read(self.raw(scope))
        return scope.values[self]

    def path(self, scope: Scope) -> str:
        """The path as read: inside a list with the position of the item."""
        place = scope.places.get(self.parts[0]) if scope.places else None  # type: ignore[arg-type]
        return self.spec.path if place is None else show_path((place[0], place[1], *self.parts[1:]))

    def phrase(self, scope: Scope) -> str:
        value = self.value(scope)
        if value is None:
            return f"{self.label} {spoken(summarise(self.raw(scope)))}"
        return f"{self.label} {spoken(value)}{self.unit(scope)}"

    def unit(self, scope: Scope) -> str:
        """What is written behind its numbers: ` %`, or the attempt's currency; looking at that reads no field."""
        if self.spec.unit:
            return f" {self.spec.unit}"
        if not self.spec.currency:
            return ""
        value: Any = scope.names
        for part in parse_path(self.spec.currency):
            value = _step(value, part)
        return f" {value}" if isinstance(value, str) and 0 < len(value) <= CURRENCY_CHARACTERS else ""

    def why_unknown(self, scope: Scope) -> str:
        raw = self.raw(scope)
        return f"{self.label} is missing" if is_missing(raw) else f"{self.label} {show_raw(raw)} is not {a(self.kind)}"

    def fields(self) -> tuple[str, ...]:
        return (self.spec.path,)


def _known_text(raw: Any) -> str:
    return raw if isinstance(raw, str) else ""


def _step(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(str(part))
    inside = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
    return value[part] if inside else None


@dataclass(frozen=True, slots=True)
class Converted:
    """A term read as another kind, such as untyped data as a number."""

    operand: Term
    kind: Kind

    @property
    def label(self) -> str:
        return self.operand.label

    def value(self, scope: Scope) -> Any:
        return READERS[self.kind](self.operand.value(scope))

    def phrase(self, scope: Scope) -> str:
        return f"{self.label} {spoken(self.value(scope))}"

    def why_unknown(self, scope: Scope) -> str:
        value = self.operand.value(scope)
        return (
            self.operand.why_unknown(scope)
            if value is None
            else f"{self.label} {show_raw(value)} is not {a(self.kind)}"
        )

    def fields(self) -> tuple[str, ...]:
        return self.operand.fields()


ARITHMETIC: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "+": ("plus", EXACT.add),
    "-": ("minus", EXACT.subtract),
    "*": ("times", EXACT.multiply),
    "/": ("divided by", DIVISION.divide),
    "%": ("modulo", EXACT.remainder),
}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers combined: exact for + - * %, with 28 digits for /; unknown where there is no such result."""

    operator: str
    left: Term
    right: Term
    kind: Kind = Kind.NUMBER

    @property
    def label(self) -> str:
        return f"{self.left.label} {ARITHMETIC[self.operator][0]} {self.right.label}"

    def value(self, scope: Scope) -> Decimal | None:
        left, right = self.left.value(scope), self.right.value(scope)
        if left is None or right is None:
            return None
        try:
            result: Decimal = ARITHMETIC[self.operator][1](EXACT.plus(left), EXACT.plus(right))
        except DecimalException:
            return None
        return result

    def phrase(self, scope: Scope) -> str:
        return f"{self.label} ({spoken(self.value(scope))})"

    def why_unknown(self, scope: Scope) -> str:
        known = (side for side in (self.left, self.right) if side.value(scope) is None)
        return next((side.why_unknown(scope) for side in known), f"{self.label} has no exact result")

    def fields(self) -> tuple[str, ...]:
        return self.left.fields() + self.right.fields()


@dataclass(frozen=True, slots=True)
class Days:
    """How many days lie from `right` to `left`, both dates."""

    left: Term
    right: Term
    kind: Kind = Kind.NUMBER

    @property
    def label(self) -> str:
        return f"days from {self.right.label} to {self.left.label}"

    def value(self, scope: Scope) -> int | None:
        left, right = self.left.value(scope), self.right.value(scope)
        return None if left is None or right is None else (left - right).days

    def phrase(self, scope: Scope) -> str:
        return f"{self.label} ({spoken(self.value(scope))})"

    def why_unknown(self, scope: Scope) -> str:
        return (self.right if self.left.value(scope) is not None else self.left).why_unknown(scope)

    def fields(self) -> tuple[str, ...]:
        return self.left.fields() + self.right.fields()


@dataclass(frozen=True, slots=True)
class Size:
    """The number of characters of a text or of items of a list."""

    operand: Term
    kind: Kind = Kind.NUMBER

    @property
    def label(self) -> str:
        return f"size of {self.operand.label}"

    def value(self, scope: Scope) -> int | None:
        value = self.operand.value(scope)
        return len(value) if isinstance(value, str | list | tuple | Mapping) else None

    def phrase(self, scope: Scope) -> str:
        return f"{self.label} {spoken(self.value(scope))}"

    def why_unknown(self, scope: Scope) -> str:
        return self.operand.why_unknown(scope)

    def fields(self) -> tuple[str, ...]:
        return self.operand.fields()


def work_of(term: Any) -> int:
    """Units of work that finding the value of the term takes."""
    operands = [getattr(term, part) for part in ("operand", "left", "right") if hasattr(term, part)]
    return (2 if operands else 1) + sum(map(work_of, operands))


def a(kind: Kind) -> str:
    """The kind with its article: `a number`, `an object`, `text`."""
    return _ARTICLES.get(kind, f"a {kind}")


_ARTICLES = {Kind.TEXT: "text", Kind.OBJECT: "an object", Kind.BOOLEAN: "yes or no", Kind.ANY: "comparable"}
