"""What goes to automations and how it fares: messages with what failed first, endpoints' health, overdue receipts."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from handoffs.choices import DeliveryState
from handoffs.errors import NotThere
from handoffs.models import Delivery, Endpoint, Recovery, Workflow

PAGE_SIZE = 50
MAX_PAGES = 100
HEALTH_TRIES = 500
OVERDUE_LIMIT = 20
FAILING = "failing"
TROUBLED = Q(state=DeliveryState.PARKED) | Q(state=DeliveryState.QUEUED, attempts_made__gt=0)

_HEALTH = """
SELECT endpoint.id, count(recent.id),
       count(*) FILTER (WHERE recent.status BETWEEN 200 AND 299),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY recent.duration_ms),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY recent.duration_ms)
FROM handoffs_endpoint endpoint
LEFT JOIN LATERAL (
    SELECT try.id, try.status, try.duration_ms
    FROM handoffs_delivery delivery JOIN handoffs_deliverytry try ON try.delivery_id = delivery.id
    WHERE delivery.endpoint_id = endpoint.id
    ORDER BY delivery.created_at DESC LIMIT %(tries)s
) recent ON true
WHERE endpoint.id = ANY(%(ids)s)
GROUP BY endpoint.id
"""
_LAST_ERROR = """
SELECT endpoint.id, failed.status, failed.error, failed.finished_at
FROM handoffs_endpoint endpoint
CROSS JOIN LATERAL (
    SELECT try.status, try.error, try.finished_at
    FROM (
        SELECT id FROM handoffs_delivery WHERE endpoint_id = endpoint.id ORDER BY created_at DESC LIMIT %(tries)s
    ) delivery JOIN handoffs_deliverytry try ON try.delivery_id = delivery.id
    WHERE try.status IS NULL OR try.status NOT BETWEEN 200 AND 299
    ORDER BY try.finished_at DESC LIMIT 1
) failed
WHERE endpoint.id = ANY(%(ids)s)
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which deliveries to look at. `state` is one of DeliveryState or FAILING; empty means whichever."""

    state: str = ""
    workflow: str = ""
    event_type: str = ""
    endpoint: uuid.UUID | None = None
    search: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of deliveries; `has_more` says whether there is another."""

    rows: tuple[Delivery, ...]
    number: int
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class Health:
    """How an endpoint answered its latest HEALTH_TRIES tries; times in milliseconds, None before the first."""

    endpoint: Endpoint
    tries_count: int
    delivered_ratio: float | None
    p50_ms: int | None
    p95_ms: int | None
    last_error: str
    last_error_at: datetime | None
    parked_count: int

    @property
    def delivered_percent(self) -> str:
        """In whole numbers, and 100 only where every try delivered."""
        ratio = self.delivered_ratio or 0.0
        return "100" if ratio == 1 else f"{min(ratio * 100, 99.9):.1f}"


def matching(workflows: QuerySet[Workflow], wanted: Wanted) -> QuerySet[Delivery]:
    """Deliveries about handoffs of these workflows."""
    found = Delivery.objects.filter(handoff__workflow__in=list(workflows.values_list("pk", flat=True)))
    given: dict[str, Any] = {
        "handoff__workflow__key": wanted.workflow,
        "event_type": wanted.event_type,
        "endpoint": wanted.endpoint,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    found = found.filter(**{name: value for name, value in given.items() if value})
    if wanted.search:
        found = found.filter(Q(handoff__case__reference=wanted.search) | Q(host=wanted.search.lower()))
    if wanted.state == FAILING:
        return found.filter(state=DeliveryState.QUEUED, attempts_made__gt=0)
    return found.filter(state=wanted.state) if wanted.state else found


def page_of(found: QuerySet[Delivery], *, number: int = 1) -> Page:
    """A page, on the first one what is parked or failing first; each newest first, without payloads."""
    number = min(max(number, 1), MAX_PAGES)
    light = found.select_related("handoff__workflow", "handoff__case", "endpoint").defer("payload")
    first = (number - 1) * PAGE_SIZE
    calm = list(light.exclude(TROUBLED).order_by("-created_at")[first : first + PAGE_SIZE + 1])
    troubled = list(light.filter(TROUBLED).order_by(_parked_first(), "-created_at")[first : first + PAGE_SIZE + 1])
    has_more = number < MAX_PAGES and max(len(calm), len(troubled)) > PAGE_SIZE
    return Page(rows=(*troubled[:PAGE_SIZE], *calm[:PAGE_SIZE]), number=number, has_more=has_more)


def parked(found: QuerySet[Delivery], *, limit: int) -> list[Delivery]:
    """The parked ones among them, oldest first."""
    return list(found.filter(state=DeliveryState.PARKED).order_by("created_at", "sequence")[:limit])


def delivery_of(workflows: QuerySet[Workflow], delivery_id: uuid.UUID) -> Delivery:
    """One delivery about a handoff of these workflows. Raises NotThere."""
    related = ("handoff__workflow", "handoff__case", "endpoint", "recovery__automation")
    mine = Delivery.objects.filter(handoff__workflow__in=workflows.values("pk"))
    found = mine.select_related(*related).filter(pk=delivery_id).first()
    if found is None:
        raise NotThere("There is no such delivery, or it is of a workflow that you do not manage.")
    return found


def endpoint_of(workflows: QuerySet[Workflow], endpoint_id: uuid.UUID) -> Endpoint:
    """One endpoint of these workflows. Raises NotThere."""
    found = Endpoint.objects.filter(workflow__in=workflows).select_related("workflow").filter(pk=endpoint_id).first()
    if found is None:
        raise NotThere("There is no such endpoint, or it is of a workflow that you do not manage.")
    return found


def health_of(endpoints: Collection[Endpoint]) -> list[Health]:
    """How these endpoints fare, in the same order; three queries, however many."""
    ids = [endpoint.pk for endpoint in endpoints]
    figures, errors, parked_counts = _rows(_HEALTH, ids), _rows(_LAST_ERROR, ids), _parked_counts(ids)
    return [
        _health(one, figures[one.pk], errors.get(one.pk, (None, "", None)), parked_counts.get(one.pk, 0))
        for one in endpoints
    ]


def endpoints_of(workflows: QuerySet[Workflow]) -> list[Endpoint]:
    """The endpoints of these workflows, those that are off or failing first."""
    found = Endpoint.objects.filter(workflow__in=workflows).select_related("workflow")
    return sorted(found, key=lambda one: (one.switched_off_at is None, one.failing_since is None, one.url))


def overdue_receipts(workflows: QuerySet[Workflow]) -> list[Recovery]:
    """Decisions that an automation was told, or should have been, and did not answer in time; oldest first."""
    silent = Recovery.objects.filter(received_at=None, overdue_noted_at__isnull=False)
    theirs = silent.filter(handoff__workflow__in=list(workflows.values_list("pk", flat=True)))
    related = theirs.select_related("handoff__case", "handoff__workflow", "automation")
    return list(related.order_by("receipt_due_at")[:OVERDUE_LIMIT])


def _parked_first() -> Case:
    return Case(When(state=DeliveryState.PARKED, then=Value(0)), default=Value(1), output_field=IntegerField())


def _rows(statement: str, ids: list[uuid.UUID]) -> dict[uuid.UUID, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": ids, "tries": HEALTH_TRIES})
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def _parked_counts(ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    counted = (
        "SELECT endpoint_id, count(*) FROM handoffs_delivery WHERE state = 'parked' AND endpoint_id = ANY(%(ids)s)"
    )
    return {pk: row[0] for pk, row in _rows(counted + " GROUP BY endpoint_id", ids).items()}


def _health(endpoint: Endpoint, figures: tuple[Any, ...], error: tuple[Any, ...], parked_count: int) -> Health:
    tries, delivered, p50, p95 = figures
    status, words, at = error
    return Health(
        endpoint=endpoint,
        tries_count=tries,
        delivered_ratio=delivered / tries if tries else None,
        p50_ms=None if p50 is None else round(p50),
        p95_ms=None if p95 is None else round(p95),
        last_error=words or (f"Answered {status}" if status else ""),
        last_error_at=at,
        parked_count=parked_count,
    )
