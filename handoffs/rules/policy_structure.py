"""What is wrong with the shape of a policy document, each mistake at its place with what to do about it."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from handoffs.rules.durations import seconds
from handoffs.rules.policy_reading import below
from handoffs.rules.policy_schema import policy_schema
from handoffs.rules.problems import Problem, did_you_mean
from handoffs.rules.schema_parts import DURATION_FORMAT
from handoffs.rules.values import cut, show

META_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
PROBLEMS_LIMIT = 100
NAMES_SHOWN = 20
SCHEMA_WORDS = {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"}
JSON_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
TYPE_WORDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


def structure_problems(document: Mapping[str, Any]) -> list[Problem]:
    """Where the document breaks the policy's JSON Schema; at most one problem per place."""
    found: dict[str, Problem] = {}
    for error in _validator().iter_errors(document):
        for problem in _told(error):
            found.setdefault(problem.place, problem)
        if len(found) >= PROBLEMS_LIMIT:
            break
    return list(found.values())[:PROBLEMS_LIMIT]


def data_problems(data: Any) -> list[Problem]:
    """Where `data` is no JSON Schema of an object that can be checked without fetching anything."""
    if not isinstance(data, Mapping):
        return []
    found: dict[str, Problem] = {}
    for error in _meta_validator().iter_errors(data):
        place = _place(error.instance_path, "data")
        found.setdefault(place, Problem(place=place, message=_schema_mistake(error)))
    problems = [*found.values(), *_foreign_words(data, "data")] or _unusable(data)
    return problems[:PROBLEMS_LIMIT]


def _schema_mistake(error: jsonschema_rs.ValidationError) -> str:
    if error.instance_path[-1:] != ["type"]:
        return f"this is no JSON Schema: {cut(error.message, 200)}"
    near = did_you_mean(error.instance, JSON_TYPES) if isinstance(error.instance, str) else ""
    return f"no type of JSON Schema{near or ': use one of ' + ', '.join(JSON_TYPES)}"


def _foreign_words(schema: Any, place: str) -> Iterator[Problem]:
    """References that lead out of the policy, and words that would change what a reference means."""
    if isinstance(schema, list | tuple):
        for position, item in enumerate(schema):
            yield from _foreign_words(item, below(place, position))
    if not isinstance(schema, Mapping):
        return
    for word, value in schema.items():
        at = below(place, word)
        if word == "$ref" and isinstance(value, str) and not value.startswith("#"):
            yield Problem(place=at, message="only references within data are followed, such as #/$defs/line")
        elif word in SCHEMA_WORDS and isinstance(value, str | bool):
            yield Problem(place=at, message=f"{word} is not allowed here: leave it out")
        elif word == "$schema" and value != META_SCHEMA:
            yield Problem(place=at, message=f"only {META_SCHEMA} is understood: leave it out")
        else:
            yield from _foreign_words(value, at)


def _unusable(data: Mapping[str, Any]) -> list[Problem]:
    if data.get("type", "object") != "object":
        return [Problem(place="data.type", message="attempts carry an object: write object")]
    try:
        jsonschema_rs.Draft202012Validator(dict(data), retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError) as error:
        said = error.message if isinstance(error, jsonschema_rs.ValidationError) else str(error)
        return [Problem(place="data", message=f"no usable JSON Schema: {cut(said, 200)}")]
    return []


def _refuse(address: str) -> Any:
    raise ValueError(f"{address} is not fetched")


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        policy_schema(),
        formats={DURATION_FORMAT: _is_duration},
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
    )


@cache
def _meta_validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": META_SCHEMA}, validate_formats=True)


@cache
def _schema() -> dict[str, Any]:
    return policy_schema()


def _is_duration(text: str) -> bool:
    try:
        seconds(text)
    except ValueError:
        return False
    return True


def _told(error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
    place = _place(error.instance_path)
    schema = _schema_at(error.schema_path)
    kind: Any = error.kind  # its attributes differ by name
    if kind.name == "additionalProperties":
        for name in kind.unexpected:
            yield Problem(place=below(place, name), message=_unknown_key(name, schema))
    elif kind.name == "required":
        yield Problem(place=below(place, kind.property), message=_missing(kind.property, schema))
    else:
        yield Problem(place=place or "document", message=_message(kind.name, error, schema))


def _place(path: list[Any], root: str = "") -> str:
    place = root
    for part in path:
        place = below(place, part)
    return place


def _schema_at(path: list[Any]) -> Mapping[str, Any]:
    """The subschema whose keyword is the last part of `path`."""
    schema: Any = _schema()
    for part in path[:-1]:
        schema = schema[part]
    return schema if isinstance(schema, Mapping) else {}


def _unknown_key(name: str, schema: Mapping[str, Any]) -> str:
    known = list(schema["properties"])
    return f"unknown key {cut(name, 80)}{did_you_mean(name, known) or ': use one of ' + ', '.join(known)}"


def _missing(name: str, schema: Mapping[str, Any]) -> str:
    described = schema.get("properties", {}).get(name, {}).get("description", "")
    return f"missing: add {name}" + (f" ({described[0].lower()}{described[1:]})" if described else "")


def _message(kind: str, error: Any, schema: Mapping[str, Any]) -> str:
    if schema.get("format") == DURATION_FORMAT and isinstance(error.instance, str):
        return _duration_said(error.instance) or str(schema["errorMessage"])
    if "errorMessage" in schema:
        return str(schema["errorMessage"])
    if kind == "type":
        return f"write {_types(error.kind.types)}, not {_told_value(error.instance)}"
    if kind == "enum":
        return _not_one_of(error.instance, error.kind.options)
    return _LIMITS[kind](error.kind.limit) if kind in _LIMITS else cut(error.message, 200)


def _types(types: list[str]) -> str:
    return " or ".join(TYPE_WORDS[name] for name in types)


def _told_value(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        return "keys and values" if isinstance(value, Mapping) else "a list"
    return "null" if value is None else "true or false" if isinstance(value, bool) else f"{cut(show(value), 40)}"


def _not_one_of(value: Any, options: list[Any]) -> str:
    known = [str(option) for option in options]
    near = did_you_mean(value, known) if isinstance(value, str) else ""
    return f"unknown word {_told_value(value)}{near or ': use one of ' + ', '.join(known[:NAMES_SHOWN])}"


def _duration_said(text: str) -> str:
    try:
        seconds(text)
    except ValueError as error:
        return str(error)
    return ""


_LIMITS: dict[str, Callable[[Any], str]] = {
    "minimum": lambda limit: f"write {limit} or more",
    "maximum": lambda limit: f"write {limit} or less",
    "minItems": lambda limit: f"list at least {limit}",
    "maxItems": lambda limit: f"list at most {limit}",
    "minLength": lambda limit: "write something here",
    "maxLength": lambda limit: f"write at most {limit} characters",
    "maxProperties": lambda limit: f"write at most {limit}",
}
