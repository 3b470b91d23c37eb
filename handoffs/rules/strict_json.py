"""Reads a JSON body strictly: exact numbers, bounded depth, nothing that a database or a reader would misread."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from handoffs.errors import Invalid
from handoffs.rules.canonical import exact_number

MAX_DEPTH = 20
MAX_DIGITS = 40
MAX_EXPONENT = 40
CHARACTERS_SHOWN = 50
_BRACKETS_AND_STRINGS = re.compile(r'[{}\[\]]|"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}
_ESCAPED_SURROGATE_OR_NUL = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class BodyUnreadable(Invalid):
    """The body is not the JSON that the desk reads; the message says what to change."""

    code = "malformed_json"
    title = "The body cannot be read"


def read(body: bytes) -> dict[str, Any]:
    """The object that `body` holds; fractions and exponents become Decimal. Raises BodyUnreadable."""
    text = _decoded(body)
    _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise BodyUnreadable(f"Not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from error
    if not isinstance(value, dict):
        raise BodyUnreadable("The body must be a JSON object, such as {}.")
    if _ESCAPED_SURROGATE_OR_NUL.search(text):
        _check_strings(value)
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BodyUnreadable(f"Not UTF-8: byte {error.start} cannot be read. Send JSON in UTF-8.") from error


def _check_depth(text: str) -> None:
    """Before anything is parsed, because deep nesting is what breaks parsers."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = 0
    for found in _BRACKETS_AND_STRINGS.finditer(text):
        depth += _STEPS.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise BodyUnreadable(f"Nested deeper than {MAX_DEPTH} levels.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BodyUnreadable(f"The key {_cut(twice)!r} stands twice in one object.")
    return value


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise _too_long(digits)
    return int(digits)


def _fraction(text: str) -> Decimal:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa.lstrip("-").replace(".", "")) > MAX_DIGITS:
        raise _too_long(text)
    if exponent and (len(exponent.lstrip("+-0")) > len(str(MAX_EXPONENT)) or abs(int(exponent)) > MAX_EXPONENT):
        raise BodyUnreadable(f"The exponent of {_cut(text)} is beyond ±{MAX_EXPONENT}.")
    return exact_number(text)


def _constant(word: str) -> Any:
    raise BodyUnreadable(f"{word} is not a JSON number.")


def _too_long(text: str) -> BodyUnreadable:
    return BodyUnreadable(f"The number {_cut(text)} has more than {MAX_DIGITS} digits; send it as a string.")


def _check_strings(value: Any) -> None:
    for text in _strings(value):
        found = _UNSTORABLE.search(text)
        if found:
            what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
            raise BodyUnreadable(f"A text contains {what}, which cannot be stored.")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _cut(text: str) -> str:
    """For a message: short, and safe to write as UTF-8 whatever was sent."""
    shown = text if len(text) <= CHARACTERS_SHOWN else text[:CHARACTERS_SHOWN] + "…"
    return _UNSTORABLE.sub("�", shown)


_DECODER = json.JSONDecoder(
    parse_float=_fraction, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_object
)
