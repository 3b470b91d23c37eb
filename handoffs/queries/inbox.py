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
from handoffs.models import Case, Handoff, Notification, Workflow
from handoffs.models.handoff import URGENCY

PAGE_SIZE = 50
MAX_PAGES = 20
COUNT_CAP = 99
WAITING_STATES = (State.PENDING, State.IN_PROGRESS, State.AWAITING_CONFIRMATION)
"""What waits for a person; a returned handoff waits for the automation."""

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


def tallies(user: User, *, queue: QuerySet[Handoff], work: QuerySet[Handoff], now: datetime) -> Tallies:
    """What waits in the user's queue, is overdue there, is their own work, and what they have not read: one query."""
    parts = [
        _marked(waiting(queue), "waiting"),
        _marked(waiting(queue).filter(due_at__lt=now), "overdue"),
        _marked(work, "mine"),
        _marked(Notification.objects.unread().filter(person=user), "unread"),
    ]
    marks = [mark for (mark,) in parts[0].union(*parts[1:], all=True)]
    return Tallies(**{name: marks.count(name) for name in ("waiting", "overdue", "mine", "unread")})


def _marked(rows: QuerySet[Any], mark: str) -> Any:
    return rows.order_by().annotate(mark=Value(mark)).values_list("mark")[: COUNT_CAP + 1]


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
