"""Which handoff a reviewer takes next: picked and locked by one statement, past what others are taking this moment."""

from collections.abc import Collection
from functools import lru_cache
from typing import Any
from uuid import UUID

from handoffs.models import Handoff, rows

MAY_BE_TAKEN = """
    h.state = 'pending' AND h.opened_by_id <> %s AND h.{of_roles} AND {of_workflows}
    AND (h.mode <> 'second_look' OR (h.workflow_id <> ALL(%s::uuid[]) AND NOT EXISTS (
        SELECT FROM handoffs_secondlook AS look JOIN handoffs_decision AS d ON d.id = look.first_id
        WHERE look.handoff_id = h.id AND (d.decided_by_id = %s OR d.confirmed_by_id = %s)
    )))
"""
PICK = """
    SELECT h.id FROM handoffs_handoff AS h WHERE {where}
    ORDER BY h.due_at ASC NULLS LAST, h.priority DESC, h.opened_at LIMIT 1 FOR UPDATE OF h SKIP LOCKED
"""
OFFERED = {"own": "h.offered_to_id = %s", "free": "h.offered_to_id IS NULL", "others": "h.offered_to_id <> %s"}
"""What was resubmitted for the reviewer's own questions comes first, what is offered to somebody else last."""


def next_of(
    person_id: int,
    *,
    role_ids: Collection[int],
    workflow_keys: Collection[str] | None = None,
    known_workflow_ids: Collection[UUID] = (),
    related: tuple[str, ...],
    columns: tuple[str, ...],
) -> Handoff | None:
    """The most urgent pending handoff of these roles and workflows, its row locked; None where there is none.

    Never what the person submitted, nor a second look at what they decided, or at a case of `known_workflow_ids`. Its
    columns and relations are as they were when the statement began: read it again.
    """
    if not role_ids:
        return None
    one_role, limited = len(role_ids) == 1, workflow_keys is not None
    roles: Any = next(iter(role_ids)) if one_role else list(role_ids)
    keys = [list(workflow_keys)] if workflow_keys is not None else []
    common = [person_id, roles, *keys, list(known_workflow_ids), person_id, person_id]
    params = [*common, person_id, *common, *common, person_id]
    found = rows.select_with(Handoff, _picked(one_role, limited), params, related=related, columns=columns)
    return found[0] if found else None


@lru_cache
def _picked(one_role: bool, limited: bool) -> str:
    """The condition that a handoff is the one to take. Of one role the order comes out of the index of its queue."""
    may_be_taken = MAY_BE_TAKEN.format(
        of_roles="role_id = %s" if one_role else "role_id = ANY(%s)",
        of_workflows="h.workflow_id IN (SELECT id FROM handoffs_workflow WHERE key = ANY(%s))" if limited else "true",
    )
    parts: dict[str, str] = {}
    for name, offered in OFFERED.items():
        before = "".join(f" AND NOT EXISTS (SELECT FROM {other})" for other in parts)
        parts[name] = PICK.format(where=f"{may_be_taken} AND {offered}{before}")
    named = ", ".join(f"{name} AS ({pick})" for name, pick in parts.items())
    one_of_them = " UNION ALL ".join(f"SELECT id FROM {name}" for name in OFFERED)  # noqa: S608
    return f"id = (WITH {named} {one_of_them} LIMIT 1)"
