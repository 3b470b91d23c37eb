"""Checks bodies against the JSON Schemas of the contract; each mistake is told with its place and what to do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jsonschema_rs

from handoffs.errors import Invalid, Mistake
from handoffs.rules.problems import did_you_mean
from handoffs.rules.values import cut

MAX_MISTAKES = 50
MESSAGE_CHARACTERS = 200
WORDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "null": "null",
}

Schema = Mapping[str, Any]


class Shape:
    """A JSON Schema that bodies are held against. Its `errorMessage`s say what to do where a pattern cannot."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._validator = jsonschema_rs.Draft202012Validator(
            dict(schema), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )

    def check(self, body: Any) -> None:
        """Raises Invalid with every mistake in `body`, up to MAX_MISTAKES."""
        if mistakes := self.mistakes(body):
            raise invalid(mistakes)

    def mistakes(self, body: Any) -> list[Mistake]:
        """What is wrong with `body`; an empty list where nothing is."""
        if self._validator.is_valid(body):
            return []
        found = (mistake for error in self._validator.iter_errors(body) for mistake in self._told(error))
        return [mistake for mistake, _ in zip(found, range(MAX_MISTAKES), strict=False)]

    def _told(self, error: jsonschema_rs.ValidationError) -> Iterator[Mistake]:
        place, schema, kind = pointer(error.instance_path), self._schema_at(error.schema_path), error.kind
        name = kind.name
        if name == "additionalProperties":
            for key in kind.unexpected:  # type: ignore[attr-defined]
                yield Mistake(pointer=pointer([*error.instance_path, key]), detail=_unknown_key(key, schema))
        elif name == "required":
            key = kind.property  # type: ignore[attr-defined]
            yield Mistake(pointer=pointer([*error.instance_path, key]), detail="This is required.")
        else:
            yield Mistake(pointer=place, detail=_detail(name, error, schema))

    def _schema_at(self, path: Sequence[Any]) -> Schema:
        schema: Any = self.schema
        for part in path[:-1]:
            schema = schema[part]
        return schema if isinstance(schema, Mapping) else {}


def invalid(mistakes: Sequence[Mistake]) -> Invalid:
    """The refusal of a body with these mistakes."""
    first = mistakes[0]
    return Invalid(f"{first.pointer}: {first.detail}", mistakes=mistakes)


def pointer(path: Sequence[Any]) -> str:
    """The JSON pointer of RFC 6901 to a place."""
    parts = (cut(str(part), MESSAGE_CHARACTERS).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)


def _unknown_key(key: str, schema: Schema) -> str:
    known = list(schema.get("properties", {}))
    return f"Unknown key{did_you_mean(key, known) or ('; known are ' + ', '.join(known) if known else '.')}"


def _detail(name: str, error: jsonschema_rs.ValidationError, schema: Schema) -> str:
    if name in ("pattern", "format", "not") and "errorMessage" in schema:
        return str(schema["errorMessage"])
    kind: Any = error.kind
    if name == "type":
        return f"Write {' or '.join(WORDS[word] for word in kind.types)}."
    if name == "enum":
        near = did_you_mean(error.instance, map(str, kind.options)) if isinstance(error.instance, str) else ""
        return f"Write one of {', '.join(map(str, kind.options))}{near or '.'}"
    if name in _LIMITS:
        return _LIMITS[name].format(kind.limit)
    return cut(error.message, MESSAGE_CHARACTERS)


_LIMITS = {
    "minLength": "Write at least {} character(s).",
    "maxLength": "Write at most {} characters.",
    "minimum": "Write {} or more.",
    "maximum": "Write {} or less.",
    "minItems": "List at least {}.",
    "maxItems": "List at most {}.",
    "maxProperties": "Send at most {} keys.",
}
