"""Which fields a condition may read, and of what kind: the policy's JSON Schema seen as paths."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from handoffs.rules.problems import Misfit, did_you_mean
from handoffs.rules.values import Kind

REFERENCE_LIMIT = 8
DEPTH_LIMIT = 6
PATH_LIMIT = 1000
UNTYPED: Mapping[str, Any] = {}
COMBINED = ("allOf", "anyOf", "oneOf", "not", "if")
JSON_KINDS = {
    "number": Kind.NUMBER,
    "integer": Kind.NUMBER,
    "string": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "array": Kind.LIST,
    "object": Kind.OBJECT,
}
FORMAT_KINDS = {"decimal": Kind.NUMBER, "date": Kind.DATE, "date-time": Kind.MOMENT}

Part = str | int
Path = tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class FieldSpec:
    """One field: its path, what it holds, and what people call it. `kind` is what conditions go by.

    `type` is the JSON type as written (`number`, or `number|string`); `allowed` the values of an enum; `always_known`
    says that absence is itself an answer, as for the error of an attempt that did not fail. `unit` (`%`, `USD`), or the
    attempt's text at the path `currency`, is written behind its numbers.
    """

    path: str
    kind: Kind
    title: str
    type: str = ""
    format: str = ""
    allowed: tuple[str, ...] = ()
    always_known: bool = False
    unit: str = ""
    currency: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


FACTS = {
    "confidence": FieldSpec(path="confidence", kind=Kind.NUMBER, type="number", title="Confidence"),
    "attempts": FieldSpec(path="attempts", kind=Kind.NUMBER, type="integer", title="Attempts"),
    "reference": FieldSpec(path="reference", kind=Kind.TEXT, type="string", title="Reference"),
    "error": FieldSpec(path="error", kind=Kind.OBJECT, type="object", title="Error"),
    "error.type": FieldSpec(path="error.type", kind=Kind.TEXT, type="string", title="Error type", always_known=True),
    "error.message": FieldSpec(
        path="error.message", kind=Kind.TEXT, type="string", title="Error message", always_known=True
    ),
}
INDEX = re.compile(r"\[(\d+)\]", re.ASCII)
ROOTS = ("data", "confidence", "error", "attempts", "reference")


@dataclass(frozen=True, kw_only=True)
class DataSchema:
    """What attempts of a workflow carry, as declared by its policy."""

    document: Mapping[str, Any]
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, json_schema: Mapping[str, Any] | None, *, units: Mapping[str, Mapping[str, str]] | None = None
    ) -> "DataSchema":
        """The fields of a JSON Schema. One without `properties` leaves every `data.*` allowed and untyped.

        `units` says by path of a field what its numbers are of: `{"unit": "%"}` or `{"currency": "data.currency"}`.
        """
        return cls(document=json_schema or {}, units=units or {})

    def field(self, path: str) -> FieldSpec | None:
        """The field at a path such as `data.amount` or `error.type`; None if there is no such field."""
        return self.at(parse_path(path))

    def at(self, parts: Path) -> FieldSpec | None:
        """The field at a path that is already in parts."""
        name = show_path(parts)
        if parts[:1] != ("data",):
            return FACTS.get(name)
        root = spec_of(self._follow(self.document), path="data", title="Data")
        return self.below(root, parts[1:])

    def below(self, spec: FieldSpec, parts: Path) -> FieldSpec | None:
        """The field reached from `spec` by going down `parts`; None if the schema rules it out."""
        for part in parts:
            child = self._child(spec.schema, part)
            if child is None:
                return None
            spec = spec_of(self._follow(child), path=show_path((spec.path, part)), title=humanise(part))
        unit = self.units.get(spec.path, {})
        return replace(spec, unit=unit.get("unit", ""), currency=unit.get("currency", "")) if unit else spec

    def item_of(self, spec: FieldSpec) -> FieldSpec:
        """One item of the list `spec`; untyped if the schema does not say."""
        items = spec.schema.get("items")
        schema = self._follow(items) if isinstance(items, Mapping) else UNTYPED
        return spec_of(schema, path=f"{spec.path}[]", title=f"item of {spec.title}")

    def paths(self) -> tuple[str, ...]:
        """Every path that a condition may read, declared ones only; items of lists are left to `item_paths`."""
        return self._paths

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        data = self.field("data")
        declared = islice(self._paths_below(data, DEPTH_LIMIT), PATH_LIMIT) if data else ()
        return (*declared, "confidence", "error.type", "error.message", "attempts", "reference")

    def item_paths(self, path: str) -> tuple[str, ...]:
        """What a condition over the list at `path` may read of each item: `item` or `item.price`."""
        spec = self.field(path)
        if spec is None or spec.kind not in (Kind.LIST, Kind.ANY):
            return ()
        item = self.item_of(spec)
        found = islice(self._paths_below(item, DEPTH_LIMIT), PATH_LIMIT)
        below = (path.removeprefix(f"{spec.path}[]") for path in found)
        return tuple(f"item{rest}" for rest in below) or ("item",)

    def _paths_below(self, spec: FieldSpec, depth: int) -> Iterator[str]:
        for name in properties_of(spec.schema) if depth else ():
            child = self.below(spec, (name,))
            if child is not None:
                yield child.path
                yield from self._paths_below(child, depth - 1)

    def _child(self, schema: Mapping[str, Any], part: Part) -> Mapping[str, Any] | None:
        if isinstance(part, int) and isinstance(schema.get("items"), Mapping):
            return as_schema(schema["items"])
        properties = properties_of(schema)
        if str(part) in properties:
            return as_schema(properties[str(part)])
        return UNTYPED if is_open(schema) else None

    def _follow(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(REFERENCE_LIMIT):
            reference = schema.get("$ref")
            if reference is None:
                return schema
            schema = self._pointed_at(reference)
        return UNTYPED

    def _pointed_at(self, reference: Any) -> Mapping[str, Any]:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return UNTYPED
        found: Any = self.document
        for part in reference[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return as_schema(found) or UNTYPED


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What one part of a condition may name: the schema's fields, and items of the lists that it stands inside."""

    schema: DataSchema
    items: Mapping[str, FieldSpec] = field(default_factory=dict)

    def field(self, parts: Path) -> FieldSpec:
        """The field that `parts` names. Raises Misfit with the nearest name if there is none."""
        root = self.items.get(str(parts[0]))
        found = self.schema.below(root, parts[1:]) if root else self.schema.at(parts)
        if found is None:
            raise Misfit(self._unknown(show_path(parts)))
        return found

    def inside(self, name: str, items: FieldSpec) -> "Vocabulary":
        """The same words and `name` for one item of a list."""
        return Vocabulary(schema=self.schema, items={**self.items, name: items})

    def _unknown(self, path: str) -> str:
        known = (*self.schema.paths(), *self._item_paths())
        shown = path if len(path) <= 100 else path[:99] + "…"
        return f"unknown field {shown}{_nearest(path, known) or ': add it to the data of the policy first'}"

    def _item_paths(self) -> Iterator[str]:
        for name, spec in self.items.items():
            yield from (f"{name}.{key}" for key in properties_of(spec.schema))


def _nearest(path: str, known: Sequence[str]) -> str:
    """The field of the same name elsewhere, else one that starts alike, else the most similar one."""
    name = path.rpartition(".")[2]
    same = [candidate for candidate in known if candidate.rpartition(".")[2] == name]
    alike = [candidate for candidate in known if len(name) > 2 and candidate.startswith(path)]
    nearest = min((*same, *alike), key=len, default="")
    return f", did you mean {nearest}?" if nearest else did_you_mean(path, known)


@lru_cache(maxsize=4 * PATH_LIMIT)
def parse_path(text: str) -> Path:
    """`data.lines[0].price`, or `data.lines.0.price`, in parts; digits are a position in a list."""
    dotted = INDEX.sub(r".\1", text)
    return tuple(int(part) if part == "0" or is_position(part) else part for part in dotted.split("."))


def is_position(part: str) -> bool:
    """Digits without a leading zero, short enough to be a place in a list."""
    return part.isascii() and part.isdigit() and part[0] != "0" and len(part) < 7


def show_path(parts: Sequence[Part]) -> str:
    """The parts joined by dots, positions in brackets."""
    return "".join(f"[{part}]" if type(part) is int else f".{part}" for part in parts).removeprefix(".")


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The declared properties; empty if there are none."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def is_open(schema: Mapping[str, Any]) -> bool:
    """Whether names beyond the declared ones may be read: nothing was declared, or more was allowed explicitly."""
    if schema.get("additionalProperties") or schema.get("patternProperties"):
        return True
    combined = any(word in schema for word in COMBINED)
    return combined or ("properties" not in schema and _may_be_object(schema))


def _may_be_object(schema: Mapping[str, Any]) -> bool:
    return not schema.get("type") or kind_of(schema) in (Kind.OBJECT, Kind.LIST, Kind.ANY)


def as_schema(schema: Any) -> Mapping[str, Any] | None:
    """A subschema as a mapping; `true` is untyped, anything else is no schema."""
    return schema if isinstance(schema, Mapping) else UNTYPED if schema is True else None


def spec_of(schema: Mapping[str, Any], *, path: str, title: str) -> FieldSpec:
    """The field that a subschema describes, `title` being its name where the schema gives none."""
    given = schema.get("title")
    return FieldSpec(
        path=path,
        kind=kind_of(schema),
        title=given if isinstance(given, str) and given.strip() else title,
        type="|".join(types_of(schema)),
        format=str(schema.get("format") or ""),
        allowed=_allowed(schema),
        schema=schema,
    )


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """What a subschema's values are: a format wins over the type, several types are any, null never counts."""
    kinds = {JSON_KINDS.get(name, Kind.ANY) for name in types_of(schema)}
    if kinds and kinds <= {Kind.NUMBER, Kind.TEXT}:
        by_format = FORMAT_KINDS.get(str(schema.get("format")))
        if by_format is Kind.NUMBER or (by_format and Kind.TEXT in kinds):
            return by_format
    return kinds.pop() if len(kinds) == 1 else Kind.ANY


def types_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The declared JSON types without null."""
    declared = schema.get("type")
    names = declared if isinstance(declared, list | tuple) else [declared]
    return tuple(name for name in names if isinstance(name, str) and name != "null")


def humanise(part: Part) -> str:
    """`price_variance` as `Price variance`."""
    words = str(part).replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _allowed(schema: Mapping[str, Any]) -> tuple[str, ...]:
    values = schema.get("enum")
    texts = [value for value in values if value is not None] if isinstance(values, list | tuple) else []
    return tuple(texts) if all(isinstance(value, str) for value in texts) else ()
