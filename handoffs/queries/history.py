"""The audit trail of a handoff as the HTTP contract shows it."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from accounts.models import User
from handoffs.models import Handoff
from handoffs.queries.representation import rfc3339


def trail(handoff: Handoff) -> QuerySet[Any]:
    """The rows of the handoff's audit trail."""
    rows: QuerySet[Any] = Handoff.history.model.objects.filter(id=handoff.pk)
    return rows


def rows_json(rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows of a trail; two queries for the names of roles and holders, however many rows."""
    rows = list(rows)
    roles = dict(Group.objects.filter(pk__in={row.role_id for row in rows}).values_list("pk", "name"))
    holders = User.objects.in_bulk({row.holder_id for row in rows if row.holder_id})
    return [_row(row, roles[row.role_id], holders.get(row.holder_id)) for row in rows]


def _row(row: Any, role: str, holder: User | None) -> dict[str, Any]:
    return {
        "sequence": row.sequence,
        "at": rfc3339(row.history_date),
        "event": row.event,
        "actor": {"kind": row.actor_kind, "name": row.actor_name},
        "reason": row.reason,
        "details": row.details,
        "state": row.state,
        "role": role,
        "holder": holder.display_name if holder else None,
        "context_revision": row.context_revision_number,
        "previous_digest": row.previous_digest,
        "digest": row.digest,
    }
