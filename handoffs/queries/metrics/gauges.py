"""What a monitor asks of the whole desk: how much waits, how late the machinery is, what deliveries came to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Min, Q

from handoffs.choices import DeliveryState, RecoveryState, State
from handoffs.models import Delivery, Handoff, HandoffFact, Recovery, SweepHeartbeat
from handoffs.queries.inbox import WAITING_STATES

RECENT = timedelta(days=1)
LABELS = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """One metric with a value per set of labels, as a monitor reads it: base units, times in seconds."""

    name: str
    meaning: str
    values: list[tuple[LABELS, float]] = field(default_factory=list)


def gauges(*, now: datetime) -> Iterator[Gauge]:
    """Everything, in a fixed number of queries; what is open is counted live, times over the last day."""
    yield from _open_work(now)
    yield _sweep_lateness(now)
    yield from _deliveries(now)
    yield from _durations(now)


def _open_work(now: datetime) -> Iterator[Gauge]:
    rows = list(
        Handoff.objects.open()
        .filter(fact__is_live=True)
        .order_by()
        .values("workflow__key", "role__name", "state")
        .annotate(
            count=Count("pk"),
            late=Count("pk", filter=Q(state__in=WAITING_STATES, due_at__lt=now)),
            first=Min("opened_at"),
        )
    )
    yield Gauge(
        name="handoffs_open",
        meaning="Handoffs open now, by workflow, role and state",
        values=[({**_place(row), "state": str(State(row["state"]))}, row["count"]) for row in rows],
    )
    late: dict[tuple[str, str], int] = {}
    oldest: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row["workflow__key"], row["role__name"])
        late[key] = late.get(key, 0) + row["late"]
        oldest[key] = max(oldest.get(key, 0.0), (now - row["first"]).total_seconds())
    yield Gauge(
        name="handoffs_overdue",
        meaning="Handoffs that wait for a person past their due time",
        values=[({"workflow": key[0], "role": key[1]}, count) for key, count in late.items()],
    )
    yield Gauge(
        name="handoffs_oldest_open_seconds",
        meaning="Age of the oldest open handoff",
        values=[({"workflow": key[0], "role": key[1]}, age) for key, age in oldest.items()],
    )


def _sweep_lateness(now: datetime) -> Gauge:
    swept_at = SweepHeartbeat.objects.values_list("swept_at", flat=True).first()
    due = Handoff.objects.step_due(now).aggregate(first=Min("next_step_at"))["first"]
    values: list[tuple[LABELS, float]] = [({"of": "steps"}, (now - due).total_seconds() if due else 0.0)]
    if swept_at is not None:
        values.append(({"of": "sweep"}, max((now - swept_at).total_seconds(), 0.0)))
    return Gauge(
        name="handoffs_sweep_lateness_seconds",
        meaning="Time since the sweep last went through, and how long the first due step has waited",
        values=values,
    )


def _deliveries(now: datetime) -> Iterator[Gauge]:
    recent = Q(state=DeliveryState.DELIVERED, delivered_at__gte=now - RECENT)
    waiting = Q(state__in=(DeliveryState.QUEUED, DeliveryState.PARKED))
    counts = _counts(Delivery.objects.filter(waiting)) | _counts(Delivery.objects.filter(recent))
    yield Gauge(
        name="handoffs_deliveries",
        meaning="Messages in the outbox by state; delivered ones of the last day",
        values=[({"state": state.value}, counts.get(state.value, 0)) for state in DeliveryState],
    )
    open_states = (RecoveryState.AWAITING, RecoveryState.DELIVERED, RecoveryState.PARKED)
    found = _counts(Recovery.objects.filter(received_at=None, created_at__gte=now - RECENT, state__in=open_states))
    yield Gauge(
        name="handoffs_recoveries_open",
        meaning="Decisions of the last day whose receipt has not come, by how far they are",
        values=[({"state": state.value}, found.get(state.value, 0)) for state in open_states],
    )


def _counts(rows: Any) -> dict[str, int]:
    return {row["state"]: row["count"] for row in rows.order_by().values("state").annotate(count=Count("pk"))}


_TIMES = {
    "accept": ("accepted_at", "accept_us"),
    "resolve": ("resolved_at", "resolve_us"),
    "deliver": ("resolved_at", "deliver_us"),
    "apply": ("resolved_at", "apply_us"),
}


def _durations(now: datetime) -> Iterator[Gauge]:
    """Mean and number of each time over the last day, by workflow."""
    means: list[tuple[LABELS, float]] = []
    counts: list[tuple[LABELS, float]] = []
    for step, (moment, column) in _TIMES.items():
        happened = {f"{moment}__gte": now - RECENT, f"{moment}__lt": now, f"{column}__isnull": False}
        rows = HandoffFact.objects.filter(is_live=True, **happened).order_by().values("workflow__key")
        for row in rows.annotate(mean=Avg(column), count=Count(column)):
            labels = {"workflow": row["workflow__key"], "step": step}
            means.append((labels, float(row["mean"]) / 1_000_000))
            counts.append((labels, row["count"]))
    yield Gauge(
        name="handoffs_mean_duration_seconds",
        meaning="Mean time of a step over the last day, by workflow",
        values=means,
    )
    yield Gauge(
        name="handoffs_finished_steps",
        meaning="How many such steps ended within the last day, by workflow",
        values=counts,
    )


def _place(row: Mapping[str, Any]) -> dict[str, str]:
    return {"workflow": row["workflow__key"], "role": row["role__name"]}
