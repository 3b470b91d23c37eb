"""Why a handoff is due when it is: the counted, closed and paused stretches that lead to each of its targets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs.models import Handoff
from handoffs.queries.clocks import calendar_of
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import rfc3339
from handoffs.rules import sla
from handoffs.rules.calendars import Calendar, Stretch, StretchKind
from handoffs.rules.policy import Sla


@dataclass(frozen=True, kw_only=True)
class DueStory:
    """Why one target is due then. `due_at` is None while a pause keeps it from being known.

    `stretches` lead to it, or up to now. `is_fixed` where the automation gave the deadline.
    """

    target: sla.Target
    due_at: datetime | None
    allowed_seconds: int | None
    calendar: str
    time_zone: str
    is_fixed: bool
    stretches: tuple[Stretch, ...]

    @property
    def counted_seconds(self) -> int:
        """The time that counted on the way to the target."""
        return sum(stretch.seconds for stretch in self.stretches if stretch.kind is StretchKind.COUNTED)


def due_stories(handoff: Handoff, *, now: datetime) -> tuple[DueStory, ...]:
    """One story per target that the handoff has, under the policy that it opened under."""
    terms = policy_of(handoff.policy_version_id).sla
    calendar = calendar_of(terms.calendar, year=now.year)
    due = {
        sla.Target.ACCEPT: handoff.accept_by,
        sla.Target.RESOLVE: handoff.resolve_by,
        sla.Target.CUT_OFF: handoff.cut_off_at,
    }
    return tuple(
        _story(handoff, terms, calendar, target, due_at, now)
        for target, due_at in due.items()
        if due_at is not None or sla.allowed_seconds(terms, target) is not None
    )


def sla_json(handoff: Handoff, *, now: datetime) -> dict[str, Any]:
    """The stories as the contract shows them."""
    return {"handoff": str(handoff.pk), "targets": [_story_json(story) for story in due_stories(handoff, now=now)]}


def _story(
    handoff: Handoff, terms: Sla, calendar: Calendar, target: sla.Target, due_at: datetime | None, now: datetime
) -> DueStory:
    return DueStory(
        target=target,
        due_at=due_at,
        allowed_seconds=sla.allowed_seconds(terms, target),
        calendar=calendar.title,
        time_zone=calendar.time_zone,
        is_fixed=target is sla.Target.RESOLVE and handoff.fixed_resolve_by is not None,
        stretches=sla.explain_due(terms, calendar, handoff.clock(), target=target, now=now),
    )


def _story_json(story: DueStory) -> dict[str, Any]:
    return {
        "target": story.target.value,
        "due_at": rfc3339(story.due_at),
        "allowed_seconds": story.allowed_seconds,
        "calendar": story.calendar,
        "time_zone": story.time_zone,
        "fixed": story.is_fixed,
        "stretches": [
            {
                "kind": stretch.kind.value,
                "from": rfc3339(stretch.from_at),
                "to": rfc3339(stretch.to_at),
                "seconds": stretch.seconds,
            }
            for stretch in story.stretches
        ],
    }
