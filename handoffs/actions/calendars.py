"""What follows from an edited calendar: the future steps of open handoffs move, each with a row of its trail.

What was done stays done: reminders that went out, escalations that happened, targets of handoffs that are closed.
"""

import secrets
import uuid
from datetime import datetime

from django.db import transaction

from handoffs.actions import audit, lifecycle
from handoffs.actions.context import locked
from handoffs.choices import Event
from handoffs.models import CLOCK, BusinessCalendar, Handoff, PolicyVersion
from handoffs.queries.representation import rfc3339

BATCH_ROWS = 200
TIMES = ("accept_by", "resolve_by", "cut_off_at", "next_step_at")


@transaction.atomic
def save(calendar: BusinessCalendar) -> None:
    """Keep an edited calendar, and have the sweep move what counts in it. The admin's form has a transaction around."""
    calendar.full_clean()
    calendar.moving_from = _before_all()
    calendar.save()


def move_due(*, now: datetime, limit: int = BATCH_ROWS) -> int:
    """Move handoffs of an edited calendar, at most `limit` in a pass; returns how many moved."""
    edited = BusinessCalendar.objects.filter(moving_from__isnull=False).first()
    return _move_some(edited.pk, now=now, limit=limit) if edited else 0


def _before_all() -> uuid.UUID:
    """An id below every handoff's, and another with each edit, so that an edit is told from the one before."""
    return uuid.UUID(int=secrets.randbits(32))


def _move_some(calendar_id: int, *, now: datetime, limit: int) -> int:
    calendar, ids = _next_ids(calendar_id, limit)
    moved = sum(_move(pk, calendar.key, now) for pk in ids)
    _remember(calendar, ids[-1] if len(ids) == limit else None)
    return moved


def _next_ids(calendar_id: int, limit: int) -> tuple[BusinessCalendar, list[uuid.UUID]]:
    calendar = BusinessCalendar.objects.get(pk=calendar_id)
    versions = PolicyVersion.objects.filter(document__sla__calendar=calendar.key).values_list("pk", flat=True)
    counted = Handoff.objects.open().filter(policy_version__in=list(versions), pk__gt=calendar.moving_from)
    return calendar, list(counted.order_by("pk").values_list("pk", flat=True)[:limit])


@transaction.atomic(durable=True)
def _remember(calendar: BusinessCalendar, last: uuid.UUID | None) -> None:
    """Where to go on; an edit that came meanwhile has begun anew, and stays so."""
    BusinessCalendar.objects.filter(pk=calendar.pk, moving_from=calendar.moving_from).update(moving_from=last)


@transaction.atomic(durable=True)
def _move(handoff_id: uuid.UUID, key: str, now: datetime) -> bool:
    handoff = locked(Handoff(pk=handoff_id))
    if not handoff.is_open:
        return False
    before = {name: getattr(handoff, name) for name in TIMES}
    lifecycle.wind(handoff, now=now)
    moved = {
        name: [rfc3339(before[name]), rfc3339(at)] for name in TIMES if (at := getattr(handoff, name)) != before[name]
    }
    if not moved:
        return False
    details = {"calendar": key, "moved": moved}
    return audit.record(handoff, Event.RESCHEDULED, actor=CLOCK, now=now, details=details)
