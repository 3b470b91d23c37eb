"""The one helper that saves a handoff and writes the row of its audit trail, in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models

from handoffs.choices import Event
from handoffs.errors import NotPossibleNow
from handoffs.models import Actor, Handoff, gathering
from handoffs.models import rows as table_rows
from handoffs.models.audit import GENESIS_DIGEST

FIXED_COLUMNS = frozenset(
    {"id", "number", "workflow_id", "case_id", "policy_version_id", "pattern", "mode", "opened_by_id", "opened_at"}
    | {"imported"}
)
CHANGING_COLUMNS = tuple(field.attname for field in Handoff._meta.concrete_fields if field.attname not in FIXED_COLUMNS)
HISTORY_MODEL: Any = Handoff.history.model
SNAPSHOT_FIELDS = tuple(field.attname for field in HISTORY_MODEL.tracked_fields)
NOTED_COLUMNS = (*SNAPSHOT_FIELDS, "audit_sequence", "audit_digest")
"""All of a handoff that `note_many` takes."""


class ChangedMeanwhile(NotPossibleNow):
    """The handoff changed since it was read; nothing was written."""

    code = "changed_meanwhile"


def opened(
    handoff: Handoff, *, actor: Actor, now: datetime, reason: str = "", details: Mapping[str, Any]
) -> list[models.Model]:
    """A new handoff and the first row of its trail, for the caller to insert together."""
    handoff.updated_at = now
    row = _next_row(handoff, Event.OPENED, actor=actor, now=now, reason=reason, details=details)
    row.history_type = "+"
    return [handoff, row]


def record(
    handoff: Handoff,
    event: Event,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    only_if: str = "",
    rows: Sequence[models.Model] = (),
    telling: Callable[[], Sequence[models.Model]] = tuple,
) -> bool:
    """Write the handoff as it now stands together with one row of its trail, and with new `rows` that belong to it.

    `telling` makes further rows, which tell of the handoff by its new version and row of the trail. The caller
    holds the row lock, or minds the refusal. `only_if` is an SQL condition for the database to check in the same
    statement; where it does not hold, nothing is written and the answer is False. Raises ChangedMeanwhile if the
    handoff changed since it was read.
    """
    before = handoff.version
    row = _next_row(handoff, event, actor=actor, now=now, reason=reason, details=details or {})
    handoff.version, handoff.updated_at = before + 1, now
    new = [row, *rows, *telling()]
    if not only_if and gathering.takes_change(handoff, CHANGING_COLUMNS, version=before):
        return gathering.takes_new(new)
    where = f"version = %s AND {only_if}" if only_if else "version = %s"
    written = table_rows.update_and_insert(handoff, CHANGING_COLUMNS, where=where, params=[before], rows=new)
    if not written and not only_if:
        raise ChangedMeanwhile("Somebody else changed this handoff. Look at it again.")
    return written


def note_many(told: Sequence[tuple[Handoff, Event, Mapping[str, Any]]], *, actor: Actor, now: datetime) -> None:
    """Write a row of its trail for each of these handoffs, whose row locks the caller holds, in two statements.

    For events that change nothing else of a handoff. Raises ChangedMeanwhile if a row lock was not held.
    """
    before = {handoff.pk: handoff.version for handoff, _, _ in told}
    rows = [_next_row(each, event, actor=actor, now=now, reason="", details=details) for each, event, details in told]
    after = {handoff.pk: handoff for handoff, _, _ in told}.values()
    for handoff in after:
        handoff.version, handoff.updated_at = handoff.version + 1, now
    table_rows.insert(*rows)
    with connection.cursor() as cursor:
        columns = zip(*((one.pk, before[one.pk], one.audit_sequence, one.audit_digest) for one in after), strict=True)
        cursor.execute(_NOTE_MANY, [now, *map(list, columns)])
        if cursor.rowcount != len(after):
            raise ChangedMeanwhile("Somebody else changed one of these handoffs.")


_NOTE_MANY = """
UPDATE handoffs_handoff SET version = told.version + 1, updated_at = %s,
    audit_sequence = told.audit_sequence, audit_digest = told.audit_digest
FROM unnest(%s::uuid[], %s::int[], %s::int[], %s::text[]) AS told (id, version, audit_sequence, audit_digest)
WHERE handoffs_handoff.id = told.id AND handoffs_handoff.version = told.version
"""


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
