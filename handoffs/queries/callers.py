"""Who waits for a handoff: each run of an automation that named it, as the latest of its attempts gave it."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from handoffs.models import Handoff

CALLERS = """(
    SELECT json_agg(json_build_array(id, automation_id, callback_url, correlation_id)
        ORDER BY automation_id, callback_url, correlation_id)
    FROM (
        SELECT DISTINCT ON (automation_id, callback_url, correlation_id) id, automation_id, callback_url, correlation_id
        FROM handoffs_attempt WHERE handoff_id = handoffs_handoff.id
        ORDER BY automation_id, callback_url, correlation_id, received_at DESC
    ) AS latest
)"""
"""The callers of a handoff, in SQL beside its row."""


HEARD_OF = "ARRAY(SELECT unnest(event_types) FROM handoffs_endpoint AS e WHERE e.workflow_id = {workflow_id})"
"""What kinds of messages the endpoints of a workflow ask for, in SQL."""


class Caller(NamedTuple):
    """An automation, callback URL and correlation id, and the latest attempt that gave them."""

    attempt_id: UUID
    automation_id: int
    callback_url: str
    correlation_id: str


def callers(handoff: Handoff) -> list[Caller]:
    """The callers of a handoff in a fixed order; not asked for again where they were read when it was locked."""
    known: list[Caller] | None = getattr(handoff, "_callers", None)
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {CALLERS} FROM handoffs_handoff WHERE id = %s", [handoff.pk])  # noqa: S608
            known = _read(cursor.fetchone()[0])
    return known


def remember_callers(handoff: Handoff, told: Iterable[Any] | None) -> None:
    """Spare `callers` the asking: this is what CALLERS said when the handoff was as it is now; None where unasked."""
    handoff._callers = _read(told) if told else None  # type: ignore[attr-defined]


def _read(told: Iterable[Any] | None) -> list[Caller]:
    return [Caller(UUID(attempt), automation, url, word) for attempt, automation, url, word in told or ()]
