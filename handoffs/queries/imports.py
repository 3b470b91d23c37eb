"""Imports of past handoffs as people read them: which there are, how far they have come, what was odd."""

from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from handoffs.models import HistoryImport, Workflow

IMPORTS_SHOWN = 100
PROBLEMS_SHOWN = 200


def imports_into(workflows: QuerySet[Workflow]) -> QuerySet[HistoryImport]:
    """The imports into some workflows, newest first."""
    return HistoryImport.objects.filter(workflow__in=workflows).select_related("workflow", "started_by")


def oddities(found: HistoryImport) -> Iterator[str]:
    """What was imported as it is although it is odd, in sentences."""
    for kind in ("outcomes", "triggers"):
        words: dict[str, int] = found.warnings.get(kind, {})
        if words:
            yield f"{kind} that no version of the policy knows: {_listed(words.items())}"
    if count := found.warnings.get("out_of_order"):
        yield f"{count:,} with times out of order, such as accepted after the end: they are kept as given"


def _listed(words: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{word} ({count:,})" for word, count in words)
