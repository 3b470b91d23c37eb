"""The pieces that the editor is made of: boxes to fill in, rows of boxes, and sections of both."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from handoffs.choices import Labelled, Priority

Choices = tuple[tuple[str, str], ...]
BUILDER: Choices = (("rows", "Conditions"), ("text", "Written out"))
MAYBE: Choices = (("none", "No condition: every other case"), *BUILDER)


@dataclass(frozen=True, kw_only=True)
class Box:
    """One thing to fill in, or the title (`kind`) of those that follow.

    `name` is its path below the item, `group` the variant in which it is shown, `source` names options that come from
    the desk (roles, outcomes, calendars, fields), `blank` what an empty choice says; `default` is what counts when the
    document does not say.
    """

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    group: str = ""
    source: str = ""
    choices: Choices = ()
    blank: str = ""
    default: Any = None
    size: str = ""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A list whose rows come, go and move; `fresh` makes a new one.

    `expand` and `compress` fit one row to the form and back, `as_list` and `as_value` the whole where the document
    keeps no list; `place` names a row in problems.
    """

    name: str
    title: str
    one: str
    boxes: tuple[Box, ...]
    hint: str = ""
    fresh: Callable[[], dict[str, Any]] = dict
    expand: Callable[[Any], Any] = lambda item: item
    compress: Callable[[Any], Any] = lambda item: item
    as_list: Callable[[Any], list[Any]] = lambda value: value
    as_value: Callable[[list[Any], Any], Any] = lambda rows, was: rows
    place: Callable[[int, Any], str] = lambda number, row: f"[{number}]"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One page of the editor: `names` are the keys of the document that it writes, `apart` and `together` fit it."""

    key: str
    title: str
    intro: str
    names: tuple[str, ...]
    boxes: tuple[Box, ...] = ()
    rows: tuple[Rows, ...] = field(default_factory=tuple)
    apart: Callable[[dict[str, Any]], dict[str, Any]] = lambda part: part
    together: Callable[[dict[str, Any]], dict[str, Any]] = lambda part: part


def choices_of(words: type[Labelled]) -> Choices:
    """The words of a closed set as options."""
    return tuple((word.value, word.label.capitalize()) for word in words)


PRIORITY = Box(
    name="priority", label="Priority", kind="select", choices=choices_of(Priority), default="normal", size="short"
)
