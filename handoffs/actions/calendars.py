"""What follows from an edited calendar: the future steps of open handoffs move, each with a row of its trail.

What was done stays done: reminders that went out, escalations that happened, targets of handoffs that are closed.
"""

import secrets
import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs import access
from handoffs.actions import audit, lifecycle
from handoffs.actions.context import locked
from handoffs.choices import Event
from handoffs.errors import Invalid, NotAllowed, NotPossibleNow
from handoffs.models import CLOCK, BusinessCalendar, Handoff, PolicyVersion, gathering, rows
from handoffs.models.calendar import HOLIDAY_YEARS_AHEAD
from handoffs.queries import calendars as queries
from handoffs.queries import lookups
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import rfc3339
from handoffs.rules import sla
from handoffs.rules.calendars import CalendarNeverOpens, add

BATCH_ROWS = 1_000
AT_ONCE = 100
MAX_REASON_CHARACTERS = 100
TIMES = ("accept_by", "resolve_by", "cut_off_at", "next_step_at")


class CalendarChanged(NotPossibleNow):
    """Somebody else edited the calendar meanwhile; nothing was kept."""

    code = "calendar_changed"


@transaction.atomic
def save(calendar: BusinessCalendar) -> None:
    """Keep an edited calendar, and have the sweep move what counts in it. The admin's form has a transaction around."""
    calendar.full_clean()
    calendar.moving_from = _before_all()
    calendar.save()


@transaction.atomic(durable=True)
def edit(calendar: BusinessCalendar, *, by: User, edition: int, reason: str, now: datetime) -> BusinessCalendar:
    """Keep a calendar as `by` wants it, or make a new one; `edition` is the one that they saw, 0 for a new one.

    Raises NotAllowed, CalendarChanged if somebody else edited it meanwhile, Invalid for what is no calendar, or for one
    in which the time that a live policy allows never passes.
    """
    if not access.may_edit_calendar(by, calendar.key):
        raise NotAllowed("Only who manages every workflow that counts in a calendar may edit it.")
    if calendar.pk is not None:
        list(BusinessCalendar.objects.select_for_update().filter(pk=calendar.pk))
        if queries.edition_of(calendar) != edition:
            raise CalendarChanged("Somebody else edited this calendar. Look at it again, then make your change.")
    _check_time_passes(calendar, now)
    calendar._history_user = by  # type: ignore[attr-defined]
    calendar._change_reason = reason.strip()[:MAX_REASON_CHARACTERS]  # type: ignore[attr-defined]
    save(calendar)
    return calendar


def _check_time_passes(calendar: BusinessCalendar, now: datetime) -> None:
    rules = calendar.rules(through_year=now.year + HOLIDAY_YEARS_AHEAD)
    for workflow in queries.workflows_in(calendar.key).select_related("live_version"):
        assert workflow.live_version is not None
        longest = sla.longest_seconds(policy_of(workflow.live_version.pk).sla)
        try:
            add(rules, now, longest)
        except CalendarNeverOpens as error:
            raise Invalid(f"{workflow.title} counts in this calendar, and its time never passes: {error}") from error


def edited_calendars() -> QuerySet[BusinessCalendar]:
    """Those whose handoffs are still to be moved."""
    return BusinessCalendar.objects.filter(moving_from__isnull=False)


def move_due(*, now: datetime, limit: int = BATCH_ROWS) -> int:
    """Move handoffs of an edited calendar, at most `limit` in a pass; returns how many moved."""
    edited = edited_calendars().first()
    return _move_some(edited.pk, now=now, limit=limit) if edited else 0


def _before_all() -> uuid.UUID:
    """An id below every handoff's, and another with each edit, so that an edit is told from the one before."""
    return uuid.UUID(int=secrets.randbits(32))


def _move_some(calendar_id: int, *, now: datetime, limit: int) -> int:
    calendar, ids = _next_ids(calendar_id, limit)
    batches = [ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)]
    moved = sum(_move_batch(batch, calendar.key, now) for batch in batches)
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


def _move_batch(handoff_ids: list[uuid.UUID], key: str, now: datetime) -> int:
    """Those that nobody works on this moment at once, the others one by one, each when it is free."""
    free = _move_free(handoff_ids, key, now)
    return sum(free.values()) + sum(_move(pk, key, now) for pk in handoff_ids if pk not in free)


@transaction.atomic(durable=True)
def _move_free(handoff_ids: list[uuid.UUID], key: str, now: datetime) -> dict[uuid.UUID, bool]:
    found = rows.select(Handoff, "id = ANY(%s) FOR UPDATE SKIP LOCKED", [handoff_ids])
    with lookups.kept(), gathering.gathered():
        return {handoff.pk: _moved(handoff, key, now) for handoff in found}


@transaction.atomic(durable=True)
def _move(handoff_id: uuid.UUID, key: str, now: datetime) -> bool:
    return _moved(locked(Handoff(pk=handoff_id)), key, now)


def _moved(handoff: Handoff, key: str, now: datetime) -> bool:
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
