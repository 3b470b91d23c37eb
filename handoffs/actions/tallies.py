"""Counts the days that are over and keeps what came out, so that the metrics need not count every fact again.

A day that was touched since is counted again. What is touched while it is being counted stays marked, as only the marks
seen before the counting are taken off. Whole months are added up from their days once these have been left alone.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

from django.db import connection, models, transaction
from django.db.models import Aggregate, BinaryField, Count, Min, Value

from handoffs.models import Case, DayTally, HandoffFact, HourTally, MonthTally, TalliedDay, TalliedMonth, TouchedDay
from handoffs.queries.metrics.columns import Joined
from handoffs.queries.metrics.days import DAY, floor, month_of, spans_of, whole_months
from handoffs.queries.metrics.figures import FIGURES, MOMENTS, Kind
from handoffs.queries.metrics.ranks import packed, unpacked
from handoffs.queries.metrics.scope import Scope, Window, inside, key_column, stretch_column
from handoffs.queries.metrics.tallies import (
    CASES,
    CUTS,
    DEFINITIONS,
    NAMES,
    SETTLED,
    tallied_days,
    totals_of,
)

LOCK = "handoffs.tallies"
SECONDS = 0.3
DAYS_AT_ONCE, SPARSE_DAYS_AT_ONCE = 5, 60
SPARSE_COUNT = 5_000
"""So many handoffs make days that can be counted together no longer sparse."""
QUIET = timedelta(hours=1)
"""A month is added up again no earlier than so long after a day of it was; until then its days are read."""
TIMES = {figure.column: f"{figure.key}_times" for figure in FIGURES.values() if figure.kind == Kind.TIME}
"""The columns of times, and what a row of the counting calls them."""
Place = tuple[datetime, Any, Any]
"""The beginning of the day or hour, the workflow, and the key."""


def keep(*, now: datetime, seconds: float = SECONDS) -> int:
    """Count what is not tallied, or was touched since, for so long: days, the latest first, then months; how many."""
    until, counted = time.monotonic() + seconds, 0
    while done := _one_after_the_other(now):
        counted += done
        if time.monotonic() >= until:
            break
    return counted


@transaction.atomic(durable=True)
def _one_after_the_other(now: datetime) -> int:
    """Count some days, or one month by one breakdown; 0 where nothing is to be counted, or somebody else is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    if days := _due(now):
        _tally(days, now)
        return len(days)
    return _add_up_a_month(now)


def _due(now: datetime) -> list[datetime]:
    """Some of the days that are to be counted, from the first on in which anything was handed off."""
    opened = HandoffFact.objects.aggregate(first=Min("opened_at"))["first"]
    last = floor(now - SETTLED, DAY) - DAY
    if opened is None or opened >= last + DAY:
        return []
    first = floor(opened, DAY)
    tallied, count = tallied_days(now=now).filter(day__gte=first, day__lte=last), (last - first).days + 1
    if tallied.count() == count:
        return []
    known = set(tallied.values_list("day", flat=True))
    missing = (last - number * DAY for number in range(count) if last - number * DAY not in known)
    days = list(islice(missing, SPARSE_DAYS_AT_ONCE))
    opened_in = HandoffFact.objects.filter(inside("opened_at", spans_of(reversed(days))))
    return days[: SPARSE_DAYS_AT_ONCE if opened_in[: SPARSE_COUNT + 1].count() <= SPARSE_COUNT else DAYS_AT_ONCE]


def _tally(days: list[datetime], now: datetime) -> None:
    seen = list(TouchedDay.objects.filter(day__in=days).values_list("pk", flat=True))
    counting = _Counting(days, now)
    for model in (DayTally, HourTally, TalliedDay):
        model._default_manager.filter(day__in=days).delete()
    DayTally.objects.bulk_create(counting.day_tallies())
    HourTally.objects.bulk_create(counting.hour_tallies())
    TalliedDay.objects.bulk_create(counting.tallied_days())
    TouchedDay.objects.filter(pk__in=seen).delete()
    _have_months_added_up({month_of(day) for day in days}, now)


def _have_months_added_up(months: Collection[datetime], now: datetime) -> None:
    """Those that were right when they have been quiet, new ones when they are over."""
    TalliedMonth.objects.filter(month__in=months, due_at=None).update(due_at=now + QUIET)
    new = [TalliedMonth(month=month, by=by, due_at=_next(month) + DAY) for month in months for by in CUTS]
    TalliedMonth.objects.bulk_create(new, ignore_conflicts=True)


def _add_up_a_month(now: datetime) -> int:
    """Add up one month by one breakdown, where all its days are tallied; others are looked at again later."""
    due = TalliedMonth.objects.filter(due_at__lte=now).order_by("-month", "by")
    for one in due:
        days = tallied_days(now=now).filter(day__gte=one.month, day__lt=_next(one.month))
        if one.month in whole_months(days.values_list("day", flat=True)):
            MonthTally.objects.filter(month=one.month, by=one.by).delete()
            MonthTally.objects.bulk_create(_month_tallies(one.month, one.by))
            TalliedMonth.objects.filter(pk=one.pk).update(due_at=None)
            return 1
        TalliedMonth.objects.filter(pk=one.pk).update(due_at=now + QUIET)
    return 0


def _month_tallies(month: datetime, by: str) -> Iterator[MonthTally]:
    rows: Any = DayTally.objects.filter(day__gte=month, day__lt=_next(month), by=by).order_by()
    lists = {f"{column}_lists": Joined(column) for column in TIMES}
    for row in rows.values("workflow_id", "key").annotate(**totals_of(NAMES), **lists):
        times = {column: packed(sorted(unpacked(row.pop(f"{column}_lists")))) for column in TIMES}
        row["numbers"] = [*map(int, row.pop("totals"))]
        yield MonthTally(month=month, by=by, **row, **times)


def _next(month: datetime) -> datetime:
    return month_of(month + 31 * DAY)


class _InOrder(Aggregate):
    """Numbers sorted, as `ranks.packed` writes them."""

    name = "InOrder"
    template = "string_agg(int8send(%(expressions)s), ''::bytea ORDER BY %(expressions)s)"
    output_field: ClassVar[Any] = BinaryField()
    allow_distinct = False


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
                yield DayTally(
                    day=day, workflow_id=workflow_id, by=by, key=str(key), numbers=_in_order(row), **_times(row)
                )  # fmt: skip

    def hour_tallies(self) -> Iterator[HourTally]:
        """One for each workflow and hour in which something happened."""
        for (hour, workflow_id, _), row in self._counted("hour", "").items():
            yield HourTally(
                hour=hour, day=floor(hour, DAY), workflow_id=workflow_id, numbers=_in_order(row), **_times(row)
            )  # fmt: skip

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
            for place, row in self._rows(self.facts, f"{moment}_at", stretch, by, self._aggregates(moment)):
                found[place] |= row
        if not by:
            for place, row in self._rows(self.cases, "first_attempted_at", stretch, by, {CASES: Count("*")}):
                found[place] |= row
        return found

    def _aggregates(self, moment: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for figure in (figure for figure in FIGURES.values() if figure.moment == moment):
            found |= figure.aggregates(self.now)
            if figure.kind == Kind.TIME:
                found[TIMES[figure.column]] = _InOrder(figure.column)
        return found

    def _rows(
        self, rows: models.QuerySet[Any], column: str, stretch: str, by: str, aggregates: dict[str, Any]
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        group = key_column(by, self.scope, column.removesuffix("_at")) if by else Value("")
        parts = {"at": stretch_column(stretch, self.scope, column), "group": group}
        found = rows.filter(inside(column, self.spans)).annotate(**parts).values("at", "workflow_id", "group")
        for row in found.annotate(**aggregates):
            yield (row.pop("at"), row.pop("workflow_id"), row.pop("group")), row


def _times(row: Mapping[str, Any]) -> dict[str, bytes]:
    return {column: row.get(name) or b"" for column, name in TIMES.items()}


def _in_order(row: Mapping[str, Any]) -> list[int]:
    return [int(row.get(name) or 0) for name in NAMES]
