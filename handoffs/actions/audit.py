"""The one helper that saves a handoff and writes the row of its audit trail, in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q

from handoffs.choices import Event
from handoffs.errors import NotPossibleNow
from handoffs.models import Actor, Handoff
from handoffs.models.audit import GENESIS_DIGEST

FIXED_COLUMNS = frozenset(
    {"id", "number", "workflow_id", "case_id", "policy_version_id", "pattern", "opened_by_id", "opened_at", "imported"}
)
CHANGING_COLUMNS = tuple(field.attname for field in Handoff._meta.concrete_fields if field.attname not in FIXED_COLUMNS)
HISTORY_MODEL: Any = Handoff.history.model
SNAPSHOT_FIELDS = tuple(field.attname for field in HISTORY_MODEL.tracked_fields)


class ChangedMeanwhile(NotPossibleNow):
    """Somebody changed the handoff without holding its row lock; nothing was written."""

    code = "changed_meanwhile"


def insert(handoff: Handoff, *, actor: Actor, now: datetime, reason: str = "", details: Mapping[str, Any]) -> None:
    """Store a new handoff and the first row of its trail."""
    handoff.updated_at = now
    row = _next_row(handoff, Event.OPENED, actor=actor, now=now, reason=reason, details=details)
    row.history_type = "+"
    handoff.skip_history_when_saving = True  # type: ignore[attr-defined]
    handoff.save(force_insert=True)
    row.save(force_insert=True)


def record(
    handoff: Handoff,
    event: Event,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    only_if: Q | None = None,
) -> bool:
    """Write the handoff as it now stands together with one row of its trail.

    The caller holds the row lock. `only_if` is a condition for the database to check in the same statement; where it
    does not hold, nothing is written and the answer is False. Raises ChangedMeanwhile if the row lock was not held.
    """
    before = handoff.version
    row = _next_row(handoff, event, actor=actor, now=now, reason=reason, details=details or {})
    handoff.version, handoff.updated_at = before + 1, now
    values = {column: getattr(handoff, column) for column in CHANGING_COLUMNS}
    rows = Handoff.objects.filter(only_if or Q(), pk=handoff.pk, version=before).update(**values)
    if not rows and only_if is not None:
        return False
    if not rows:
        raise ChangedMeanwhile("Somebody else changed this handoff. Look at it again.")
    row.save(force_insert=True)
    return True


def _next_row(
    handoff: Handoff, event: Event, *, actor: Actor, now: datetime, reason: str, details: Mapping[str, Any]
) -> Any:
    """The row that follows; the handoff remembers its place and digest."""
    row = HISTORY_MODEL(
        **{column: getattr(handoff, column) for column in SNAPSHOT_FIELDS},
        history_date=now,
        history_type="~",
        history_user=actor.user,
        history_change_reason=reason or None,
        sequence=handoff.audit_sequence + 1,
        event=event,
        actor_kind=actor.kind,
        actor_name=actor.name,
        reason=reason,
        details=dict(details),
        previous_digest=handoff.audit_digest or GENESIS_DIGEST,
    )
    row.digest = row.computed_digest()
    handoff.audit_sequence, handoff.audit_digest = row.sequence, row.digest
    return row
