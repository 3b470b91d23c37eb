"""The story of one past handoff, and its audit trail: opened, accepted, ended."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models

from handoffs.choices import Event, State
from handoffs.models import CLOCK, Actor
from handoffs.models.audit import GENESIS_DIGEST, digest_of
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.imports import PastHandoff
from handoffs.rules.policy import Policy

NO_END = "It had no end in the file that it was imported from"
_TOLD = (
    ("outcome", "outcome"), ("title", "outcome_title"), ("recovery", "recovery"),
    ("context_revision", "context_revision_number"), ("context_digest", "context_digest"),
)  # fmt: skip


@dataclass(kw_only=True)
class Story:
    """One handoff on its way into the tables: what is decided about it once, and its rows by model."""

    past: PastHandoff
    id: uuid.UUID
    attempt_id: uuid.UUID
    policy: Policy
    version_id: Any
    role: str
    role_id: int
    priority: int
    triggers: list[dict[str, Any]]
    primary: str
    because: str
    package: Mapping[str, Any]
    digest: str
    due: Any
    rows: dict[type[models.Model], list[dict[str, Any]]] = field(default_factory=dict)


class Trail:
    """The audit trail of one past handoff: opened, accepted, ended."""

    def __init__(self, story: Story, desk: Any) -> None:
        self.story, self.desk = story, desk
        self.rows: list[dict[str, Any]] = []
        self.digest = GENESIS_DIGEST
        by_clock = story.past.state is State.RESOLVED and desk.people.of(story.past.decided_by) is CLOCK
        self.cut_off_at = story.past.ended_at if by_clock else None

    def tell(self, decision: Mapping[str, Any] | None) -> None:
        """Write every row."""
        past, decider = self.story.past, self.desk.people.of(self.story.past.decided_by)
        self._row(Event.OPENED, State.PENDING, past.opened_at, self.desk.actor(), self.story.because, self._opening())
        if past.accepted_at:
            holder = self.desk.people.of("") if decider is CLOCK else decider
            self._row(Event.ACCEPTED, State.IN_PROGRESS, past.accepted_at, holder, holder_id=holder.user.pk)
        if decision is None:
            self._row(Event.WITHDRAWN, past.state, past.ended_at, self.desk.actor(), past.reason or NO_END)
        else:
            event = Event.EXPIRED if decider is CLOCK else Event.RESOLVED
            told = {name: decision[column] for name, column in _TOLD} | {"answers": {}}
            self._row(event, past.state, past.ended_at, decider, past.reason, told)

    def _opening(self) -> dict[str, Any]:
        past = self.story.past
        counts = {"returns": past.returns, "reopens": past.reopens}
        said = {name: count for name, count in counts.items() if count}
        return {"imported": True, "triggers": [self.story.primary], "role": self.story.role, **said}

    def _row(
        self,
        event: Event,
        state: State,
        at: datetime,
        actor: Actor,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
        *,
        holder_id: int | None = None,
    ) -> None:
        story, is_end = self.story, state in (State.RESOLVED, State.WITHDRAWN)
        row: dict[str, Any] = {
            "id": story.id,
            "sequence": len(self.rows) + 1,
            "history_date": at,
            "history_type": "~" if self.rows else "+",
            "history_user_id": actor.user.pk if actor.user else None,
            "history_change_reason": reason or None,
            "event": str(event),
            "actor_kind": str(actor.kind),
            "actor_name": actor.name,
            "reason": reason,
            "details": details or {},
            "previous_digest": self.digest,
            "state": str(state),
            "version": len(self.rows),
            "role_id": story.role_id,
            "holder_id": holder_id,
            "priority": story.priority,
            "escalation_level": 0,
            "context_revision_number": 1,
            "accept_by": story.due.accept_by,
            "resolve_by": story.due.resolve_by,
            "cut_off_at": self.cut_off_at,
            "accepted_at": story.past.accepted_at if self.rows else None,
            "resolved_at": story.past.ended_at if is_end and state is State.RESOLVED else None,
        }
        self.digest = row["digest"] = digest_of(row)
        self.rows.append(row | {"details": exact_dumps(row["details"])})
