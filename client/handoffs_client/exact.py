"""JSON whose numbers are never rounded: a Decimal is written with all its digits and read back as a Decimal."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def dumps(value: Any) -> str:
    """The JSON text of `value`, keys sorted, so that the same content is the same text.

    Raises TypeError for what JSON does not have, and ValueError for numbers that are not finite.
    """
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{dumps(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; fractions become Decimals. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"keys of JSON objects are texts, not {key!r}")
    return json.dumps(key, ensure_ascii=False)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} cannot be written as JSON")
    return f"{value:f}"
