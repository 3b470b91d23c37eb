"""The pieces that the policy's JSON Schema is put together from, each with a description for editors."""

from typing import Any

from handoffs.choices import Labelled

Schema = dict[str, Any]

DURATION_FORMAT = "desk-duration"


def object_of(properties: Schema, *, required: tuple[str, ...] = ()) -> Schema:
    """An object that knows these keys and no others."""
    known = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**known, "required": list(required)} if required else known


def list_of(items: Schema, limit: int, description: str, *, least: int = 0) -> Schema:
    """A list of `least` to `limit` items."""
    listed = {"type": "array", "items": items, "maxItems": limit, "description": description}
    return {**listed, "minItems": least} if least else listed


def text(description: str, characters: int) -> Schema:
    """A text of 1 to `characters` characters."""
    return {"type": "string", "minLength": 1, "maxLength": characters, "description": description}


def key(description: str) -> Schema:
    """A name for programs, such as `price_variance`."""
    return {
        "type": "string",
        "maxLength": 64,
        "pattern": "^[a-z][a-z0-9_]*$",
        "description": description,
        "errorMessage": "write lower-case letters, digits and _, such as price_variance, at most 64 characters",
    }


def role(description: str) -> Schema:
    """The name of a role, at most as long as a group may be called."""
    return text(description, 150)


def field(description: str) -> Schema:
    """The path of a field, such as `data.amount`."""
    return text(description, 200)


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def one_of(words: type[Labelled], description: str) -> Schema:
    """One of the values of an enum."""
    return {"enum": [word.value for word in words], "description": description}


def percent(description: str) -> Schema:
    """A number from 0 to 100."""
    return {"type": "number", "minimum": 0, "maximum": 100, "description": description}


def condition(description: str, *, null: bool = False) -> Schema:
    """A condition in either form; with `null`, also none."""
    if not null:
        return {"$ref": "#/$defs/condition", "description": description}
    return {"if": {"not": {"type": "null"}}, "then": {"$ref": "#/$defs/condition"}, "description": description}


def duration(description: str, *, positive: bool = False, null: bool = False) -> Schema:
    """A duration such as `30m`; with `positive` longer than nothing, with `null` also none."""
    rules: Schema = {"$ref": "#/$defs/duration"}
    if positive:
        said = "write a duration longer than nothing, such as 5m"
        rules |= {"pattern": "[1-9]", "format": DURATION_FORMAT, "errorMessage": said}
    if null:
        return {"if": {"not": {"type": "null"}}, "then": rules, "description": description}
    return {**rules, "description": description}
