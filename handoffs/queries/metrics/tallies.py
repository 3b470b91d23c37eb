"""What a scope reads from the tallies of finished days and months, and which spans of it are left to facts.

A day counts as tallied where it lies whole inside the window, nothing was touched in it since, and today's definitions
counted it; a month where all its days do. See docs/decisions/0008.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import (
    DateTimeField,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import TruncDay

from handoffs.models import DayTally, HandoffFact, HourTally, MonthTally, TalliedDay, TalliedMonth, TouchedDay
from handoffs.queries.metrics.columns import AnyOf, Totals, in_binary, lists_of
from handoffs.queries.metrics.days import DAY, HOUR, cut_months, floor, left, month_of, spans_of, torn, whole_months
from handoffs.queries.metrics.figures import FIGURES
from handoffs.queries.metrics.ranks import Runs, unpacked
from handoffs.queries.metrics.scope import (
    FILTERS,
    GROUPS,
    NOBODY,
    SOMEBODY_ELSE,
    STRETCHES,
    Scope,
    Span,
    StepOf,
    keys_of,
)

SETTLED = timedelta(hours=1)
"""So long after its end a day may still be written by a transaction that began in it, without a mark."""
CASES = "cases_count"
NAMES = (*(name for figure in FIGURES.values() for name in figure.names), CASES)
"""What `numbers` of a tally are, in their order."""
LAYOUT = 3
"""Raised when tallies are written otherwise, so that those there are be counted anew."""
DEFINITIONS = hashlib.sha256(repr((LAYOUT, NAMES, FIGURES)).encode()).hexdigest()[:16]
CUTS = ("", *(by for by in GROUPS if by != "workflow"))
"""What day tallies are kept by beside the workflow; the whole first."""


def tallied_days(*, now: datetime) -> QuerySet[TalliedDay]:
    """The days whose tallies are right at this moment."""
    kept = TalliedDay.objects.filter(definitions=DEFINITIONS, tallied_at__lte=now)
    right = kept.filter(Q(good_until=None) | Q(good_until__gte=now))
    return right.exclude(day__in=TouchedDay.objects.values("day"))


def days_due(now: datetime) -> QuerySet[HandoffFact]:
    """The first fact, while a day from its own on to the last one that is over, or a month of them, has to be counted.

    Days are counted from the latest to the first, so where the first is there none lacks, unless it went wrong since.
    """
    over = TruncDay(Value(now - SETTLED), tzinfo=UTC, output_field=DateTimeField())
    last = TruncDay(Value(now - SETTLED - DAY), tzinfo=UTC, output_field=DateTimeField())
    wrong = ~Q(definitions=DEFINITIONS) | Q(good_until__lt=now)
    opened_at = ExpressionWrapper(OuterRef("opened_at"), output_field=DateTimeField())
    its_day = TruncDay(opened_at, tzinfo=UTC)
    return HandoffFact.objects.filter(
        Exists(TouchedDay.objects.filter(day__lt=over))
        | Exists(TalliedDay.objects.filter(wrong))
        | ~Exists(TalliedDay.objects.filter(day=last))
        | ~Exists(TalliedDay.objects.filter(day=its_day))
        | Exists(TalliedMonth.objects.filter(due_at__lte=now)),
        pk=Subquery(HandoffFact.objects.order_by("opened_at").values("pk")[:1]),
        opened_at__lt=over,
    )


@dataclass(frozen=True, kw_only=True)
class Right:
    """The days whose tallies are right at a moment, and their months by breakdown: read once for all of a page."""

    days: list[datetime]
    months: set[tuple[datetime, str]]

    @classmethod
    def within(cls, start: datetime, end: datetime, *, now: datetime) -> "Right":
        """Those that lie between start and end, or are cut by them."""
        days = tallied_days(now=now).filter(day__gt=start - DAY, day__lt=end).order_by("day")
        found = list(days.values_list("day", flat=True))
        if not (whole := whole_months(found)):
            return cls(days=found, months=set())
        months = TalliedMonth.objects.filter(month__in=whole, due_at=None)
        return cls(days=found, months={*months.values_list("month", "by")})


class Tallies:
    """The days that a scope reads from tallies, and the spans that it has to read from facts: together its window.

    `by` is one of BREAKDOWNS, or nothing for the whole. Filters by more than the workflow and one breakdown have no
    tallies: everything is read from facts.
    """

    def __init__(
        self, scope: Scope, by: str, *, now: datetime, before: bool = False, right: Right | None = None
    ) -> None:
        self.scope, self.by = scope, by
        window = scope.window
        self.starts = window.steps(by) if by in STRETCHES else []
        self.bounds = window.bounds(by) if by in STRETCHES else [window.start]
        self._namers: dict[str, Namer] = {}
        narrowed = scope.filters.keys() - {"workflow"}
        self.is_narrowed = bool(narrowed)
        cuts = narrowed | ({by} & {*CUTS[1:]})
        self.cut = next(iter(cuts), "")
        start, end = (window.before.start if before else window.start), window.end
        right = right or Right.within(start, end, now=now)
        days = [day for day in right.days if start - DAY < day < end] if len(cuts) <= 1 else []
        cut_days = torn([*self.bounds, start, end], DAY)
        self.days = [day for day in days if day not in cut_days]
        self.hours = [] if self.cut else self._whole_hours(cut_days & {*days}, start, end)
        whole = whole_months(self.days)
        self.months = {(month, by) for month, by in right.months if month in whole and by in (self.cut, "")}
        self.spans = left(start, end, sorted([*spans_of(self.days), *spans_of(self.hours, HOUR)]))

    @property
    def has_any(self) -> bool:
        """Whether anything is read from tallies."""
        return bool(self.days or self.hours)

    def sums(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The sums of `names` per group with `step` 1, and of the window before, where groups are not told, with 0."""
        if self.is_narrowed or not self.cut:
            return self._summed(self.cut, self.days, names)
        start = self.scope.window.start
        before, within = [day for day in self.days if day < start], [day for day in self.days if day >= start]
        return [*self._summed("", before, names), *self._summed(self.cut, within, names)]

    def cases(self) -> list[dict[str, Any]]:
        """How many cases were first attempted per workflow or stretch of time; `step` as in `sums`."""
        return self._summed("", self.days, [CASES])

    def charted(self, names: Sequence[str], bounds: Sequence[datetime]) -> list[dict[str, Any]]:
        """The sums of `names` per `step` between bounds, without what one of them tears."""
        cut_days = torn(bounds, DAY)
        whole = [day for day in self.days if day not in cut_days]
        if not self.is_narrowed:
            rows = self._grouped("", whole, self._hours_between(bounds), bounds, totals_of(names), parts=("step",))
            return [named(row, names) for row in rows]
        name, rows = self._namer(), self._grouped(self.cut, whole, [], bounds, totals_of(names))
        kept = (row for row in rows if name(1, row.pop("workflow_id"), row.pop("key")) is not LEFT_OUT)
        return [named(row, names) for row in kept]

    def torn(self, bounds: Sequence[datetime]) -> list[Span]:
        """What a bound tears of what is not in `spans`: an hour, or the day where only that is kept."""
        days, hours, length = {*self.days}, {*self.hours}, DAY if self.is_narrowed else HOUR
        cut = (at for at in sorted(torn(bounds, length)) if at in hours or floor(at, DAY) in days)
        return spans_of(cut, length)

    def times(self, columns: Sequence[str]) -> dict[str, dict[Any, Runs]]:
        """The sorted times of columns, each per group; a year of one takes megabytes."""
        found: dict[str, dict[Any, Runs]] = {column: defaultdict(Runs) for column in columns}
        name, lists = self._namer(), lists_of(columns)
        for row in in_binary(self._grouped(self.cut, self.days, self.hours, self.bounds, lists)):
            group = name(row["step"], row["workflow_id"], row["key"])
            for column in columns if group is not LEFT_OUT else ():
                found[column][group].add(unpacked(row[f"{column}_lists"]), row[f"{column}_counts"])
        return found

    def _whole_hours(self, days: Iterable[datetime], start: datetime, end: datetime) -> list[datetime]:
        """The hours of days that are cut which lie whole between the bounds."""
        cut_hours = torn(self.bounds, HOUR)
        hours = (day + number * HOUR for day in sorted(days) for number in range(24))
        return [hour for hour in hours if start <= hour <= end - HOUR and hour not in cut_hours]

    def _hours_between(self, bounds: Sequence[datetime]) -> list[datetime]:
        """The hours of days that are read by the hour between these bounds, which are none of a breakdown."""
        hours = {day + number * HOUR for day in torn(bounds, DAY) & {*self.days} for number in range(24)}
        return sorted((hours | {*self.hours}) - torn(bounds, HOUR))

    def _summed(self, cut: str, days: Collection[datetime], names: Sequence[str]) -> list[dict[str, Any]]:
        name, found = self._namer() if cut == self.cut else self._namer(""), []
        for row in self._grouped(cut, days, self.hours, self.bounds, totals_of(names)):
            step = row.pop("step")
            group = name(step, row.pop("workflow_id"), row.pop("key"))
            if group is not LEFT_OUT:
                found.append({"step": min(step, 1), "group": group, **named(row, names)})
        return found

    def _grouped(
        self,
        cut: str,
        days: Collection[datetime],
        hours: Collection[datetime],
        bounds: Sequence[datetime],
        asked: Mapping[str, Any],
        *,
        parts: Sequence[str] = ("step", "workflow_id", "key"),
    ) -> Any:
        """What is asked of these days and hours per `step` between bounds, workflow and key; of months where it can.

        A queryset of values, which are `parts` and what is asked.
        """
        months = ({month for month, by in self.months if by == cut} & {*map(month_of, days)}) - cut_months(bounds)
        rest, keyed = [day for day in days if month_of(day) not in months], Q(self._keyed(cut), by=cut)
        sources: list[tuple[Any, str]] = []
        if months:
            sources.append((MonthTally.objects.filter(keyed, AnyOf("month", months)), "month"))
        if rest:
            sources.append((DayTally.objects.filter(keyed, AnyOf("day", rest)), "day"))
        if hours:
            their_days = {floor(hour, DAY) for hour in hours}  # have an index
            rows = HourTally.objects.filter(AnyOf("day", their_days), AnyOf("hour", hours))
            sources.append((rows.annotate(key=Value("")), "hour"))
        found: list[Any] = [
            rows.filter(self._kept())
            .annotate(step=StepOf(at, bounds))
            .values(*parts)
            .annotate(**asked)
            .order_by()
            for rows, at in sources
        ]  # fmt: skip
        return found[0].union(*found[1:], all=True) if found[1:] else found[0] if found else DayTally.objects.none()

    def _kept(self) -> Q:
        kept = Q(workflow_id__in=list(self.scope.workflow_ids))
        keys = self.scope.filters.get("workflow")
        return kept & Q(workflow__key__in=keys) if keys else kept

    def _keyed(self, cut: str) -> Q:
        """The condition that leaves of the tallies by `cut` those of its filter, where it says keys."""
        words = self.scope.filters.get(cut)
        if not words or (wanted := {FILTERS[cut](word) for word in words}) & {SOMEBODY_ELSE}:
            return Q()
        names = keys_of(cut)
        keys = [key for key, name in names.items() if name in wanted] if names is not None else wanted
        return Q(key__in=[str(key) for key in keys])

    def _namer(self, cut: str | None = None) -> "Namer":
        """What turns step, workflow and key of a tally into its group, or LEFT_OUT where a filter leaves it out."""
        cut = self.cut if cut is None else cut
        if cut not in self._namers:
            self._namers[cut] = self._made_namer(cut)
        return self._namers[cut]

    def _made_namer(self, cut: str) -> "Namer":
        names, workflows = keys_of(cut), keys_of("workflow") if self.by == "workflow" else None
        words = self.scope.filters.get(cut)
        wanted = {FILTERS[cut](word) for word in words} if words else None

        def name(step: int, workflow_id: Any, key: str) -> Any:
            known = _typed(cut, key, names, self.scope.people)
            if wanted is not None and known not in wanted:
                return LEFT_OUT
            if workflows is not None:
                return workflows[workflow_id]
            if self.by in STRETCHES:
                return self.starts[step - 1] if step else None
            return known if cut and cut == self.by else None

        return name


LEFT_OUT = object()
Namer = Callable[[int, Any, str], Any]


def _typed(cut: str, key: str, names: Mapping[Any, Any] | None, people: frozenset[int] | None) -> Any:
    """The key of a tally as `key_column` groups facts."""
    if names is not None:
        return names[int(key)]
    if cut in ("policy", "priority"):
        return int(key)
    if cut == "person":
        return int(key) if people is None or int(key) in (NOBODY, *people) else SOMEBODY_ELSE
    return key


def totals_of(names: Iterable[str]) -> dict[str, Any]:
    """What adds up these numbers of tallies; see `named`."""
    return {"totals": Totals(tuple(map(NAMES.index, names)))}


def named(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """A row of `totals_of` with each number under its name."""
    return row | dict(zip(names, map(int, row.pop("totals")), strict=True))
