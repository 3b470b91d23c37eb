"""The lists that people work from: what waits for their roles, what they hold, and how much of it, in few queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from handoffs.choices import PRIORITY_RANKS, Priority, State
from handoffs.models import Case, Handoff, Workflow, records
from handoffs.models.handoff import URGENCY

PAGE_SIZE = 50
MAX_PAGES = 20
COUNT_CAP = 99
WAITING_STATES = (State.PENDING, State.IN_PROGRESS, State.AWAITING_CONFIRMATION)
"""What waits for a person; a returned handoff waits for the automation."""

IN_SCOPE = "AND workflow_id IN (SELECT id FROM handoffs_workflow WHERE key = ANY(%(scope)s::text[]))"
IN_QUEUE = """
    unnest((SELECT %(roles)s::int[])) AS its (role_id) CROSS JOIN LATERAL (
        SELECT FROM handoffs_handoff AS h
        WHERE h.role_id = its.role_id AND state IN ('pending', 'in_progress', 'awaiting_confirmation') {more} {in_scope}
        ORDER BY due_at ASC NULLS LAST, priority DESC, opened_at LIMIT {limit}
    ) AS waits
"""
"""Role by role in the order of its index, the values out of the planner's sight: one plan is right for all of them."""
AT_WORK = """
    handoffs_handoff WHERE (holder_id = %(person)s OR (offered_to_id = %(person)s AND state = 'pending'))
    AND routed_role_ids && %(roles)s::int[]
    AND state IN ('pending', 'in_progress', 'returned', 'awaiting_confirmation') {in_scope}
"""
UNREAD = """
    handoffs_notification
    WHERE person_id = %(person)s AND channel = 'in_app' AND read_at IS NULL AND superseded_at IS NULL
"""
TALLIED = {
    "waiting": IN_QUEUE.replace("{more}", ""),
    "overdue": IN_QUEUE.replace("{more}", "AND due_at < (SELECT %(now)s::timestamptz)"),
    "mine": AT_WORK,
    "unread": UNREAD,
}
TALLIES = " UNION ALL ".join(
    f"SELECT '{name}', count(*) FROM (SELECT FROM {rows} LIMIT {{limit}}) AS counted"  # noqa: S608
    for name, rows in TALLIED.items()
)

_URGENT = ("pk", "due_at", "priority", "opened_at")
_WORDS_BY_RANK = {rank: word for word, rank in PRIORITY_RANKS.items()}
ROWS = """
    SELECT h.id, h.number, h.summary, h.headline, workflow.title, one.reference, role.name, h.role_id, h.state,
        h.priority, h.primary_trigger,
        coalesce(nullif(trim(holder.first_name || ' ' || holder.last_name), ''), holder.username, ''),
        h.holder_id, h.offered_to_id, h.opened_by_id, h.opened_at, h.clock_started_at, h.due_at, h.resolved_at
    FROM handoffs_handoff AS h
    JOIN handoffs_workflow AS workflow ON workflow.id = h.workflow_id
    JOIN handoffs_case AS one ON one.id = h.case_id
    JOIN auth_group AS role ON role.id = h.role_id
    LEFT JOIN accounts_user AS holder ON holder.id = h.holder_id
    WHERE h.id = ANY(%s)
"""
"""What a list shows of handoffs, in the order of the fields of a Row."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One handoff of a list, without its context."""

    id: uuid.UUID
    number: int
    summary: str
    headline: str
    workflow: str
    reference: str
    role: str
    role_id: int
    state: State
    priority: Priority
    trigger: str
    holder: str
    holder_id: int | None
    offered_to_id: int | None
    opened_by_id: int
    opened_at: datetime
    clock_started_at: datetime
    due_at: datetime | None
    resolved_at: datetime | None


_FIELDS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One page of rows; `has_more` where a further page may be asked for."""

    rows: tuple[Row, ...]
    page: int
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class Tallies:
    """Counts for the shell, each at most COUNT_CAP + 1."""

    waiting: int
    overdue: int
    mine: int
    unread: int


def waiting(handoffs: QuerySet[Handoff]) -> QuerySet[Handoff]:
    """Of these handoffs, what waits for a person."""
    return handoffs.filter(state__in=WAITING_STATES)


def most_urgent(handoffs: QuerySet[Handoff], *, role_ids: Sequence[int] = (), page: int = 1) -> Listing:
    """What is due first. With `role_ids`, each role's index is read in order instead of sorting all that is open."""
    if role_ids:
        first, *others = [
            handoffs.filter(role=role_id).order_by(*URGENCY).values_list(*_URGENT)[: _bounded(page) * PAGE_SIZE + 1]
            for role_id in role_ids
        ]
        return _page(first.union(*others, all=True).order_by(*URGENCY) if others else first, page)
    return in_order(handoffs.order_by(*URGENCY), page=page)


def in_order(handoffs: QuerySet[Handoff], *, page: int = 1) -> Listing:
    """A page of handoffs in the order that they come in."""
    return _page(handoffs.values_list("pk"), page)


def _page(found: Any, page: int) -> Listing:
    """A page of what a query set of tuples, ids first, finds: ids are quickly put in order, and rows quickly read."""
    page = _bounded(page)
    ids = [one[0] for one in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE + 1]]
    shown = ids[:PAGE_SIZE]
    rows = _rows(shown) if shown else {}
    has_more = page < MAX_PAGES and len(ids) > PAGE_SIZE
    return Listing(rows=tuple(rows[pk] for pk in shown if pk in rows), page=page, has_more=has_more)


def named(handoffs: QuerySet[Handoff], words: str, *, workflows: QuerySet[Workflow]) -> QuerySet[Handoff]:
    """Of these handoffs, those of the case with exactly this reference, or with this #number: found by index alone."""
    word = words.strip()
    number = word.removeprefix("#")
    cases = list(Case.objects.filter(workflow__in=workflows, reference=word).values_list("pk", flat=True))
    wanted = Q(case__in=cases)
    return handoffs.filter(wanted | Q(number=int(number)) if number.isdecimal() and len(number) <= 15 else wanted)


def capped_count(handoffs: QuerySet[Handoff]) -> int:
    """How many, counted no further than COUNT_CAP + 1."""
    return handoffs.order_by()[: COUNT_CAP + 1].count()


def opened_since(handoffs: QuerySet[Handoff], since: datetime) -> int:
    """How many were opened after `since`, for the pill that says so."""
    return capped_count(handoffs.filter(opened_at__gt=since))


def tallies(user: User, *, now: datetime) -> Tallies:
    """What waits in the user's queue, is overdue there, is their own work, and what they have not read: one query.

    The queue and the work are those of `access.queue_of` and `access.work_of`.
    """
    if user.is_automation or not user.is_active:
        return Tallies(waiting=0, overdue=0, mine=0, unread=0)
    params: dict[str, Any] = {"person": user.pk, "roles": list(user.role_ids), "now": now}
    if user.workflow_scope is not None:
        params["scope"] = list(user.workflow_scope)
    in_scope = IN_SCOPE if user.workflow_scope is not None else ""
    with records.prepared() as cursor:
        cursor.execute(TALLIES.format(limit=COUNT_CAP + 1, in_scope=in_scope), params)
        return Tallies(**dict(cursor.fetchall()))


def _rows(ids: list[uuid.UUID]) -> dict[uuid.UUID, Row]:
    with records.prepared() as cursor:
        cursor.execute(ROWS, [ids])
        return {values[0]: _row(*values) for values in cursor.fetchall()}


def _bounded(page: int) -> int:
    return min(max(page, 1), MAX_PAGES)


def _row(*values: Any) -> Row:
    row = dict(zip(_FIELDS, values, strict=True))
    row["state"], row["priority"] = State(row["state"]), _WORDS_BY_RANK[row["priority"]]
    row["trigger"] = row["trigger"].replace("_", " ")
    return Row(**row)
