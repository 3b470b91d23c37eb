"""How the groups of a breakdown are called: titles out of the live policies, people, weeks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from handoffs.choices import PRIORITY_RANKS
from handoffs.models import Workflow
from handoffs.queries.metrics.scope import NOBODY, SOMEBODY_ELSE, STRETCHES, Scope

_PRIORITIES = {rank: word.label for word, rank in PRIORITY_RANKS.items()}


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of the keys of one breakdown."""

    by: str
    titles: Mapping[Any, str]

    @classmethod
    def of(cls, by: str, keys: Iterable[Any], scope: Scope) -> "Names":
        """The names of `keys`, in at most one query."""
        return cls(by=by, titles=_TITLES[by](list(keys), scope) if by in _TITLES else {})

    def name(self, key: Any) -> str:
        """What a page calls the group."""
        if key in self.titles:
            return self.titles[key]
        if self.by in STRETCHES:
            return str(_STRETCH_WORDS[self.by](key))
        if self.by == "priority":
            return _PRIORITIES[key].capitalize()
        if self.by == "policy":
            return f"Version {key}"
        return _readable(self.by, str(key))


def _readable(by: str, key: str) -> str:
    if not key:
        return "No decision yet" if by == "outcome" else "None"
    return key.replace("_", " ").capitalize() if by in ("outcome", "trigger") else key


def _workflows(keys: list[Any], scope: Scope) -> dict[Any, str]:
    return dict(Workflow.objects.filter(key__in=keys).values_list("key", "title"))


def _people(keys: list[Any], scope: Scope) -> dict[Any, str]:
    people = User.objects.filter(pk__in=keys)
    fixed = {NOBODY: "Nobody yet, or the clock", SOMEBODY_ELSE: "Others"}
    return fixed | {person.pk: person.display_name for person in people}


def _from_policies(section: str) -> Any:
    """Titles of triggers or outcomes as the live policies of the scope call them; the first one that does."""

    def titles(keys: list[Any], scope: Scope) -> dict[Any, str]:
        workflows = Workflow.objects.filter(pk__in=list(scope.workflow_ids), live_version__isnull=False)
        named: dict[Any, str] = {}
        for parts in workflows.order_by("key").values_list(f"live_version__document__{section}", flat=True):
            for part in parts or []:
                if part.get("title"):
                    named.setdefault(part.get("key"), part["title"])
        return {key: named[key] for key in keys if key in named}

    return titles


_TITLES: Mapping[str, Any] = {
    "workflow": _workflows,
    "person": _people,
    "trigger": _from_policies("triggers"),
    "outcome": _from_policies("outcomes"),
}
_STRETCH_WORDS: Mapping[str, Any] = {
    "hour": lambda at: f"{at.day} {at:%b}, {at:%H:%M}",
    "day": lambda at: f"{at.day} {at:%b}",
    "week": lambda at: f"Week of {at.day} {at:%b %Y}",
    "month": lambda at: f"{at:%b %Y}",
}
