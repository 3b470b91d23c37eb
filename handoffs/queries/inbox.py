"""The lists that people work from: what waits for their roles, what they hold, and how much of it, in few queries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Concat, Trim

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

_WORDS_BY_RANK = {rank: word for word, rank in PRIORITY_RANKS.items()}
_NAME = Trim(Concat("holder__first_name", Value(" "), "holder__last_name", output_field=CharField()))
_COLUMNS = (
    "id", "number", "summary", "headline", "state", "priority", "primary_trigger", "opened_at", "clock_started_at",
    "due_at", "resolved_at", "holder_id", "offered_to_id", "opened_by_id", "role_id",
)  # fmt: skip


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
            handoffs.filter(role=role_id).order_by(*URGENCY).values("pk")[: _bounded(page) * PAGE_SIZE + 1]
            for role_id in role_ids
        ]
        handoffs = Handoff.objects.filter(pk__in=first.union(*others, all=True) if others else first)
    return in_order(handoffs.order_by(*URGENCY), page=page)


def in_order(handoffs: QuerySet[Handoff], *, page: int = 1) -> Listing:
    """A page of handoffs in the order that they come in."""
    page = _bounded(page)
    found = list(_values(handoffs[(page - 1) * PAGE_SIZE : page * PAGE_SIZE + 1]))
    has_more = page < MAX_PAGES and len(found) > PAGE_SIZE
    return Listing(rows=tuple(_row(values) for values in found[:PAGE_SIZE]), page=page, has_more=has_more)


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


def _values(handoffs: QuerySet[Handoff]) -> Any:
    return handoffs.values(
        *_COLUMNS,
        workflow_title=F("workflow__title"),
        reference=F("case__reference"),
        role_name=F("role__name"),
        holder_name=_NAME,
        holder_username=F("holder__username"),
    )


def _bounded(page: int) -> int:
    return min(max(page, 1), MAX_PAGES)


def _row(values: dict[str, Any]) -> Row:
    return Row(
        id=values["id"],
        number=values["number"],
        summary=values["summary"],
        headline=values["headline"],
        workflow=values["workflow_title"],
        reference=values["reference"],
        role=values["role_name"],
        role_id=values["role_id"],
        state=State(values["state"]),
        priority=_WORDS_BY_RANK[values["priority"]],
        trigger=values["primary_trigger"].replace("_", " "),
        holder=values["holder_name"] or values["holder_username"] or "",
        holder_id=values["holder_id"],
        offered_to_id=values["offered_to_id"],
        opened_by_id=values["opened_by_id"],
        opened_at=values["opened_at"],
        clock_started_at=values["clock_started_at"],
        due_at=values["due_at"],
        resolved_at=values["resolved_at"],
    )
