"""What rules are told: frozen facts that models hand over, so that no rule ever sees a row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from handoffs.choices import State


@dataclass(frozen=True, kw_only=True)
class AttemptFacts:
    """One report of an automation. Numbers in `data` are int or Decimal, never float."""

    reference: str
    data: Mapping[str, Any] = field(default_factory=dict)
    confidence: Decimal | None = None
    error_type: str = ""
    error_message: str = ""
    request_reason: str | None = None
    proposed_outcome: str = ""
    acted: bool = False

    @property
    def failed(self) -> bool:
        """Whether the automation reported an error."""
        return bool(self.error_type)

    def names(self, attempts: int = 1) -> dict[str, Any]:
        """What a condition may read: `data`, `confidence`, `error`, `attempts`, `reference`."""
        error = {"type": self.error_type, "message": self.error_message} if self.failed else None
        return {
            "data": self.data,
            "confidence": self.confidence,
            "error": error,
            "attempts": attempts,
            "reference": self.reference,
        }


@dataclass(frozen=True, kw_only=True)
class FailureHistory:
    """What the case (and, for outages, the workflow) went through before this attempt."""

    attempts: int = 0
    case_failures: tuple[tuple[datetime, str], ...] = ()
    """(received_at, error_type) of the case's failed attempts since its last success or resolution, oldest first."""
    workflow_failures: tuple[tuple[datetime, str, str], ...] = ()
    """(received_at, error_type, reference) of the workflow's failures like this one since its last outage."""
    outage_is_open: bool = False
    """Whether the error of this attempt is with a person already, as an outage of the whole workflow."""


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A stretch in which the clock stood still; `ended_at` is None while it still does."""

    started_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ClockFacts:
    """All that the ladder of reminders, escalations and cut-off depends on.

    `clock_started_at` is the opening or the last reopening. `accepted_at` is the first acceptance since then.
    `last_activity_at` is the holder's last action, None while nobody holds it. `steps_done` are keys of steps that
    fired or were superseded since the clock started. `fixed_resolve_by` is a deadline that the automation gave; pauses
    do not move it.
    """

    state: State
    clock_started_at: datetime
    accepted_at: datetime | None = None
    last_activity_at: datetime | None = None
    fixed_resolve_by: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    steps_done: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class DueTimes:
    """When a handoff must be accepted, resolved, and is cut off; None where the policy sets no limit."""

    accept_by: datetime | None
    resolve_by: datetime | None
    cut_off_at: datetime | None
