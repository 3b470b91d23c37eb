"""The source of an expression as a small tree: CEL's own parser reads it, its serialized form is unpacked here.

The serialized form is `cel.expr.ParsedExpr` of the CEL specification (syntax.proto) in protobuf's wire format.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cel_expr_python import cel

from handoffs.rules.problems import Misfit

SOURCE_CHARACTERS = 2000
PARSER = cel.NewEnv()
ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
FRACTION = re.compile(r"-?\s*((?:\d+\.\d+|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?)", re.ASCII)
SURROGATE = re.compile("[\ud800-\udfff]")

NEWLINE = "\n"

Message = dict[int, list[Any]]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; numbers with a fraction are exact decimals, null is None."""

    value: Any
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`, or `has(operand.field)`."""

    operand: "Node"
    field: str
    asks_presence: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator; a method's target is its first argument."""

    function: str
    arguments: tuple["Node", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple["Node", ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Loop:
    """`items.exists(variable, test)` (decisive True) or `items.all(variable, test)` (decisive False)."""

    items: "Node"
    variable: str
    decisive: bool
    test: "Node"
    offset: int


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Something that CEL has and conditions do not."""

    what: str
    offset: int


Node = Constant | Name | Select | Call | ListOf | Loop | Unsupported


def parse(source: str) -> Node:
    """The tree of an expression. Raises Misfit with line and column for anything that is not CEL."""
    if len(source) > SOURCE_CHARACTERS:
        raise Misfit(f"the expression has {len(source)} characters, {SOURCE_CHARACTERS} are allowed")
    if SURROGATE.search(source) or "\0" in source:
        raise Misfit("the expression holds characters that are no text")
    try:
        serialized = PARSER.compile(source, disable_check=True).serialize()
    except RuntimeError as error:
        raise Misfit(_explained(str(error))) from None
    return _Unpacker(source, _message(_message(serialized)[2][0])).tree()


def start(node: Node) -> int:
    """Where the source of the node begins: for a path and an operator that is left of the node's own offset."""
    if isinstance(node, Select):
        return start(node.operand)
    return min([node.offset, *map(start, node.arguments)]) if isinstance(node, Call) else node.offset


def position(source: str, offset: int) -> str:
    """`line 1, column 5` of the character at `offset`."""
    before = source[: max(offset, 0)]
    column = len(before) - before.rfind("\n")
    return f"line {before.count(NEWLINE) + 1}, column {column}"


def _explained(error: str) -> str:
    found = ERROR.search(error)
    if found is None or int(found[1]) > SOURCE_CHARACTERS:
        return "the expression is nested too deeply: split it into several triggers"
    reason = re.sub(r"mismatched input '<EOF>'.*", "the expression ends too early", found[3])
    reason = re.sub(r"(?:mismatched|extraneous) input ('.*?') expecting.*", r"\1 is not expected here", reason)
    reason = re.sub(r" expecting \{.*", "", reason).replace("Syntax error: ", "").replace(" [INVALID_ARGUMENT]", "")
    return f"{reason[:200]} (line {found[1]}, column {found[2]})"


class _Unpacker:
    """Turns the protobuf messages of one parsed expression into nodes."""

    def __init__(self, source: str, parsed: Message) -> None:
        self.source = source
        self.root = parsed[2][0]
        self.offsets = _offsets(_message(parsed[3][0]))

    def tree(self) -> Node:
        return self.node(self.root)

    def node(self, serialized: bytes) -> Node:
        message = _message(serialized)
        offset = self.offsets.get(_first(message, 2, 0), 0)
        for number, read in self._readers().items():
            if number in message:
                node: Node = read(_message(message[number][0]), offset)
                return node
        return Unsupported("this kind of expression", offset)

    def _readers(self) -> dict[int, Any]:
        return {
            3: self._constant,
            4: lambda message, offset: Name(_text(message, 1), offset),
            5: self._select,
            6: self._call,
            7: lambda message, offset: ListOf(self._nodes(message, 1), offset),
            8: lambda message, offset: Unsupported("a map in braces", offset),
            9: self._loop,
        }

    def _nodes(self, message: Message, number: int) -> tuple[Node, ...]:
        return tuple(self.node(child) for child in message.get(number, []))

    def _constant(self, message: Message, offset: int) -> Node:
        if 1 in message:
            return Constant(None, offset)
        if 2 in message:
            return Constant(bool(message[2][0]), offset)
        if 3 in message:
            return Constant(_signed(message[3][0]), offset)
        if 4 in message:
            return Constant(message[4][0], offset)
        if 5 in message:
            return self._fraction(message[5][0], offset)
        return Constant(_text(message, 6), offset) if 6 in message else Unsupported("a literal of bytes", offset)

    def _fraction(self, serialized: bytes, offset: int) -> Node:
        """The number as it stands in the source: the parser's own is binary and not exact."""
        (binary,) = struct.unpack("<d", serialized)
        written = FRACTION.match(self.source, offset)
        if written is None or float(written[1]) != abs(binary):
            return Unsupported("this way to write a number", offset)
        exact = Decimal(written[1])
        return Constant(exact.copy_negate() if written[0].startswith("-") else exact, offset)

    def _select(self, message: Message, offset: int) -> Node:
        asks_presence = bool(_first(message, 3, 0))
        return Select(self.node(message[1][0]), _text(message, 2), asks_presence, offset)

    def _call(self, message: Message, offset: int) -> Node:
        return Call(_text(message, 2), self._nodes(message, 1) + self._nodes(message, 3), offset)

    def _loop(self, message: Message, offset: int) -> Node:
        """Only the two loops that give yes or no; the parser has spelled them out as a fold over `@result`."""
        step = self.node(message[6][0])
        start = self.node(message[4][0])
        decisive = {"_||_": True, "_&&_": False}.get(step.function) if isinstance(step, Call) else None
        if decisive is None or not isinstance(start, Constant) or start.value is not (not decisive) or 8 in message:
            return Unsupported("a loop other than exists and all", offset)
        accumulated, test = step.arguments  # type: ignore[union-attr]
        if not isinstance(accumulated, Name):
            return Unsupported("a loop other than exists and all", offset)
        return Loop(self.node(message[2][0]), _text(message, 1), decisive, test, offset)


def _offsets(source_info: Message) -> dict[int, int]:
    entries = (_message(entry) for entry in source_info.get(4, []))
    return {_first(entry, 1, 0): _first(entry, 2, 0) for entry in entries}


def _message(serialized: bytes) -> Message:
    """The fields of a protobuf message by number, each with all its values."""
    fields: Message = {}
    for number, value in _fields(serialized):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(serialized: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(serialized):
        tag, at = _varint(serialized, at)
        if tag & 7 == 0:
            value, at = _varint(serialized, at)
            yield tag >> 3, value
        else:
            length, at = (8, at) if tag & 7 == 1 else _varint(serialized, at)
            yield tag >> 3, serialized[at : at + length]
            at += length


def _varint(serialized: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = serialized[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _first(message: Message, number: int, default: int) -> int:
    found: int = message.get(number, [default])[0]
    return found


def _text(message: Message, number: int) -> str:
    found: bytes = message.get(number, [b""])[0]
    return found.decode()
