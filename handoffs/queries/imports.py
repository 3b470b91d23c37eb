"""Imports of past handoffs as people read them: which there are, how far they have come, what was odd."""

import uuid
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from accounts.models import User
from handoffs import access
from handoffs.errors import NotThere
from handoffs.models import HistoryImport

IMPORTS_SHOWN = 100
PROBLEMS_SHOWN = 200


def imports_for(user: User) -> QuerySet[HistoryImport]:
    """The imports into workflows that the user manages, newest first."""
    managed = access.managed_workflows(user)
    return HistoryImport.objects.filter(workflow__in=managed).select_related("workflow", "started_by")


def import_for(user: User, import_id: uuid.UUID) -> HistoryImport:
    """One import that the user may see. Raises NotThere."""
    found = imports_for(user).filter(pk=import_id).first()
    if found is None:
        raise NotThere("There is no such import into a workflow that you manage.")
    return found


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
