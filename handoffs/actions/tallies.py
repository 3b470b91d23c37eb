"""Counts the days that are over and keeps what came out, so that the metrics need not count every fact again.

A day that was touched since is counted again. What is touched while it is being counted stays marked, as only the marks
seen before the counting are taken off.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, models, transaction
from django.db.models import Count, Min, Q, Value

from handoffs.models import Case, DayTally, HandoffFact, HourTally, TalliedDay, TouchedDay
from handoffs.queries.metrics.figures import FIGURES, MOMENTS, Kind
from handoffs.queries.metrics.ranks import packed
from handoffs.queries.metrics.scope import Scope, Window, inside, key_column, stretch_column
from handoffs.queries.metrics.tallies import CASES, CUTS, DAY, DEFINITIONS, NAMES, SETTLED, tallied_days

LOCK = "handoffs.tallies"
SECONDS = 0.3
DAYS_AT_ONCE = 5
TIMES = {figure.column: f"{figure.key}_times" for figure in FIGURES.values() if figure.kind == Kind.TIME}
"""The columns of times, and what a row of the counting calls them."""
Place = tuple[datetime, Any, Any]
"""The beginning of the day or hour, the workflow, and the key."""


def keep(*, now: datetime, seconds: float = SECONDS) -> int:
    """Count days that are not tallied, or were touched since, the latest first, for so long; returns how many."""
    until, counted = time.monotonic() + seconds, 0
    while days := _due(now):
        counted += (done := _tally(days, now))
        if not done or time.monotonic() >= until:
            break
    return counted


def _due(now: datetime) -> list[datetime]:
    """Some of the days that are to be counted, from the first on in which anything was handed off."""
    opened = HandoffFact.objects.aggregate(first=Min("opened_at"))["first"]
    last = (now.astimezone(UTC) - SETTLED).replace(hour=0, minute=0, second=0, microsecond=0) - DAY
    if opened is None or opened >= last + DAY:
        return []
    first = opened.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tallied, count = tallied_days(now=now).filter(day__gte=first, day__lte=last), (last - first).days + 1
    if tallied.count() == count:
        return []
    known = set(tallied.values_list("day", flat=True))
    return [day for day in (last - number * DAY for number in range(count)) if day not in known][:DAYS_AT_ONCE]


@transaction.atomic(durable=True)
def _tally(days: list[datetime], now: datetime) -> int:
    """Count these days; 0 where somebody else is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    seen = list(TouchedDay.objects.filter(day__in=days).values_list("pk", flat=True))
    counting = _Counting(days, now)
    for model in (DayTally, HourTally, TalliedDay):
        model._default_manager.filter(day__in=days).delete()
    DayTally.objects.bulk_create(counting.day_tallies())
    HourTally.objects.bulk_create(counting.hour_tallies())
    TalliedDay.objects.bulk_create(counting.tallied_days())
    TouchedDay.objects.filter(pk__in=seen).delete()
    return len(days)


class _Counting:
    """Counts some days by the same aggregates that would count their facts for a page."""

    def __init__(self, days: list[datetime], now: datetime) -> None:
        self.days, self.now = days, now
        self.spans = [(day, day + DAY) for day in days]
        window = Window(start=min(days), end=max(days) + DAY, zone=UTC)
        self.scope = Scope(window=window, workflow_ids=frozenset())
        self.facts, self.cases = HandoffFact.objects.filter(is_live=True).order_by(), Case.objects.order_by()

    def day_tallies(self) -> Iterator[DayTally]:
        """One for each workflow, and for each part of it by each breakdown."""
        for by in CUTS:
            for (day, workflow_id, key), row in self._counted("day", by).items():
                lists = {column: packed(row.get(name) or ()) for column, name in TIMES.items()}
                yield DayTally(
                    day=day, workflow_id=workflow_id, by=by, key=str(key), numbers=_in_order(row), **lists
                )  # fmt: skip

    def hour_tallies(self) -> Iterator[HourTally]:
        """One for each workflow and hour in which something happened."""
        for (hour, workflow_id, _), row in self._counted("hour", "").items():
            yield HourTally(hour=hour, day=hour.replace(hour=0), workflow_id=workflow_id, numbers=_in_order(row))

    def tallied_days(self) -> Iterator[TalliedDay]:
        """One for each day, good until the next receipt of it is late."""
        coming = self.facts.filter(inside("resolved_at", self.spans), receipt_late=False, receipt_due_at__gte=self.now)
        rows = coming.annotate(day=stretch_column("day", self.scope, "resolved_at")).values("day")
        until = dict(rows.annotate(first=Min("receipt_due_at")).values_list("day", "first"))
        for day in self.days:
            yield TalliedDay(day=day, tallied_at=self.now, good_until=until.get(day), definitions=DEFINITIONS)

    def _counted(self, stretch: str, by: str) -> dict[Place, dict[str, Any]]:
        found: dict[Place, dict[str, Any]] = defaultdict(dict)
        for moment in MOMENTS:
            aggregates = self._aggregates(moment, with_times=stretch == "day")
            for place, row in self._rows(self.facts, f"{moment}_at", stretch, by, aggregates):
                found[place] |= row
        if not by:
            for place, row in self._rows(self.cases, "first_attempted_at", stretch, by, {CASES: Count("*")}):
                found[place] |= row
        return found

    def _aggregates(self, moment: str, *, with_times: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for figure in (figure for figure in FIGURES.values() if figure.moment == moment):
            found |= figure.aggregates(self.now)
            if with_times and figure.kind == Kind.TIME:
                known = Q(**{f"{figure.column}__isnull": False})
                found[TIMES[figure.column]] = ArrayAgg(figure.column, filter=known, order_by=figure.column)
        return found

    def _rows(
        self, rows: models.QuerySet[Any], column: str, stretch: str, by: str, aggregates: dict[str, Any]
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        group = key_column(by, self.scope, column.removesuffix("_at")) if by else Value("")
        parts = {"at": stretch_column(stretch, self.scope, column), "group": group}
        found = rows.filter(inside(column, self.spans)).annotate(**parts).values("at", "workflow_id", "group")
        for row in found.annotate(**aggregates):
            yield (row.pop("at"), row.pop("workflow_id"), row.pop("group")), row


def _in_order(row: Mapping[str, Any]) -> list[int]:
    return [int(row.get(name) or 0) for name in NAMES]
