"""From the form of a section to its part of the document, with the pressed button applied; nothing typed is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.portal.policies import conditions
from handoffs.portal.policies.boxes import Box, Rows, Section
from handoffs.portal.policies.posted import Posted, at, is_there, number_of, put
from handoffs.portal.policies.shapes import NESTED
from handoffs.rules.data_schema import DataSchema

VARIANTS: Mapping[str, Any] = {"when": {"field": ""}, "failures": {}, "sample": {}}
ROWS_LIMIT = 2_000


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A section as it was typed: its keys of the document, and the rows that stand open, by name."""

    part: Mapping[str, Any]
    open_rows: frozenset[str]


def part_of(section: Section, document: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a document that a section writes."""
    return {name: document[name] for name in section.names if name in document}


def merged(section: Section, document: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the section replaced."""
    return {**{name: value for name, value in document.items() if name not in section.names}, **part}


def read(section: Section, posted: Posted, *, data: Any) -> Reading:
    """What the form says; `data` is the policy's data schema, which conditions are typed by."""
    schema = DataSchema.of(data if isinstance(data, Mapping) else None)
    part = posted.kept_part("was")
    for box in section.boxes:
        _read_box(box, posted, part, "", schema)
    open_rows: set[str] = set()
    for rows in section.rows:
        found = _read_rows(rows, posted, rows.name, schema)
        open_rows |= {f"{rows.name}.{number}" for number, (_, is_open) in enumerate(found) if is_open}
        _put_rows(rows, posted, part, rows.name, [item for item, _ in found], rows.name)
    return Reading(part=section.together(part), open_rows=frozenset(open_rows))


def _put_rows(rows: Rows, posted: Posted, item: dict[str, Any], path: str, found: list[Any], name: str) -> None:
    value = rows.as_value(found, posted.kept(f"{name}.kept"))
    put(item, path, value if found or posted.has(f"{name}.had") else None)


def _read_rows(rows: Rows, posted: Posted, name: str, schema: DataSchema) -> list[tuple[Any, bool]]:
    """Each row with whether it stands open, in the new order."""
    names = [f"{name}.{number}" for number in posted.all(f"{name}.rows")[:ROWS_LIMIT]]
    names = [row for row in names if not posted.asks("remove", row)]
    found = [_read_row(rows, posted, row, schema) for row in names]
    _move(found, names, posted)
    if posted.asks("add", name):
        found.append((rows.fresh(), True))
    return found


def _move(found: list[Any], names: list[str], posted: Posted) -> None:
    if posted.verb not in ("up", "down") or posted.target not in names:
        return
    place = names.index(posted.target)
    other = place + (1 if posted.verb == "down" else -1)
    if 0 <= other < len(found):
        found[place], found[other] = found[other], found[place]


def _read_row(rows: Rows, posted: Posted, name: str, schema: DataSchema) -> tuple[Any, bool]:
    if posted.has(f"{name}.json"):
        return posted.kept(f"{name}.json"), posted.asks("open", name)
    item = rows.expand(posted.kept_part(f"{name}.was"))
    variant = _variant(rows, posted, item, name)
    for box in rows.boxes:
        if box.kind != "variant" and (not box.group or box.group in (variant, item.get("type"))):
            _read_box(box, posted, item, name, schema)
    return rows.compress(item), not posted.asks("close", name)


def _variant(rows: Rows, posted: Posted, item: dict[str, Any], name: str) -> str:
    """Which kind of row it is; the parts of the other kinds go."""
    box = next((box for box in rows.boxes if box.kind == "variant"), None)
    if box is None:
        return ""
    keys = [key for key, _ in box.choices]
    chosen = posted.text(f"{name}.variant")
    chosen = chosen if chosen in keys else keys[0]
    for key in keys:
        if key != chosen:
            item.pop(key, None)
    if chosen != "when":
        item.pop("unknown", None)
    item.setdefault(chosen, dict(VARIANTS[chosen]))
    return chosen


def _read_box(box: Box, posted: Posted, item: dict[str, Any], prefix: str, schema: DataSchema) -> None:
    name = f"{prefix}.{box.name}" if prefix else box.name
    if box.kind == "title":
        return
    if box.kind == "rows":
        found = [row for row, _ in _read_rows(NESTED[box.name], posted, name, schema)]
        _put_rows(NESTED[box.name], posted, item, box.name, found, name)
        return
    if box.kind not in ("check", "many", "condition") and not posted.has(name):
        return
    value = _value(box, posted, name, schema, was=at(item, box.name))
    if value == box.default and box.default is not None and not is_there(item, box.name):
        return
    put(item, box.name, value, keeps_null=True)
    if box.group in VARIANTS and box.name.startswith(f"{box.group}."):
        item.setdefault(box.group, {})


def _value(box: Box, posted: Posted, name: str, schema: DataSchema, *, was: Any) -> Any:
    if box.kind == "check":
        return _checked(box, posted.has(name), was)
    if box.kind == "condition":
        return _condition(box, posted, name, schema, was)
    if box.kind == "many":
        return posted.all(name) or None
    typed = posted.text(name)
    if box.kind == "number":
        unchanged = was is not None and conditions.value_text(was) == typed
        return was if unchanged else number_of(typed) if typed else None
    if box.kind == "lines":
        return [line.strip() for line in typed.split("\n") if line.strip()] or ([] if was == [] else None)
    return typed or None


def _checked(box: Box, checked: bool, was: Any) -> bool | None:
    if was is None and checked == bool(box.default):
        return None
    return checked


def _condition(box: Box, posted: Posted, name: str, schema: DataSchema, was: Any) -> Any:
    if not posted.has(f"{name}.mode"):
        return was
    source = conditions.read(posted, name, schema=schema)
    if box.name != "second_person":
        return source
    if source in (None, True):
        return source or (False if was is False else None)
    return {**(was if isinstance(was, Mapping) else {}), "when": source}
