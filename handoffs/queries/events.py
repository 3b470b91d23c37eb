"""The feed of events: rows of every trail in the order of their transactions, which nothing committed late can upset.

A row carries the transaction that wrote it. Read are only rows of transactions older than every one that still runs,
so what is read is complete: whatever commits later stands behind it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from handoffs.models import Handoff
from handoffs.models.fields import ExactDecoder
from handoffs.queries.representation import rfc3339

SCANNED_ROWS = 2_000
_READ = """
WITH horizon AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin)
SELECT told.recorded_in::text::bigint, told.history_id, told.id, told.history_date, told.event, told.actor_kind,
       told.actor_name, told.reason, told.details::text, told.state, told.sequence, horizon.xmin::text::bigint
FROM horizon LEFT JOIN LATERAL (
    SELECT * FROM handoffs_historicalhandoff
    WHERE (recorded_in, history_id) > (%(transaction)s::text::xid8, %(row)s) AND recorded_in < horizon.xmin
    ORDER BY recorded_in, history_id LIMIT %(limit)s
) told ON true
ORDER BY told.recorded_in, told.history_id
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in the feed: behind this row of this transaction."""

    transaction: int = 0
    row: int = 0

    @property
    def text(self) -> str:
        """The place as callers are given it, and give it back."""
        return f"{self.transaction}.{self.row}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which events: empty means whichever."""

    kinds: Sequence[str] = ()
    workflow: str = ""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the feed, where it ends, and whether more stands behind it already."""

    events: list[dict[str, Any]]
    place: Place
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class _Row:
    place: Place
    handoff_id: Any
    at: datetime
    event: str
    actor: dict[str, str]
    reason: str
    details: str
    state: str
    sequence: int


def end() -> Place:
    """Where the feed ends now: what is read from there is yet to be committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        return Place(transaction=cursor.fetchone()[0])


def after(place: Place, visible: QuerySet[Handoff], wanted: Wanted, *, limit: int) -> Stretch:
    """Up to `limit` events behind `place` about handoffs in `visible`; looks at SCANNED_ROWS rows at most."""
    rows, horizon = _rows(place)
    handoffs = _handoffs({row.handoff_id for row in rows}, visible, wanted)
    told = [row for row in rows if row.handoff_id in handoffs and (not wanted.kinds or row.event in wanted.kinds)]
    was_cut = len(told) > limit
    has_more = was_cut or len(rows) == SCANNED_ROWS
    last = told[limit - 1].place if was_cut else rows[-1].place if has_more else horizon
    events = [_shown(row, handoffs[row.handoff_id]) for row in told[:limit]]
    return Stretch(events=events, place=last, has_more=has_more)


def _rows(place: Place) -> tuple[list[_Row], Place]:
    with connection.cursor() as cursor:
        at: dict[str, Any] = {"transaction": str(place.transaction), "row": place.row, "limit": SCANNED_ROWS}
        cursor.execute(_READ, at)
        found = cursor.fetchall()
    horizon = Place(transaction=max(found[0][-1], place.transaction))
    return [_row(values) for values in found if values[0] is not None], horizon


def _row(values: Sequence[Any]) -> _Row:
    transaction, row, handoff_id, at, event, kind, name, reason, details, state, sequence, _ = values
    return _Row(
        place=Place(transaction=transaction, row=row),
        handoff_id=handoff_id,
        at=at,
        event=event,
        actor={"kind": kind, "name": name},
        reason=reason,
        details=details,
        state=state,
        sequence=sequence,
    )


def _handoffs(ids: set[Any], visible: QuerySet[Handoff], wanted: Wanted) -> dict[Any, dict[str, Any]]:
    found = visible.filter(pk__in=ids)
    if wanted.workflow:
        found = found.filter(workflow__key=wanted.workflow)
    columns = found.values_list("pk", "number", "workflow__key", "case__reference")
    return {
        pk: {"id": str(pk), "number": number, "workflow": workflow, "reference": reference}
        for pk, number, workflow, reference in (columns if ids else ())
    }


def _shown(row: _Row, handoff: dict[str, Any]) -> dict[str, Any]:
    return {
        "cursor": row.place.text,
        "event": row.event,
        "at": rfc3339(row.at),
        "handoff": {**handoff, "state": row.state},
        "sequence": row.sequence,
        "actor": row.actor,
        "reason": row.reason,
        "details": json.loads(row.details, cls=ExactDecoder),
    }
