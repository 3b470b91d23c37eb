"""Reading a reported value as a number, text, date or truth value, exactly or not at all; and showing it again."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a field holds, as far as conditions care."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "date and time"
    LIST = "list"
    OBJECT = "object"
    ANY = "any"


ORDERED_KINDS = (Kind.NUMBER, Kind.DATE, Kind.MOMENT)

NUMBER_TEXT = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
DATE_TEXT = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NUMBER_TEXT_LIMIT = 1000
INTEGER_BITS = 3000
SHOWN_CHARACTERS = 80
RECORDED_CHARACTERS = 200


def as_number(raw: Any) -> int | Decimal | None:
    """The exact number that `raw` says, or None. Decimal strings count; a float is the shortest decimal for it."""
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int):
        return raw if raw.bit_length() <= INTEGER_BITS else None
    if isinstance(raw, Decimal):
        return raw if raw.is_finite() else None
    if isinstance(raw, float):
        return Decimal(repr(raw)) if math.isfinite(raw) else None
    return _number_in_text(raw) if isinstance(raw, str) else None


def _number_in_text(text: str) -> Decimal | None:
    if len(text) > NUMBER_TEXT_LIMIT:
        return None
    text = text.strip()
    return Decimal(text) if NUMBER_TEXT.fullmatch(text) else None


def as_text(raw: Any) -> str | None:
    """The text, or None for anything else and for text that is empty or blank."""
    return raw if isinstance(raw, str) and not is_blank(raw) else None


def as_boolean(raw: Any) -> bool | None:
    """True or False where the automation said exactly that, else None."""
    return raw if isinstance(raw, bool) else None


def as_date(raw: Any) -> date | None:
    """The calendar day of an ISO 8601 date, or of a date and time as written in its own zone."""
    if isinstance(raw, str) and DATE_TEXT.fullmatch(raw.strip()):
        return _parse_date(raw.strip())
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    moment = as_moment(raw)
    return moment.date() if moment else None


def as_moment(raw: Any) -> datetime | None:
    """The moment of an ISO 8601 date and time; without a zone it is read as UTC, a bare date as its midnight."""
    if isinstance(raw, str):
        return _parse_moment(raw.strip())
    if isinstance(raw, datetime):
        return raw if raw.tzinfo else raw.replace(tzinfo=UTC)
    return datetime(raw.year, raw.month, raw.day, tzinfo=UTC) if isinstance(raw, date) else None


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _parse_moment(text: str) -> datetime | None:
    if not DATE_TEXT.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def as_list(raw: Any) -> list[Any] | tuple[Any, ...] | None:
    """The items, or None for anything that is not a list."""
    return raw if isinstance(raw, list | tuple) else None


def as_object(raw: Any) -> Mapping[str, Any] | None:
    """The fields, or None for anything that is not an object."""
    return raw if isinstance(raw, Mapping) else None


def as_any(raw: Any) -> Any:
    """The value itself; None for null and for blank text."""
    return None if isinstance(raw, str) and is_blank(raw) else raw


def is_blank(text: str) -> bool:
    """Empty, or nothing but white space."""
    return not text or text.isspace()


def is_missing(raw: Any) -> bool:
    """Absent, null, or blank text: what `missing` asks."""
    return raw is None or (isinstance(raw, str) and is_blank(raw))


READERS = {
    Kind.NUMBER: as_number,
    Kind.TEXT: as_text,
    Kind.BOOLEAN: as_boolean,
    Kind.DATE: as_date,
    Kind.MOMENT: as_moment,
    Kind.LIST: as_list,
    Kind.OBJECT: as_object,
    Kind.ANY: as_any,
}


def loose_pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Two values of unknown kinds as a pair that can be compared for equality, or None if they cannot."""
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    if isinstance(left, bool) and isinstance(right, bool):
        return left, right
    return _both(as_number, left, right) or _both(as_moment, left, right)


def loose_order(left: Any, right: Any) -> tuple[Any, Any] | None:
    """Two values of unknown kinds as two numbers or two moments that have an order, or None."""
    return _both(as_number, left, right) or _both(as_moment, left, right)


def _both(reader: Any, left: Any, right: Any) -> tuple[Any, Any] | None:
    pair = reader(left), reader(right)
    return None if None in pair else pair


def show(value: Any) -> str:
    """A value for people: plain digits, dates as ISO 8601, text cut to a readable length."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return show_number(value)
    if isinstance(value, int):
        return show_number(Decimal(value))
    if isinstance(value, date):
        return value.isoformat()
    return "(none)" if value == "" else cut(summarise(value), SHOWN_CHARACTERS)


def spoken(value: Any) -> str:
    """A value in a sentence: as `show`, with the thousands of a number set apart."""
    is_number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    return show_number(Decimal(value), grouped=True) if is_number else show(value)


def show_number(number: Decimal, *, grouped: bool = False) -> str:
    """`1000` (or `1,000`), not `1E+3`, as long as that stays readable."""
    readable = number.is_finite() and abs(number.adjusted()) <= 30
    return (f"{number:,f}" if grouped else f"{number:f}") if readable else cut(str(number), SHOWN_CHARACTERS)


def show_raw(raw: Any) -> str:
    """A reported value as the automation wrote it: text in quotes, numbers and decimal text in digits."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str) and as_number(raw) is None:
        return json.dumps(cut(raw, SHOWN_CHARACTERS), ensure_ascii=False)
    return show(raw)


def record(raw: Any) -> Any:
    """What to keep of a value that was read: lists and objects as a count, long text cut."""
    return cut(raw, RECORDED_CHARACTERS) if isinstance(raw, str) else summarise(raw)


def summarise(raw: Any) -> Any:
    """Lists and objects as a count, everything else unchanged."""
    if isinstance(raw, list | tuple):
        return f"{len(raw)} item{'' if len(raw) == 1 else 's'}"
    if isinstance(raw, Mapping):
        return f"{len(raw)} field{'' if len(raw) == 1 else 's'}"
    return raw


def cut(text: Any, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was left out."""
    whole = str(text)
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"
