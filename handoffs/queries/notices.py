"""What a person was told, newest first; and what went outside, failures first."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Exists, F, IntegerField, OuterRef, QuerySet, Value, When

from accounts.models import User
from handoffs.choices import Channel, MessageState, NoticeKind
from handoffs.errors import NotThere
from handoffs.models import Handoff, Message, Notification, Workflow

PAGE_SIZE = 50
MAX_PAGES = 20


@dataclass(frozen=True, kw_only=True)
class NoticeRow:
    """One notice in the inbox; `summary` is empty where its reader may not open the handoff."""

    id: uuid.UUID
    kind: NoticeKind
    title: str
    text: str
    summary: str
    workflow: str
    handoff_id: uuid.UUID
    is_open_to: bool
    is_unread: bool
    is_superseded: bool
    created_at: datetime


def inbox_of(
    person: User, visible: QuerySet[Handoff], *, unread_only: bool = False, page: int = 1
) -> tuple[list[NoticeRow], bool]:
    """A page of what the person was told, and whether there is another; `visible` are the handoffs they may open."""
    mine = Notification.objects.filter(person=person, channel=Channel.IN_APP)
    if unread_only:
        mine = Notification.objects.unread().filter(person=person)
    first = (min(max(page, 1), MAX_PAGES) - 1) * PAGE_SIZE
    columns = ("id", "kind", "title", "text", "handoff_id", "read_at", "superseded_at", "created_at")
    rows = mine.order_by("-created_at").values(
        *columns,
        summary=F("handoff__summary"),
        workflow=F("handoff__workflow__title"),
        seen=Exists(visible.filter(pk=OuterRef("handoff_id"))),
    )
    found = list(rows[first : first + PAGE_SIZE + 1])
    return [_row(values) for values in found[:PAGE_SIZE]], len(found) > PAGE_SIZE and page < MAX_PAGES


def notice_for(person: User, notice_id: uuid.UUID) -> Notification:
    """One of the person's own notices. Raises NotThere."""
    notice = Notification.objects.filter(pk=notice_id, person=person, channel=Channel.IN_APP).first()
    if notice is None:
        raise NotThere("There is no such notice, or it was for somebody else.")
    return notice


def messages_about(workflows: QuerySet[Workflow]) -> QuerySet[Message]:
    """Messages that tell of these workflows and of no other."""
    managed = list(workflows.values_list("pk", flat=True))
    told = Notification.objects.filter(message=OuterRef("pk"))
    theirs, others = told.filter(handoff__workflow__in=managed), told.exclude(handoff__workflow__in=managed)
    return Message.objects.filter(Exists(theirs), ~Exists(others))


def failing_first(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Parked, then failing, then the rest, each newest first."""
    rank = Case(
        When(state=MessageState.PARKED, then=Value(0)),
        When(state=MessageState.QUEUED, attempts_made__gt=0, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return messages.order_by(rank, "-created_at")


def _row(values: dict[str, Any]) -> NoticeRow:
    unread = values["read_at"] is None and values["superseded_at"] is None
    return NoticeRow(
        id=values["id"],
        kind=NoticeKind(values["kind"]),
        title=values["title"],
        text=values["text"],
        summary=values["summary"] if values["seen"] else "",
        workflow=values["workflow"],
        handoff_id=values["handoff_id"],
        is_open_to=values["seen"],
        is_unread=unread,
        is_superseded=values["superseded_at"] is not None,
        created_at=values["created_at"],
    )
