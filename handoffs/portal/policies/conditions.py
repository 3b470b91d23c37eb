"""A condition as the builder shows it, and back: rows of field, operator and value in groups, or written out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made
from decimal import Decimal
from typing import Any

from handoffs.errors import PolicyInvalid
from handoffs.portal.policies.boxes import Box, Choices
from handoffs.portal.policies.documents import flow
from handoffs.portal.policies.posted import Posted, carried, number_of
from handoffs.portal.policies.words import OPERATOR_WORDS
from handoffs.rules.condition_checks import ALWAYS, OPERATORS
from handoffs.rules.condition_tests import DATE_WORDS
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.policy_reading import plain, read_yaml
from handoffs.rules.values import Kind

GROUPS = ("all", "any")
JOINS: Choices = (("all", "all of these hold"), ("any", "any of these holds"))
LISTS = ("in", "not_in")
DEPTH_LIMIT = 4
FRESH = {"field": ""}


@dataclass(kw_only=True)
class Leaf:
    """One row: field, operator, value; `input` says which control fits the value."""

    name: str
    place: str
    field: str
    operator: str
    operators: Choices
    value: str
    input: str
    choices: Choices
    was: str
    errors: list[str] = made(default_factory=list)

    is_group = False
    known: bool = True

    @property
    def unlisted(self) -> bool:
        """The field is one that the builder does not list, or no longer there."""
        return bool(self.field) and not self.known

    @property
    def value_unlisted(self) -> bool:
        """The value is none of the choices."""
        return bool(self.value) and self.value not in dict(self.choices)


@dataclass(kw_only=True)
class Group:
    """Rows that are joined by all or any; `wrapped` keeps a group of one as it was written."""

    name: str
    place: str
    join: str
    children: list[Any]
    wrapped: bool
    depth: int
    errors: list[str] = made(default_factory=list)

    is_group = True

    @property
    def may_nest(self) -> bool:
        return self.depth < DEPTH_LIMIT


@dataclass(kw_only=True)
class ConditionView:
    """A whole condition: its mode, its rows, and its text."""

    mode: str
    modes: Choices
    group: Group
    text: str


def draw(box: Box, source: Any, *, name: str, place: str, schema: DataSchema) -> ConditionView:
    """The view of a condition; what the rows cannot say is shown written out."""
    group = _group(_rows_of(source), name, place, schema, depth=1)
    modes = [mode for mode, _ in box.choices]
    if source is True and "always" in modes:
        mode = "always"
    elif source in (None, False):
        mode = "none" if "none" in modes else "rows"
    else:
        mode = "rows" if _can_be_rows(source) else "text"
    text = source if isinstance(source, str) else flow(source) if isinstance(source, Mapping | list) else ""
    return ConditionView(mode=mode, modes=box.choices, group=group, text=text)


def read(posted: Posted, name: str, *, schema: DataSchema) -> Any:
    """What was built or written; None for no condition, True for always."""
    mode = posted.text(f"{name}.mode")
    if mode in ("none", "always"):
        return True if mode == "always" else None
    if mode == "text":
        return _written(posted.text(f"{name}.text"))
    return _read_group(posted, name, schema)


def nodes(group: Group) -> Iterator[Any]:
    """The group and everything in it."""
    yield group
    for child in group.children:
        yield from nodes(child) if child.is_group else (child,)


def _written(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return text
    try:
        read = plain({"when": read_yaml(text)})["when"]
    except PolicyInvalid:
        return text
    return read if isinstance(read, Mapping | list) else text


def _can_be_rows(source: Any, depth: int = 1) -> bool:
    if not isinstance(source, Mapping) or depth > DEPTH_LIMIT:
        return False
    join = _join_of(source)
    if join:
        return len(source) == 1 and all(_can_be_rows(part, depth + 1) for part in source[join])
    return set(source) <= {"field", "is", "value"} and _is_plain(source)


def _is_plain(leaf: Mapping[str, Any]) -> bool:
    value, operator = leaf.get("value"), leaf.get("is", "")
    if not isinstance(leaf.get("field"), str) or (operator and operator not in OPERATOR_WORDS):
        return False
    if isinstance(value, list):
        texts = [value_text(item) for item in value]
        return (
            operator in LISTS
            and bool(texts)
            and all(text and "," not in text and text == text.strip() for text in texts)
        )
    if "value" in leaf and (value is None or operator in ALWAYS or operator in LISTS):
        return False
    return not isinstance(value, Mapping) and (not isinstance(value, str) or value == value.strip() != "")


def _join_of(source: Any) -> str:
    found = [join for join in GROUPS if isinstance(source, Mapping) and isinstance(source.get(join), list)]
    return found[0] if found else ""


def _rows_of(source: Any) -> Any:
    return source if _can_be_rows(source) else FRESH


def _group(source: Any, name: str, place: str, schema: DataSchema, *, depth: int) -> Group:
    join = _join_of(source)
    parts = source[join] if join else [source]
    children = [
        _child(part, f"{name}.{number}", f"{place}.{join}[{number}]" if join else place, schema, depth=depth + 1)
        for number, part in enumerate(parts)
    ]
    wrapped = bool(join) and len(parts) == 1
    return Group(name=name, place=place, join=join or "all", children=children, wrapped=wrapped, depth=depth)


def _child(part: Any, name: str, place: str, schema: DataSchema, *, depth: int) -> Any:
    if _join_of(part):
        return _group(part, name, place, schema, depth=depth)
    return _leaf(part, name, place, schema)


def _leaf(part: Mapping[str, Any], name: str, place: str, schema: DataSchema) -> Leaf:
    path, operator = str(part.get("field", "")), str(part.get("is", ""))
    spec = schema.field(path) if path else None
    kind = spec.kind if spec else Kind.ANY
    fitting = OPERATORS[kind]
    shown = fitting if not operator or operator in fitting else (operator, *fitting)
    operators = tuple((sign, _operator_words(sign, kind)) for sign in shown)
    operator = operator or fitting[0]
    allowed = spec.allowed if spec and operator in ("=", "!=") else ()
    input_kind, choices = _input(kind, operator, allowed)
    return Leaf(
        name=name,
        place=place,
        field=path,
        operator=operator,
        operators=operators,
        value=value_text(part.get("value")),
        input=input_kind,
        choices=choices,
        known=path in schema.paths(),
        was=carried({"field": path, "value": part.get("value")}),
    )


def _operator_words(sign: str, kind: Kind) -> str:
    if kind in (Kind.DATE, Kind.MOMENT) and sign in DATE_WORDS:
        return f"is {DATE_WORDS[sign]}"
    return OPERATOR_WORDS[sign]


def _input(kind: Kind, operator: str, allowed: tuple[str, ...]) -> tuple[str, Choices]:
    if operator in ALWAYS:
        return "none", ()
    if operator in LISTS:
        return "list", ()
    if allowed:
        return "choice", tuple((value, value) for value in allowed)
    if kind is Kind.BOOLEAN:
        return "choice", (("true", "yes"), ("false", "no"))
    return {Kind.NUMBER: "number", Kind.DATE: "date"}.get(kind, "text"), ()


def value_text(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, list):
        return ", ".join(value_text(item) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


def _read_group(posted: Posted, name: str, schema: DataSchema, *, top: bool = True) -> Any:
    numbers = [number for number in posted.all(f"{name}.rows") if not posted.asks("remove", f"{name}.{number}")]
    children = [_read_child(posted, f"{name}.{number}", schema) for number in numbers]
    join = posted.text(f"{name}.join")
    join = join if join in GROUPS else "all"
    if posted.asks("add", name):
        children.append(dict(FRESH))
    if posted.asks("group", name):
        children.append({"any" if join == "all" else "all": [dict(FRESH), dict(FRESH)]})
    unwrapped = top and len(children) == 1 and not posted.has(f"{name}.wrapped")
    return children[0] if unwrapped else {join: children}


def _read_child(posted: Posted, name: str, schema: DataSchema) -> Any:
    if posted.has(f"{name}.join"):
        return _read_group(posted, name, schema, top=False)
    path, operator = posted.text(f"{name}.field"), posted.text(f"{name}.is")
    leaf: dict[str, Any] = {"field": path, **({"is": operator} if operator else {})}
    typed = posted.text(f"{name}.value")
    if operator in ALWAYS or not typed:
        return leaf
    was = posted.kept_part(f"{name}.was")
    unchanged = was.get("field") == path and value_text(was.get("value")) == typed
    if unchanged and isinstance(was.get("value"), list) == (operator in LISTS):
        return {**leaf, "value": was["value"]}
    spec = schema.field(path) if path else None
    return {**leaf, "value": _typed(typed, operator, spec.kind if spec else Kind.ANY)}


def _typed(text: str, operator: str, kind: Kind) -> Any:
    if operator in LISTS:
        return [_scalar(part.strip(), kind) for part in text.split(",") if part.strip()]
    return text if operator == "matches" else _scalar(text, kind)


def _scalar(text: str, kind: Kind) -> Any:
    if kind is Kind.BOOLEAN and text in ("true", "false"):
        return text == "true"
    return number_of(text) if kind in (Kind.NUMBER, Kind.ANY) else text
