"""The fields of a context package as a reviewer reads them: amounts, tables, links; everything else is plain text."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from handoffs.choices import FieldType
from handoffs.portal import wording
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.package import as_decimal

WIDE_FROM_CHARACTERS = 60
MAX_TABLE_ROWS, MAX_TABLE_COLUMNS = 200, 12
TOTALS = ("total", "amount", "sum", "net", "gross")


@dataclass(frozen=True, kw_only=True)
class Cell:
    text: str
    numeric: bool = False


NOTHING = Cell(text="–")


@dataclass(frozen=True, kw_only=True)
class Column:
    label: str
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One field: masked until opened, missing, a table, a link, or a text with its unit."""

    key: str
    label: str
    text: str = ""
    unit: str = ""
    url: str = ""
    columns: list[Column] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    fired: bool = False
    sensitive: bool = False
    masked: bool = False
    missing: bool = False

    @property
    def wide(self) -> bool:
        return bool(self.rows) or len(self.text) > WIDE_FROM_CHARACTERS or "\n" in self.text


def facts_of(package: Mapping[str, Any], *, fired: Collection[str], revealed: Mapping[str, Any]) -> list[Fact]:
    """Every field of the package in its order; `fired` are paths that triggers read, `revealed` opened values."""
    keys = {path.removeprefix("data.") for path in fired}
    return [fact_of(shown, fired=shown["key"] in keys, revealed=revealed) for shown in package["fields"]]


def fact_of(shown: Mapping[str, Any], *, fired: bool, revealed: Mapping[str, Any]) -> Fact:
    """One field. The value of a sensitive one is not even looked at unless it was revealed."""
    given = {"key": shown["key"], "label": shown["label"], "fired": fired, "sensitive": shown["sensitive"]}
    if shown["sensitive"] and shown["key"] not in revealed:
        return Fact(**given, masked=True)
    value = revealed[shown["key"]] if shown["sensitive"] else shown["value"]
    if value in (None, "", [], {}):
        return Fact(**given, missing=True)
    return Fact(**given, **_said(FieldType(shown["type"]), value, shown.get("currency") or ""))


def _said(kind: FieldType, value: Any, currency: str) -> dict[str, Any]:
    if kind is FieldType.TABLE and isinstance(value, list | Mapping):
        return _table(value)
    if kind is FieldType.MONEY:
        return {"text": wording.money(value, currency), "unit": currency}
    if kind is FieldType.PERCENT:
        return {"text": wording.number(value), "unit": "%"}
    if kind is FieldType.NUMBER:
        return {"text": wording.number(value)}
    if kind is FieldType.LINK:
        return {"text": text_of(value), "url": safe_url(value)}
    return {"text": text_of(value)}


def text_of(value: Any) -> str:
    """Plain words of any JSON value."""
    return value if isinstance(value, str) else canonical_dumps(value)


def safe_url(value: Any) -> str:
    """The address if it is one of the web, else nothing: a package is data, and data may say `javascript:`."""
    if not isinstance(value, str):
        return ""
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return ""
    return value.strip() if parts.scheme in {"http", "https"} and parts.netloc else ""


def _table(value: Any) -> dict[str, Any]:
    records = _records(value)[:MAX_TABLE_ROWS]
    cells = [{name: _cell(value) for name, value in record.items()} for record in records]
    numeric = {name for record in cells for name, cell in record.items() if cell.numeric}
    names = sorted({name: None for record in cells for name in record}, key=lambda name: _place(name, numeric))
    columns = [Column(label=_heading(name), numeric=name in numeric) for name in names[:MAX_TABLE_COLUMNS]]
    rows = [[record.get(name, NOTHING) for name in names[:MAX_TABLE_COLUMNS]] for record in cells]
    return {"columns": columns, "rows": rows}


def _place(name: str, numeric: Collection[str]) -> int:
    """Words, then numbers, then totals: the database does not keep the order in which a table's columns came."""
    return (name in numeric) + (name in numeric and any(part in name.casefold() for part in TOTALS))


def _records(value: Any) -> list[Mapping[str, Any]]:
    """A list of objects is a table; an object is one of names and values; any other list has one column."""
    if isinstance(value, Mapping):
        return [{"name": _heading(name), "value": item} for name, item in value.items()]
    return [item if isinstance(item, Mapping) else {"value": item} for item in value]


def _cell(value: Any) -> Cell:
    if value is None:
        return NOTHING
    if as_decimal(value) is None or _is_code(value):
        return Cell(text=text_of(value))
    return Cell(text=wording.number(value), numeric=True)


def _is_code(value: Any) -> bool:
    """`00123` is an article number, not an amount."""
    return isinstance(value, str) and len(value) > 1 and value.startswith("0") and not value.startswith("0.")


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()
