"""A policy as text or as sent, made into plain exact JSON values within limits; what it means is left to loading."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import yaml

from handoffs.errors import Mistake, PolicyInvalid
from handoffs.rules.canonical import canonical_dumps, exact_number
from handoffs.rules.values import cut

DOCUMENT_BYTES = 256 * 1024
DEPTH_LIMIT = 32
VALUES_LIMIT = 20_000
NUMBER_DIGITS = 100
LARGEST_NUMBER = 10**NUMBER_DIGITS
ALIASES_LIMIT = 100
MERGE_TAG = "tag:yaml.org,2002:merge"

_DEPTH = f"nested more than {DEPTH_LIMIT} deep"
_VALUES = f"more than {VALUES_LIMIT} values"
_ALIASES = f"more than {ALIASES_LIMIT} aliases"


class Refused(Exception):
    """What was sent cannot be a policy document; `place` is a path, or a line of the text."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place, self.message = place, message


def read_yaml(text: str) -> Any:
    """The values of a YAML (or JSON) text: numbers exact, nothing but true and false a truth value, dates as text.

    Raises PolicyInvalid with the line and column of the mistake.
    """
    try:
        return _read(text)
    except Refused as refused:
        raise _invalid(refused) from None
    except yaml.MarkedYAMLError as error:
        said = error.problem or error.context or "this is no YAML"
        raise _invalid(Refused(_line(error.problem_mark or error.context_mark), said)) from None
    except yaml.YAMLError as error:
        said = error.reason if isinstance(error, yaml.reader.ReaderError) else cut(error, 200)
        raise _invalid(Refused("document", f"this is no YAML: {said}")) from None


def plain(document: Any) -> dict[str, Any]:
    """A copy of `document` that holds nothing but what JSON has, every fraction a Decimal.

    Raises PolicyInvalid at the first thing that JSON or the database cannot hold, or that is beyond the limits.
    """
    try:
        copied = _Copier().copy(document, "", DEPTH_LIMIT)
        if not isinstance(copied, dict):
            raise Refused("document", "write a policy as keys and values, starting with workflow")
        if len(canonical_dumps(copied).encode()) > DOCUMENT_BYTES:
            raise Refused("document", f"larger than {DOCUMENT_BYTES // 1024} kB: make it shorter")
        return copied
    except Refused as refused:
        raise _invalid(refused) from None


def below(place: str, part: str | int) -> str:
    """`triggers[1].when` from `triggers[1]` and `when`."""
    if isinstance(part, int):
        return f"{place}[{part}]"
    name = cut(part, 80) or "''"
    return f"{place}.{name}" if place else name


class _Copier:
    """Copies one document, counting its values."""

    def __init__(self) -> None:
        self.left = VALUES_LIMIT

    def copy(self, value: Any, place: str, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth < 0:
            raise Refused(place or "document", (_VALUES if self.left < 0 else _DEPTH) + ": make it shorter")
        if isinstance(value, Mapping):
            return {_name(key, place): self.copy(item, below(place, key), depth - 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.copy(item, below(place, position), depth - 1) for position, item in enumerate(value)]
        return _scalar(value, place)


def _name(key: Any, place: str) -> str:
    if not isinstance(key, str):
        raise Refused(place or "document", f"the key {cut(key, 40)} is not text: put it in quotes")
    return _stored_text(key, place)


def _scalar(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _stored_text(str(value), place)
    if isinstance(value, int) and abs(value) < LARGEST_NUMBER:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and _is_short(value):
        return exact_number(str(value))
    raise Refused(place or "document", _unfit(value))


def _is_short(number: Decimal) -> bool:
    digits = number.as_tuple()
    return number.is_finite() and len(digits.digits) + abs(int(digits.exponent)) <= NUMBER_DIGITS


def _unfit(value: Any) -> str:
    if isinstance(value, int | float | Decimal):
        return f"this is no number of at most {NUMBER_DIGITS} digits"
    return f"{type(value).__name__} cannot be written as JSON"


def _stored_text(text: str, place: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(place or "document", "holds a character that cannot be stored: remove it")
    return text


def _read(text: str) -> Any:
    if len(text.encode(errors="surrogatepass")) > DOCUMENT_BYTES:
        raise Refused("document", f"larger than {DOCUMENT_BYTES // 1024} kB: make it shorter")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused("document", "this is no text in UTF-8")
    _look_over(text)
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a loader with the constructors of JSON alone


def _look_over(text: str) -> None:
    """Refuse what would cost too much to build, while it is still a flat stream of events."""
    depth = values = aliases = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        values += isinstance(event, yaml.NodeEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > DEPTH_LIMIT or values > 2 * VALUES_LIMIT or aliases > ALIASES_LIMIT:
            said = _DEPTH if depth > DEPTH_LIMIT else _VALUES if aliases <= ALIASES_LIMIT else _ALIASES
            raise Refused(_line(event.start_mark), f"{said}: make it shorter")


class _Loader(yaml.CSafeLoader):
    """YAML whose plain words mean what they mean in JSON: `no`, `1:30` and `2026-01-31` are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    yaml_constructors: ClassVar[dict[Any, Any]] = {}


def _mapping(loader: Any, node: Any) -> dict[Any, Any]:
    known: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise Refused(_line(key_node.start_mark), f"the key {cut(key, 40)} is not text: put it in quotes")
        if key in known:
            raise Refused(_line(key_node.start_mark), f"the key {cut(key, 40)} stands here twice")
        known[key] = loader.construct_object(value_node, deep=True)
    return known


def _sequence(loader: Any, node: Any) -> list[Any]:
    return [loader.construct_object(item, deep=True) for item in node.value]


def _number(_loader: Any, node: Any) -> int | Decimal:
    if len(node.value) > NUMBER_DIGITS:
        raise Refused(_line(node.start_mark), f"a number has at most {NUMBER_DIGITS} digits")
    if INTEGER_TEXT.match(node.value):
        return int(node.value)
    number = _fraction(node.value)
    if number is None:
        raise Refused(_line(node.start_mark), f"{cut(node.value, 40)} is no number of at most {NUMBER_DIGITS} digits")
    return number


def _fraction(text: str) -> Decimal | None:
    try:
        number = Decimal(text) if FRACTION_TEXT.match(text) else None
    except InvalidOperation:  # an exponent of twenty digits
        return None
    return exact_number(text) if number is not None and _is_short(number) else None


def _truth(_loader: Any, node: Any) -> bool:
    if not TRUTH_TEXT.match(node.value):
        raise Refused(_line(node.start_mark), "write true or false")
    return bool(node.value.lower() == "true")


def _unknown(_loader: Any, node: Any) -> Any:
    said = "write the values out: << is not read" if node.tag == MERGE_TAG else f"unknown tag {cut(node.tag, 80)}"
    raise Refused(_line(node.start_mark), said)


INTEGER_TEXT = re.compile(r"[-+]?[0-9]+\Z")
FRACTION_TEXT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
TRUTH_TEXT = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
NULL_TEXT = re.compile(r"(~|null|Null|NULL|)\Z")

for _tag, _text, _first in (
    ("int", INTEGER_TEXT, "-+0123456789"),
    ("float", FRACTION_TEXT, "-+0123456789."),
    ("bool", TRUTH_TEXT, "tTfF"),
    ("null", NULL_TEXT, ["~", "n", "N", ""]),
    ("merge", re.compile(r"<<\Z"), "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _text, list(_first))

_CONSTRUCTORS: dict[str | None, Callable[[Any, Any], Any]] = {
    "tag:yaml.org,2002:map": _mapping,
    "tag:yaml.org,2002:seq": _sequence,
    "tag:yaml.org,2002:str": lambda _loader, node: node.value,
    "tag:yaml.org,2002:null": lambda _loader, _node: None,
    "tag:yaml.org,2002:bool": _truth,
    "tag:yaml.org,2002:int": _number,
    "tag:yaml.org,2002:float": _number,
    None: _unknown,
}
for _name_of_tag, _constructor in _CONSTRUCTORS.items():
    _Loader.add_constructor(_name_of_tag, _constructor)


def _invalid(refused: Refused) -> PolicyInvalid:
    mistake = Mistake(pointer=refused.place, detail=refused.message)
    return PolicyInvalid(f"{refused.place}: {refused.message}", mistakes=[mistake])


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "document"
