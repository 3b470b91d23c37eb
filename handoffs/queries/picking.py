"""Which handoff a reviewer takes next: picked and locked by one statement, past what others are taking this moment."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from handoffs.models import Handoff, rows

LOOKED_AT = 20
"""So many of each role are looked at first: more than others take at the same moment."""
MAY_BE_TAKEN = """
    {state} = 'pending' AND h.opened_by_id + 0 <> %(person)s {of_workflows}
    AND (h.mode <> 'second_look' OR (h.workflow_id <> ALL(%(known)s::uuid[]) AND NOT EXISTS (
        SELECT FROM handoffs_secondlook AS look JOIN handoffs_decision AS d ON d.id = look.first_id
        WHERE look.handoff_id = h.id AND (d.decided_by_id = %(person)s OR d.confirmed_by_id = %(person)s)
    )))
"""
"""`+ 0`: where one automation opened all, the database would expect that almost nothing was opened by another."""
OF_ROLES = "h.role_id = ANY(%(roles)s)"
OF_WORKFLOWS = "AND h.workflow_id IN (SELECT id FROM handoffs_workflow WHERE key = ANY(%(workflows)s))"
URGENCY = "h.due_at ASC NULLS LAST, h.priority DESC, h.opened_at"
PICK = "SELECT h.id FROM handoffs_handoff AS h {where} ORDER BY {urgency} LIMIT 1 FOR UPDATE OF h SKIP LOCKED"
NEAR = """
    h.id = ANY(ARRAY(
        SELECT near.id FROM unnest((SELECT %(roles)s::int[])) AS its (role_id) CROSS JOIN LATERAL (
            SELECT h.id FROM handoffs_handoff AS h
            WHERE h.role_id = its.role_id AND h.offered_to_id IS NULL AND {may_be_taken}
            ORDER BY {urgency} LIMIT {looked_at}
        ) AS near
    )) AND h.role_id + 0 = ANY(%(roles)s)
"""
"""What comes first for each role, by the order of an index; sorting all that is pending would take a hundred times.

Its conditions stand twice, for they must hold of the row that was locked too. There they are written so that no index
but that of the key answers them: before its first ANALYZE the database would rather read all that is pending.
"""
OFFERED = {
    "own": "h.offered_to_id = %(person)s",
    "free": "h.offered_to_id IS NULL",
    "others": "h.offered_to_id <> %(person)s",
}
"""What was resubmitted for the reviewer's own questions comes first, what is offered to somebody else last."""


def next_of(
    person_id: int,
    *,
    role_ids: Collection[int],
    workflow_keys: Collection[str] | None = None,
    known_workflow_ids: Collection[UUID] = (),
    related: tuple[str, ...],
    columns: tuple[str, ...],
    also: tuple[str, ...],
) -> tuple[Handoff, Sequence[Any]] | None:
    """The most urgent pending handoff of these roles and workflows, its row locked; None where there is none.

    With what the SQL expressions `also` say of it. Never what the person submitted, nor a second look at what they
    decided, or at a case of `known_workflow_ids`. All of it is as it was when the statement began: its version tells
    whether it still is.
    """
    if not role_ids:
        return None
    params: dict[str, Any] = {"person": person_id, "roles": list(role_ids), "known": list(known_workflow_ids)}
    if workflow_keys is not None:
        params["workflows"] = list(workflow_keys)
    for near in (True, False):
        where = _picked(near, workflow_keys is not None)
        for found in rows.select_beside(Handoff, where, params, related=related, columns=columns, also=also):
            return found
    return None


@lru_cache
def _picked(near: bool, limited: bool) -> str:
    """The condition that a handoff is the one to take: of what is near, or of all, where others are taking all that."""
    of_workflows = OF_WORKFLOWS if limited else ""
    may_be_taken = MAY_BE_TAKEN.format(state="h.state", of_workflows=of_workflows)
    nearest = NEAR.format(may_be_taken=may_be_taken, urgency=URGENCY, looked_at=LOOKED_AT)
    still = MAY_BE_TAKEN.format(state="(h.state || '')", of_workflows=of_workflows)
    parts: dict[str, str] = {}
    for name in ("own", "free") if near else OFFERED:
        before = "".join(f" AND NOT EXISTS (SELECT FROM {other})" for other in parts)
        which = f"{nearest} AND {still}" if near and name == "free" else f"{OF_ROLES} AND {may_be_taken}"
        where = f"WHERE {which} AND {OFFERED[name]}{before}"
        parts[name] = PICK.format(where=where, urgency=URGENCY)
    named = ", ".join(f"{name} AS ({pick})" for name, pick in parts.items())
    one_of_them = " UNION ALL ".join(f"SELECT id FROM {name}" for name in parts)  # noqa: S608
    return f"id = (WITH {named} {one_of_them} LIMIT 1)"
