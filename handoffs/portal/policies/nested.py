"""Parts of the document that are no plain lists, as rows for the editor and back: data fields, questions, reminders."""

from collections.abc import Mapping
from typing import Any

DATA_SHAPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "decimal": {"type": ["number", "string"], "format": "decimal"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
    "list": {"type": "array"},
    "object": {"type": "object"},
}
DATA_TYPES = (
    ("text", "Text"),
    ("decimal", "Exact number, such as money"),
    ("number", "Number"),
    ("integer", "Whole number"),
    ("boolean", "Yes or no"),
    ("date", "Date"),
    ("moment", "Date and time"),
    ("choice", "One of some values"),
    ("list", "List"),
    ("object", "Group of fields"),
    ("other", "As written in the YAML"),
)
ANSWER_SHAPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "decimal": {"type": "string", "format": "decimal"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
ANSWER_TYPES = (
    ("text", "Text"),
    ("choice", "Choice"),
    ("number", "Number"),
    ("integer", "Whole number"),
    ("decimal", "Exact amount"),
    ("boolean", "Yes or no"),
    ("date", "Date"),
    ("other", "As written in the YAML"),
)
SHAPE_WORDS = ("type", "format", "enum")


def fields_of(data: Any) -> list[dict[str, Any]]:
    """The properties of the data schema as rows."""
    properties = _mapping(_mapping(data).get("properties"))
    return [_row(name, schema, DATA_SHAPES) for name, schema in properties.items()]


def data_of(rows: list[Any], was: Any) -> dict[str, Any]:
    """The data schema with the rows as its properties; everything else of it stays."""
    kept = dict(_mapping(was)) or {"type": "object"}
    properties = {name: _schema(row, DATA_SHAPES) for name, row in _named(rows)}
    return {**kept, "properties": properties} if properties or "properties" in kept else kept


def questions_of(answers: Any) -> list[dict[str, Any]]:
    """The questions of an outcome as rows."""
    required = _mapping(answers).get("required")
    names = required if isinstance(required, list) else []
    properties = _mapping(_mapping(answers).get("properties"))
    return [{**_row(name, schema, ANSWER_SHAPES), "required": name in names} for name, schema in properties.items()]


def answers_of(rows: list[Any], was: Any) -> dict[str, Any] | None:
    """The answers of an outcome; None without a question."""
    if not rows:
        return None
    named = _named(rows)
    kept = {name: value for name, value in _mapping(was).items() if name != "required"}
    required = [name for name, row in named if row.get("required")]
    made = {**kept, "properties": {name: _schema(row, ANSWER_SHAPES) for name, row in named}}
    return {**made, "required": required} if required or "required" in _mapping(was) else made


def reminder_apart(item: Any) -> Any:
    """`{before: resolve}` as side and anchor."""
    if not isinstance(item, Mapping):
        return item
    side = "after" if "after" in item else "before"
    rest = {name: value for name, value in item.items() if name not in ("before", "after")}
    return {**rest, "side": side, "anchor": item.get(side, "")}


def reminder_together(item: Any) -> Any:
    """Side and anchor as `{before: resolve}`."""
    if not isinstance(item, Mapping):
        return item
    rest = {name: value for name, value in item.items() if name not in ("side", "anchor", "before", "after")}
    return {str(item.get("side") or "before"): item.get("anchor", ""), **rest}


def context_apart(part: dict[str, Any]) -> dict[str, Any]:
    """Required fields as a mark on the shown ones; one that is required and not shown becomes a shown one."""
    context = dict(_mapping(part.get("context")))
    required = _paths(context)
    fields = [field for field in _listed(context.get("fields")) if isinstance(field, Mapping)]
    shown = [{**field, "required": True} if field.get("field") in required else field for field in fields]
    missing = [path for path in required if path not in {field.get("field") for field in fields}]
    rows = [*shown, *({"field": path, "required": True} for path in missing)]
    return {**part, "context": {**context, "fields": rows}} if rows or context else part


def context_together(part: dict[str, Any]) -> dict[str, Any]:
    """The marks back into the list of required fields, in the order that it had."""
    context = dict(_mapping(part.get("context")))
    rows = [row for row in _listed(context.get("fields")) if isinstance(row, Mapping)]
    marked = [row.get("field") for row in rows if row.get("required")]
    before = [path for path in _paths(context) if path in marked]
    required = [*before, *(path for path in marked if path not in before)]
    require = {name: value for name, value in _mapping(context.get("require")).items() if name != "fields"}
    if required:
        require["fields"] = required
    plain = [{name: value for name, value in row.items() if name != "required"} for row in rows]
    made = {name: value for name, value in context.items() if name not in ("fields", "require")}
    made |= ({"fields": plain} if plain else {}) | ({"require": require} if require else {})
    return {**part, "context": made} if made or "context" in part else part


def _paths(context: Mapping[str, Any]) -> list[Any]:
    return _listed(_mapping(context.get("require")).get("fields"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _row(name: str, schema: Any, shapes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    schema = _mapping(schema)
    plain, empty = _without_null(schema)
    row = {"name": name, "type": _type_of(plain, shapes), "empty": empty, "schema": schema}
    if "title" in schema:
        row["title"] = schema["title"]
    return {**row, "choices": plain["enum"]} if row["type"] == "choice" else row


def _type_of(plain: Mapping[str, Any], shapes: Mapping[str, Mapping[str, Any]]) -> str:
    shape = {name: plain[name] for name in SHAPE_WORDS if name in plain}
    choices = shape.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str) and choice.strip() == choice for choice in choices):
        return "choice" if shape.get("type", "string") == "string" and "format" not in shape else "other"
    return next((name for name, known in shapes.items() if known == shape), "other")


def _without_null(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    kinds = schema.get("type")
    if not isinstance(kinds, list) or "null" not in kinds:
        return dict(schema), False
    rest = [kind for kind in kinds if kind != "null"]
    plain = {**schema, "type": rest[0] if len(rest) == 1 else rest}
    if isinstance(plain.get("enum"), list):
        plain["enum"] = [value for value in plain["enum"] if value is not None]
    return plain, True


def _schema(row: Mapping[str, Any], shapes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema that a row means; one whose row was not changed stays as it was written."""
    was = dict(_mapping(row.get("schema")))
    title = {"title": row["title"]} if row.get("title") else {}
    before = _row("", was, shapes)
    same = all((row.get(name) or None) == (before.get(name) or None) for name in ("type", "empty", "choices"))
    if (was and same) or row.get("type") == "other":
        return {**{name: value for name, value in was.items() if name != "title"}, **title}
    rest = {name: value for name, value in was.items() if name not in (*SHAPE_WORDS, "title")}
    return {**_nullable(_shape(row, shapes), bool(row.get("empty"))), **title, **rest}


def _shape(row: Mapping[str, Any], shapes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if row.get("type") == "choice":
        return {"type": "string", "enum": list(row.get("choices") or [])}
    return dict(shapes.get(str(row.get("type")), {"type": "string"}))


def _nullable(shape: dict[str, Any], empty: bool) -> dict[str, Any]:
    if not empty:
        return shape
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    made = {**shape, "type": [*kinds, "null"]}
    return {**made, "enum": [*made["enum"], None]} if "enum" in made else made


def _named(rows: list[Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows by name; a name that is taken gets a number, so that no row is lost."""
    taken: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        name, number = str(row.get("name") or ""), 2
        while name in taken:
            name, number = f"{row.get('name') or ''}_{number}", number + 1
        taken[name] = row
    return list(taken.items())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
