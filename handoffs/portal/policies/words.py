"""What the parts of a policy document say, in the words of the people who read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handoffs.rules.condition_tests import DATE_WORDS, WORDS
from handoffs.rules.data_schema import DataSchema, humanise
from handoffs.rules.durations import seconds, words
from handoffs.rules.values import Kind, cut, show

Part = Mapping[str, Any]
OPERATOR_WORDS = {
    **{sign: f"is {said}" for sign, said in WORDS.items()},
    "=": "is",
    "!=": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "missing": "is missing",
    "present": "is given",
    "matches": "matches",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "contains": "contains",
}
RECOVERY_WORDS = {
    "resume": "automation goes on",
    "retry": "automation tries again",
    "mark_resolved": "automation takes it as settled",
    "roll_back": "automation undoes what it did",
    "none": "automation does nothing",
}
PATTERN_WORDS = {
    "alert_and_wait": "Automation stops and waits for the decision",
    "escalation": "Automation retries; repeated failure hands off",
    "supervised": "Automation acts first; people review afterwards",
}
UNSPOKEN_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True)
class Item:
    """One part: `noun` and `name` for differences, `sentence` for the page, `details` by label, `source` as written."""

    noun: str
    name: str
    key: str = ""
    sentence: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    source: Any = None

    @property
    def called(self) -> str:
        return f"{self.noun} {self.name}".strip()


class Words:
    """Says what one document means; unknown names are said as they are written."""

    def __init__(self, document: Part) -> None:
        data = document.get("data")
        self.schema = DataSchema.of(data if isinstance(data, Mapping) else None)
        outcomes = [part for part in listed(document.get("outcomes")) if isinstance(part, Mapping)]
        self.outcomes = {str(part.get("key")): titled(part) for part in outcomes}

    def field(self, path: Any) -> str:
        """What people call a field."""
        spec = self.schema.field(path) if isinstance(path, str) and path else None
        return spec.title if spec else str(path or "a field")

    def outcome(self, key: Any) -> str:
        """The title of an outcome."""
        return self.outcomes.get(str(key), str(key))

    def condition(self, source: Any, *, inside: bool = False) -> str:
        """A condition as a sentence without its full stop; an expression as it is written."""
        if isinstance(source, str):
            return cut(source, UNSPOKEN_CHARACTERS)
        if isinstance(source, list):
            source = {"all": source}
        if not isinstance(source, Mapping):
            return "(nothing yet)"
        form = next((form for form in self._forms if form in source), "field")
        said = self._forms[form](self, source)
        return f"({said})" if inside and form in ("all", "any") and len(listed(source[form])) > 1 else said

    def _joined(self, parts: Any, word: str) -> str:
        return f" {word} ".join(self.condition(part, inside=True) for part in listed(parts)) or "(nothing yet)"

    def _test(self, source: Part) -> str:
        operator = str(source.get("is") or "…")
        spec = self.schema.field(source["field"]) if isinstance(source.get("field"), str) and source["field"] else None
        said = OPERATOR_WORDS.get(operator, operator)
        if spec and spec.kind in (Kind.DATE, Kind.MOMENT) and operator in DATE_WORDS:
            said = f"is {DATE_WORDS[operator]}"
        return f"{self.field(source.get('field'))} {said} {self._value(source)}".strip()

    def _value(self, source: Part) -> str:
        value = source.get("value")
        if source.get("is") in ("missing", "present"):
            return ""
        if isinstance(value, Mapping):
            return self.field(value.get("field"))
        if isinstance(value, list):
            return ", ".join(show(item) for item in value)
        return "…" if value is None else show(value)

    def _over(self, source: Part, form: str, said: str) -> str:
        inner = Words({}).condition(source.get("where"))
        return f"{said} of {self.field(source.get(form))} fits: {inner}"

    _forms: Mapping[str, Callable[["Words", Part], str]] = {
        "all": lambda self, source: self._joined(source["all"], "and"),
        "any": lambda self, source: self._joined(source["any"], "or"),
        "not": lambda self, source: f"not {self.condition(source['not'], inside=True)}",
        "exists": lambda self, source: self._over(source, "exists", "some item"),
        "all_of": lambda self, source: self._over(source, "all_of", "every item"),
        "field": lambda self, source: self._test(source),
    }


def duration(text: Any) -> str:
    """`1 h 30 m` for `1h30m`; what is no duration stays as it is."""
    try:
        return words(seconds(text))
    except (TypeError, ValueError):
        return str(text)


def titled(part: Part) -> str:
    """The title of a trigger or outcome, else its key in words."""
    return str(part.get("title") or humanise(str(part.get("key") or "new")))


def spoken(word: Any) -> str:
    """`mark_resolved` as `mark resolved`."""
    return str(word).replace("_", " ")


def yes_no(value: Any) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def listed(value: Any) -> list[Any]:
    """The list, or nothing for anything else."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> Part:
    """The keys and values, or none for anything else."""
    return value if isinstance(value, Mapping) else {}


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]
