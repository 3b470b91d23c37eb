"""Reading calendars for who looks after them: what they say, who counts in them, what the coming days look like."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from handoffs.errors import NotThere
from handoffs.models import BusinessCalendar, Handoff, PolicyVersion, Workflow
from handoffs.models.calendar import HOLIDAY_YEARS_AHEAD
from handoffs.rules.calendar_words import Day, Edition, coming_days, differences
from handoffs.rules.notices import zone_of

PREVIEW_DAYS = 14
EDITS_SHOWN = 50
COUNT_CAP = 10_000


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One row of a calendar's history."""

    at: datetime
    by: str
    reason: str
    changes: list[str]


def calendar_called(key: str) -> BusinessCalendar:
    """The calendar with that key. Raises NotThere."""
    found = BusinessCalendar.objects.filter(key=key).first()
    if found is None:
        raise NotThere(f"There is no calendar {key!r}.")
    return found


def workflows_in(key: str) -> QuerySet[Workflow]:
    """The workflows whose live policy counts in the calendar."""
    return Workflow.objects.filter(live_version__document__sla__calendar=key).order_by("title")


def workflows_by_calendar() -> dict[str, list[str]]:
    """Titles of the workflows that count in each calendar, by its key."""
    live = Workflow.objects.filter(live_version__isnull=False).order_by("title")
    found: dict[str, list[str]] = {}
    for title, key in live.values_list("title", "live_version__document__sla__calendar"):
        found.setdefault(key, []).append(title)
    return found


def open_count(key: str) -> int:
    """How many open handoffs count in the calendar, COUNT_CAP at most."""
    versions = PolicyVersion.objects.filter(document__sla__calendar=key).values_list("pk", flat=True)
    return Handoff.objects.open().filter(policy_version__in=list(versions))[:COUNT_CAP].count()


def edition_of(calendar: BusinessCalendar) -> int:
    """A number that every edit changes."""
    return calendar.history.order_by("-history_id").values_list("history_id", flat=True).first() or 0


def preview(calendar: BusinessCalendar, *, now: datetime) -> list[Day]:
    """The next PREVIEW_DAYS days, from today in the calendar's zone on. Raises CalendarInvalid."""
    today = now.astimezone(zone_of(calendar.time_zone)).date()
    return coming_days(
        calendar.rules(through_year=now.year + HOLIDAY_YEARS_AHEAD),
        first=today,
        count=PREVIEW_DAYS,
        country=calendar.country,
        subdivision=calendar.subdivision,
        closed_dates=calendar.closed_dates,
    )


def edits_of(calendar: BusinessCalendar) -> list[Edit]:
    """Who changed what and when, newest first, EDITS_SHOWN at most."""
    rows: list[Any] = list(calendar.history.select_related("history_user").order_by("-history_id")[: EDITS_SHOWN + 1])
    older: list[Any] = [*rows[1:], None]
    edits = [_edit(row, before) for row, before in zip(rows, older, strict=True)]
    return [edit for edit in edits[:EDITS_SHOWN] if edit.changes]


def _edit(row: Any, before: Any) -> Edit:
    return Edit(
        at=row.history_date,
        by=row.history_user.display_name if row.history_user else "the desk",
        reason=row.history_change_reason or "",
        changes=differences(_edition(before) if before else None, _edition(row)),
    )


def _edition(row: Any) -> Edition:
    return Edition(
        title=row.title,
        time_zone=row.time_zone,
        weekly_hours=row.weekly_hours,
        country=row.country,
        subdivision=row.subdivision,
        closed_dates=row.closed_dates,
    )
