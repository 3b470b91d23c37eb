"""What each number means: one registry of figures, each with its moment, its handoffs, and how they make a number.

A figure is counted over the handoffs whose `moment` lies in the window and that are `among` those it speaks of. What
it opens are exactly these handoffs (`behind`), by the same condition that counts them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db.models import Aggregate, Count, FloatField, Q, QuerySet, Sum
from django.db.models import Value as Constant

from handoffs.models import Handoff, HandoffFact
from handoffs.queries.metrics.scope import Scope

PERCENTILES = (0.5, 0.9, 0.95)
MICROSECONDS = 1_000_000
MOMENTS = ("opened", "accepted", "taken", "resolved")


class Kind:
    """How a figure is counted and read."""

    COUNT, SHARE, TIME = "count", "share", "time"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number. A share counts `hit` among `among`; a time averages `column` (microseconds) over `among`.

    `better` is -1 where less is better, 1 where more is, 0 where neither is.
    """

    key: str
    label: str
    meaning: str
    kind: str
    moment: str
    among: Q = field(default_factory=Q)
    hit: Q = field(default_factory=Q)
    column: str = ""
    better: int = -1

    def aggregates(self, now: datetime) -> dict[str, Any]:
        """What one query has to count for it, by names that begin with its key; of parts, they add up to the whole."""
        among, hit = at(self.among, now), at(self.hit, now)
        if self.kind == Kind.TIME:
            return {f"{self.key}_count": Count(self.column), f"{self.key}_sum": Sum(self.column)}
        found: dict[str, Any] = {f"{self.key}_count": Count(Constant(1), filter=among or None)}
        if self.kind == Kind.SHARE:
            found[f"{self.key}_hits"] = Count(Constant(1), filter=among & hit)
        return found

    @property
    def names(self) -> list[str]:
        """The names of its aggregates."""
        parts = {Kind.COUNT: ("count",), Kind.SHARE: ("count", "hits"), Kind.TIME: ("count", "sum")}[self.kind]
        return [f"{self.key}_{part}" for part in parts]

    def percentiles(self) -> dict[str, Any]:
        """p50, p90 and p95 of a time."""
        return {f"{self.key}_percentiles": Percentiles(self.column)} if self.kind == Kind.TIME else {}

    def value(self, row: Mapping[str, Any]) -> "Value":
        """The figure out of a row of its aggregates."""
        count = row.get(f"{self.key}_count") or 0
        if self.kind == Kind.SHARE:
            hits = row.get(f"{self.key}_hits") or 0
            return Value(count=count, hits=hits, number=hits / count if count else None)
        if self.kind == Kind.COUNT:
            return Value(count=count, hits=count, number=float(count))
        seconds = int(row[f"{self.key}_sum"]) / count / MICROSECONDS if count else None
        percentiles = tuple(each / MICROSECONDS for each in row.get(f"{self.key}_percentiles") or ())
        return Value(count=count, hits=count, number=seconds, percentiles=percentiles)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A figure as it came out: `number` is a count, a ratio (0–1) or seconds; None where there was nothing to count.

    `count` is over how many handoffs, `hits` how many of them make the number, `percentiles` p50, p90, p95 in seconds.
    """

    count: int = 0
    hits: int = 0
    number: float | None = None
    percentiles: tuple[float, ...] = ()


class Percentiles(Aggregate):
    """`percentile_cont` of a column at PERCENTILES: between two neighbours it goes in proportion."""

    name = "Percentiles"
    template = f"percentile_cont(ARRAY[{', '.join(map(str, PERCENTILES))}]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field: ClassVar[Any] = ArrayField(FloatField())
    allow_distinct = False


class _Now:
    def __repr__(self) -> str:
        return "NOW"


NOW = _Now()
"""Stands for the moment of asking in a condition."""


def at(condition: Q, now: datetime) -> Q:
    """The condition with NOW filled in."""
    children: list[Any] = list(condition.children)
    filled = [
        at(child, now) if isinstance(child, Q) else (child[0], now if child[1] is NOW else child[1])
        for child in children
    ]
    return Q(*filled, _connector=condition.connector, _negated=condition.negated)


JUDGED = Q(context_sufficed__isnull=False)
REWORKED = Q(was_returned=True) | Q(was_reopened=True) | Q(has_failed=True) | Q(was_reversed=True)
CARRIED = Q(is_carried=True)

_ALL = (
    Figure(
        key="volume",
        label="Handoffs",
        meaning="Handoffs opened in the window",
        kind=Kind.COUNT,
        moment="opened",
        better=0,
    ),
    Figure(
        key="mtta",
        label="Time to accept",
        meaning="From opening to the first acceptance, of handoffs first accepted in the window",
        kind=Kind.TIME,
        moment="accepted",
        column="accept_us",
    ),
    Figure(
        key="mttr",
        label="Time to resolve",
        meaning="From opening to the last resolution, of handoffs resolved in the window",
        kind=Kind.TIME,
        moment="resolved",
        column="resolve_us",
    ),
    Figure(
        key="active_time",
        label="Active time",
        meaning="Time to resolve without the time it was returned to the automation",
        kind=Kind.TIME,
        moment="resolved",
        column="active_us",
    ),
    Figure(
        key="rework",
        label="Rework",
        meaning="Of the handoffs resolved in the window, the share ever returned, reopened, failed or reversed",
        kind=Kind.SHARE,
        moment="resolved",
        hit=REWORKED,
    ),
    Figure(
        key="returned",
        label="Returned",
        meaning="Of the handoffs resolved in the window, the share ever returned to the automation",
        kind=Kind.SHARE,
        moment="resolved",
        hit=Q(was_returned=True),
    ),
    Figure(
        key="reopened",
        label="Reopened",
        meaning="Of the handoffs resolved in the window, the share ever reopened",
        kind=Kind.SHARE,
        moment="resolved",
        hit=Q(was_reopened=True),
    ),
    Figure(
        key="reversed",
        label="Reversed",
        meaning="Of the handoffs resolved in the window, the share whose decision was reversed later",
        kind=Kind.SHARE,
        moment="resolved",
        hit=Q(was_reversed=True),
    ),
    Figure(
        key="false_positives",
        label="False positives",
        meaning="Of the handoffs resolved in the window, the share that the reviewer or the automation called needless",
        kind=Kind.SHARE,
        moment="resolved",
        hit=Q(not_needed=True),
    ),
    Figure(
        key="sla_accepted",
        label="Accepted in time",
        meaning="Of the handoffs with a target taken in the window, the share accepted within it",
        kind=Kind.SHARE,
        moment="taken",
        among=Q(accepted_in_time__isnull=False),
        hit=Q(accepted_in_time=True),
        better=1,
    ),
    Figure(
        key="sla_resolved",
        label="Resolved in time",
        meaning="Of the handoffs with a target resolved in the window, the share resolved within it",
        kind=Kind.SHARE,
        moment="resolved",
        among=Q(resolved_in_time__isnull=False),
        hit=Q(resolved_in_time=True),
        better=1,
    ),
    Figure(
        key="cut_off",
        label="Cut off",
        meaning="Of the handoffs resolved in the window, the share that the clock decided",
        kind=Kind.SHARE,
        moment="resolved",
        hit=Q(by_clock=True),
    ),
    Figure(
        key="delivery_time",
        label="Time to deliver",
        meaning="From the decision until the automation had it, of handoffs resolved in the window",
        kind=Kind.TIME,
        moment="resolved",
        column="deliver_us",
    ),
    Figure(
        key="apply_time",
        label="Time to apply",
        meaning="From the decision until the automation had applied it, of handoffs resolved in the window",
        kind=Kind.TIME,
        moment="resolved",
        column="apply_us",
    ),
    Figure(
        key="recovery_failed",
        label="Recovery failed",
        meaning="Of the decisions to carry back, the share of handoffs of which a receipt ever said failed",
        kind=Kind.SHARE,
        moment="resolved",
        among=CARRIED,
        hit=Q(has_failed=True),
    ),
    Figure(
        key="recovery_parked",
        label="Recovery parked",
        meaning="Of the decisions to carry back, the share that cannot be delivered now",
        kind=Kind.SHARE,
        moment="resolved",
        among=CARRIED,
        hit=Q(is_parked=True),
    ),
    Figure(
        key="recovery_overdue",
        label="Receipt overdue",
        meaning="Of the decisions to carry back, the share whose receipt came late or is late now",
        kind=Kind.SHARE,
        moment="resolved",
        among=CARRIED,
        hit=Q(receipt_late=True) | Q(receipt_due_at__lt=NOW),
    ),
    Figure(
        key="context_score",
        label="Context score",
        meaning="Of the decisions whose reviewer said so, the share that the information sufficed for",
        kind=Kind.SHARE,
        moment="resolved",
        among=JUDGED,
        hit=Q(context_sufficed=True),
        better=1,
    ),
)
FIGURES: Mapping[str, Figure] = {figure.key: figure for figure in _ALL}


def behind(figure: Figure, scope: Scope, *, part: str = "hits", now: datetime) -> QuerySet[HandoffFact]:
    """The facts of the handoffs behind a figure: those that make the number, or with `part="all"` all it is over.

    `part="rest"` are those that do not make it, such as what was not accepted in time.
    """
    found = scope.happened(figure.moment).filter(at(figure.among, now))
    if figure.kind == Kind.TIME:
        return found.filter(**{f"{figure.column}__isnull": False})
    if figure.kind == Kind.COUNT or part == "all":
        return found
    hit = at(figure.hit, now)
    return found.filter(hit if part == "hits" else ~hit)


def handoffs_behind(figure: Figure, scope: Scope, *, part: str = "hits", now: datetime) -> QuerySet[Handoff]:
    """The handoffs behind a figure, as a queryset of their own."""
    return Handoff.objects.filter(pk__in=behind(figure, scope, part=part, now=now).values("handoff_id"))
