"""Small pieces that the schemas of the contract are put together from."""

from enum import StrEnum
from typing import Any

Schema = dict[str, Any]

NO_CONTROL = r"^[^\u0000-\u001f\u007f]*$"
VISIBLE = r"^[^\u0000-\u001f\u007f]*[^\u0000-\u0020\u007f][^\u0000-\u001f\u007f]*$"
WEB = r"^[hH][tT][tT][pP][sS]?://[^\u0000-\u0020\u007f]+$"


def request(properties: Schema, *, required: tuple[str, ...] = ()) -> Schema:
    """An object that is sent: a key that is not in it is a mistake."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {})


def answer(properties: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    """An object that is answered: every property is there, more may come later."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def text(description: str = "", *, most: int, least: int = 0) -> Schema:
    schema: Schema = {"type": "string", "maxLength": most}
    return schema | ({"minLength": least} if least else {}) | _described(description)


def line(description: str = "", *, most: int) -> Schema:
    """A text without control characters, and not blank."""
    words = "Write at least one visible character, and no control characters."
    return text(description, most=most) | {"pattern": VISIBLE, "errorMessage": words}


def web_address(description: str = "") -> Schema:
    words = "Write an absolute http or https URL without white space."
    return text(description, most=2048) | {"pattern": WEB, "errorMessage": words}


def string(description: str = "") -> Schema:
    return {"type": "string"} | _described(description)


def integer(description: str = "", *, least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least} | _described(description)


def boolean(description: str = "") -> Schema:
    return {"type": "boolean"} | _described(description)


def uuid(description: str = "") -> Schema:
    return {"type": "string", "format": "uuid", "errorMessage": "Write a UUID."} | _described(description)


def moment(description: str = "") -> Schema:
    words = "Write a time as RFC 3339, such as 2030-05-31T17:00:00Z."
    return {"type": "string", "format": "date-time", "errorMessage": words} | _described(description)


def one_of(words: type[StrEnum], description: str = "") -> Schema:
    return {"type": "string", "enum": [word.value for word in words]} | _described(description)


def listed(items: Schema, description: str = "", *, most: int | None = None, least: int = 0) -> Schema:
    limits = ({"maxItems": most} if most else {}) | ({"minItems": least} if least else {})
    return {"type": "array", "items": items} | limits | _described(description)


def free(description: str) -> Schema:
    """An object with keys of the caller's own."""
    return {"type": "object", "description": description}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    either = schema | {"type": [schema["type"], "null"]}
    return either | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def ref(name: str) -> Schema:
    """A schema of the contract by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(schema: Schema) -> Schema:
    """One page of a list."""
    link = nullable({"type": "string", "format": "uri"})
    return answer({"next": link, "previous": link, "results": listed(schema)})


def _described(description: str) -> Schema:
    return {"description": description} if description else {}
