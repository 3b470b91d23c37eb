"""What a form of the editor sent: values by name, and what to do (`add:triggers`, `remove:triggers.1`)."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from handoffs.errors import Invalid
from handoffs.models.fields import ExactDecoder
from handoffs.rules.canonical import exact_dumps, exact_number
from handoffs.rules.policy_reading import FRACTION_TEXT, INTEGER_TEXT, NUMBER_DIGITS

JSON_CHARACTERS = 300_000


class Posted:
    """One sent form."""

    def __init__(self, data: QueryDict) -> None:
        self.data = data
        self.verb, _, self.target = data.get("do", "").partition(":")

    def asks(self, verb: str, target: str) -> bool:
        """Whether the pressed button asks for this."""
        return self.verb == verb and self.target == target

    def has(self, name: str) -> bool:
        return name in self.data

    def text(self, name: str) -> str:
        """The value with line ends as one character and without blanks around it."""
        return self.data.get(name, "").replace("\r\n", "\n").strip()

    def all(self, name: str) -> list[str]:
        return self.data.getlist(name)

    def kept(self, name: str) -> Any:
        """The JSON that the page carried along. Raises Invalid for one that the page cannot have written."""
        text = self.data.get(name, "")
        try:
            return json.loads(text, cls=ExactDecoder) if text and len(text) <= JSON_CHARACTERS else None
        except (ValueError, RecursionError) as error:
            raise Invalid("This form was changed on its way. Open the page again.") from error

    def kept_part(self, name: str) -> dict[str, Any]:
        """The same for keys and values; a fresh copy."""
        value = self.kept(name)
        return dict(value) if isinstance(value, Mapping) else {}


def carried(value: Any) -> str:
    """JSON for a hidden input, exact to the last digit."""
    return exact_dumps(value)


def number_of(text: str) -> Any:
    """The exact number that was typed, else the text itself, so that it is refused at its place and not lost."""
    if len(text) > NUMBER_DIGITS:
        return text
    if INTEGER_TEXT.match(text):
        return int(text)
    return exact_number(text) if FRACTION_TEXT.match(text) and "e" not in text.lower() else text


def put(item: dict[str, Any], path: str, value: Any, *, keeps_null: bool = False) -> None:
    """Set the value at a dotted path; None takes it away, and with it what becomes empty above it."""
    name, _, rest = path.partition(".")
    if rest:
        below = item.get(name)
        inner = dict(below) if isinstance(below, Mapping) else {}
        put(inner, rest, value, keeps_null=keeps_null)
        value = inner or None
    if value is not None:
        item[name] = value
    elif not (keeps_null and name in item and item[name] is None):
        item.pop(name, None)


def at(item: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for name in path.split("."):
        item = item.get(name) if isinstance(item, Mapping) else None
    return item


def is_there(item: Any, path: str) -> bool:
    """Whether the document says anything at a dotted path, be it null."""
    above, _, name = path.rpartition(".")
    holder = at(item, above) if above else item
    return isinstance(holder, Mapping) and name in holder
