"""The expression form of a condition: CEL's syntax, checked against the policy's data, with exact decimals.

It becomes the same tests as the structured form, so that both mean the same.
"""

from collections.abc import Callable
from typing import Any

from handoffs.rules import condition_checks as checks
from handoffs.rules.cel_syntax import (
    Call,
    Constant,
    ListOf,
    Loop,
    Name,
    Node,
    Select,
    Unsupported,
    parse,
    position,
    start,
)
from handoffs.rules.condition_logic import Choice, Joined, Not, OverItems
from handoffs.rules.condition_terms import Field, Literal, Term, a
from handoffs.rules.condition_tests import EQUALITY, Present, Test
from handoffs.rules.data_schema import ROOTS, DataSchema, Path, Vocabulary
from handoffs.rules.problems import Misfit, Problem, did_you_mean
from handoffs.rules.structured import DEPTH_LIMIT, NODE_LIMIT
from handoffs.rules.values import Kind

COMPARISONS = {"_>_": ">", "_>=_": ">=", "_<_": "<", "_<=_": "<=", "_==_": "=", "_!=_": "!="}
CALCULATIONS = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%"}
TEXT_METHODS = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains"}
JOINS = {"_&&_": False, "_||_": True}
FUNCTIONS = ("has", "size", "decimal", "date", "isRound", "matches", *TEXT_METHODS, "exists", "all")
INSTEAD = {"double": "decimal", "int": "decimal", "uint": "decimal", "timestamp": "date", "float": "decimal"}


def read_expression(source: str, schema: DataSchema, *, place: str) -> tuple[Test | None, list[Problem]]:
    """The test that `source` describes, and every mistake found in it; the test is None if there are any."""
    reader = _Reader(source, place)
    test = reader.read(Vocabulary(schema=schema))
    return (None if reader.problems else test), reader.problems


class _Reader:
    """Reads one expression, counting its tests and gathering its problems with their line and column."""

    def __init__(self, source: str, place: str) -> None:
        self.source = source
        self.place = place
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, words: Vocabulary) -> Test | None:
        try:
            return self.test(parse(self.source), words, 1)
        except Misfit as misfit:
            self.problems.append(Problem(place=self.place, message=misfit.message))
            return None

    def test(self, node: Node, words: Vocabulary, depth: int) -> Test | None:
        """The node as something that is true, false or unknown; None if it is wrong, which is noted."""
        try:
            return self._test(node, words, depth)
        except Misfit as misfit:
            offset = start(node) if misfit.offset is None else misfit.offset
            message = f"{misfit.message} ({position(self.source, offset)})"
            self.problems.append(Problem(place=self.place, message=message))
            return None

    def _test(self, node: Node, words: Vocabulary, depth: int) -> Test | None:
        self._count(depth)
        if isinstance(node, Loop):
            return self._over_items(node, words, depth)
        if isinstance(node, Select) and node.asks_presence:
            return Present(_field(node, words))
        if isinstance(node, Call) and node.function != "_[_]":
            joined = self._logic(node, words, depth)
            return _leaf(node, words) if joined is NO_LOGIC else joined
        return checks.said(_term(node, words))

    def _count(self, depth: int) -> None:
        self.nodes += 1
        if depth > DEPTH_LIMIT:
            raise Misfit(f"conditions are nested more than {DEPTH_LIMIT} deep: split this into several triggers")
        if self.nodes == NODE_LIMIT + 1:
            raise Misfit(f"the expression has more than {NODE_LIMIT} parts: split this into several triggers")

    def _logic(self, node: Call, words: Vocabulary, depth: int) -> Any:
        if node.function in JOINS:
            parts = [self.test(part, words, depth + 1) for part in _flat(node)]
            return Joined(JOINS[node.function], tuple(part for part in parts if part is not None))
        if node.function == "!_":
            part = self.test(node.arguments[0], words, depth + 1)
            return None if part is None else Not(part)
        if node.function == "_?_:_":
            condition, then, otherwise = (self.test(part, words, depth + 1) for part in node.arguments)
            return Choice(condition, then, otherwise) if condition and then and otherwise else None
        return NO_LOGIC

    def _over_items(self, loop: Loop, words: Vocabulary, depth: int) -> Test | None:
        items = _field(loop.items, words)
        if items.kind not in (Kind.LIST, Kind.ANY):
            raise Misfit(f"{items.spec.path} is {a(items.kind)}, not a list")
        if loop.variable in ROOTS:
            raise Misfit(f"{loop.variable} is taken: give the item another name")
        inside = words.inside(loop.variable, words.schema.item_of(items.spec))
        test = self.test(loop.test, inside, depth + 1)
        listed = Field.of(items.parts, items.spec, Kind.LIST)
        return None if test is None else OverItems.of(loop.decisive, listed, loop.variable, test)


NO_LOGIC = object()
"""A call that is neither and, or, not, nor a choice."""


def _flat(node: Call) -> list[Node]:
    """The parts of a chain of the same `&&` or `||`."""
    parts: list[Node] = []
    for argument in node.arguments:
        same = isinstance(argument, Call) and argument.function == node.function
        parts.extend(_flat(argument) if same else [argument])  # type: ignore[arg-type]
    return parts


def _leaf(call: Call, words: Vocabulary) -> Test:
    """A comparison, or a function that gives yes or no."""
    if call.function in COMPARISONS:
        return _comparison(COMPARISONS[call.function], call, words)
    if call.function == "@in":
        return _membership(call, words)
    if call.function in TEXT_METHODS:
        term, wanted = _arguments(call, words, 2)
        return checks.text_test(TEXT_METHODS[call.function], term, wanted)
    if call.function == "matches":
        term, pattern = _arguments(call, words, 2)
        return checks.matches(term, pattern.content if isinstance(pattern, Literal) else None)
    if call.function == "isRound":
        term, unit = _arguments(call, words, 2)
        return checks.is_round(term, unit)
    return checks.said(_call_term(call, words))


def _comparison(operator: str, call: Call, words: Vocabulary) -> Test:
    left, right = call.arguments
    if _is_null(left) or _is_null(right):
        return _null_test(operator, right if _is_null(left) else left, words)
    return checks.comparison(operator, _term(left, words), _term(right, words))


def _is_null(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _null_test(operator: str, node: Node, words: Vocabulary) -> Test:
    if operator not in EQUALITY:
        raise Misfit("null has no order: ask whether the field is there, as in !has(data.po_number)")
    present = Present(_field(node, words))
    return present if operator == "!=" else Not(present)


def _membership(call: Call, words: Vocabulary) -> Test:
    node, items = call.arguments
    term = _term(node, words)
    if not isinstance(items, ListOf):
        return checks.among(term, _term(items, words))
    if isinstance(term, Literal):
        raise Misfit("name a field before in")
    return checks.one_of(term, [_term(item, words) for item in items.items])


def _arguments(call: Call, words: Vocabulary, count: int) -> list[Term]:
    if len(call.arguments) != count:
        raise Misfit(f"{call.function} takes {count} values here, not {len(call.arguments)}")
    return [_term(argument, words) for argument in call.arguments]


def _term(node: Node, words: Vocabulary) -> Term:
    """The node as something that has a value. Raises Misfit that knows where in the source it is."""
    try:
        return _read_term(node, words)
    except Misfit as misfit:
        if misfit.offset is None:
            misfit.offset = start(node)
        raise


def _read_term(node: Node, words: Vocabulary) -> Term:
    if isinstance(node, Constant):
        return _literal(node)
    if isinstance(node, Unsupported):
        raise Misfit(f"{node.what} cannot be used in a condition")
    if isinstance(node, ListOf):
        raise Misfit("a list of values can only stand after in")
    if isinstance(node, Call) and node.function != "_[_]":
        return _call_term(node, words)
    if isinstance(node, Loop) or (isinstance(node, Select) and node.asks_presence):
        raise Misfit("this gives yes or no: join it with && or ||, do not compare it")
    return _field(node, words)


def _literal(node: Constant) -> Literal:
    if node.value is None:
        raise Misfit("null is no value: ask whether the field is there, as in !has(data.po_number)")
    return checks.literal_of(node.value)


def _call_term(call: Call, words: Vocabulary) -> Term:
    if call.function in CALCULATIONS:
        left, right = _arguments(call, words, 2)
        return checks.arithmetic(CALCULATIONS[call.function], left, right)
    if call.function == "-_":
        return checks.arithmetic("-", Literal(0, Kind.NUMBER), _arguments(call, words, 1)[0])
    converted = CONVERSIONS.get(call.function)
    if converted:
        return converted(_arguments(call, words, 1)[0])
    if call.function in (*COMPARISONS, *JOINS, *TEXT_METHODS, "!_", "_?_:_", "@in", "matches", "isRound"):
        raise Misfit("this gives yes or no: join it with && or ||, do not compare it")
    raise Misfit(_unknown_function(call.function))


CONVERSIONS: dict[str, Callable[[Term], Term]] = {"decimal": checks.number, "date": checks.day, "size": checks.size}


def _unknown_function(function: str) -> str:
    instead = INSTEAD.get(function)
    near = f", use {instead}" if instead else did_you_mean(function, FUNCTIONS)
    return f"unknown function {function[:80]}{near or ': there are ' + ', '.join(FUNCTIONS)}"


def _field(node: Node, words: Vocabulary) -> Field:
    parts = _path(node)
    if parts is None:
        raise Misfit("name a field here, such as data.amount")
    return Field.of(parts, words.field(parts))


def _path(node: Node) -> Path | None:
    """The parts of `data.lines[0].price` or `data["unit price"]`; None for anything else."""
    if isinstance(node, Name):
        return (node.name,)
    if isinstance(node, Select):
        below = _path(node.operand)
        return None if below is None else (*below, node.field)
    if isinstance(node, Call) and node.function == "_[_]":
        below, key = _path(node.arguments[0]), node.arguments[1]
        part = key.value if isinstance(key, Constant) and type(key.value) in (str, int) else None
        return (
            None if below is None or part is None or part == "" or (type(part) is int and part < 0) else (*below, part)
        )
    return None
