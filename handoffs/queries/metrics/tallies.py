"""What a scope reads from the tallies of finished days, and which spans of it are left to be read from facts.

A day counts as tallied where it lies whole inside the window, nothing was touched in it since, and today's definitions
counted it. See docs/decisions/0008.
"""

import hashlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import TruncDay

from handoffs.models import DayTally, HandoffFact, HourTally, TalliedDay, TouchedDay
from handoffs.queries.metrics.figures import FIGURES
from handoffs.queries.metrics.ranks import Sorted, unpacked
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
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CASES = "cases_count"
NAMES = (*(name for figure in FIGURES.values() for name in figure.names), CASES)
"""What `numbers` of a tally are, in their order."""
DEFINITIONS = hashlib.sha256(repr((NAMES, FIGURES)).encode()).hexdigest()[:16]
CUTS = ("", *(by for by in GROUPS if by != "workflow"))
"""What day tallies are kept by beside the workflow; the whole first."""


def tallied_days(*, now: datetime) -> QuerySet[TalliedDay]:
    """The days whose tallies are right at this moment."""
    kept = TalliedDay.objects.filter(definitions=DEFINITIONS, tallied_at__lte=now)
    right = kept.filter(Q(good_until=None) | Q(good_until__gte=now))
    return right.exclude(day__in=TouchedDay.objects.values("day"))


def days_due(now: datetime) -> QuerySet[HandoffFact]:
    """The first fact, while a day from its own on to the last one that is over has to be counted; nothing otherwise.

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
        | ~Exists(TalliedDay.objects.filter(day=its_day)),
        pk=Subquery(HandoffFact.objects.order_by("opened_at").values("pk")[:1]),
        opened_at__lt=over,
    )


class Tallies:
    """The days that a scope reads from tallies, and the spans that it has to read from facts: together its window.

    `by` is one of BREAKDOWNS, or nothing for the whole. Filters by more than the workflow and one breakdown have no
    tallies, charts (`charted`) none by more than the workflow; what has none is read from facts throughout.
    """

    def __init__(self, scope: Scope, by: str, *, now: datetime, before: bool = False, charted: bool = False) -> None:
        self.scope, self.by = scope, by
        window = scope.window
        self.starts = window.steps(by) if by in STRETCHES else []
        self.bounds = window.bounds(by) if by in STRETCHES else [window.start]
        narrowed = scope.filters.keys() - {"workflow"}
        cuts = narrowed | ({by} & {*CUTS})
        self.cut = next(iter(cuts), "")
        start, end = (window.before.start if before else window.start), window.end
        has_tallies = len(cuts) <= 1 and not (charted and narrowed)
        self.days = self._whole_days(start, end, now) if has_tallies else []
        self.spans = _left(start, end, self.days)

    def sums(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """The sums of `names` per group; `step` is 0 for the window before, else 1."""
        return self._summed(self.cut, names)

    def cases(self) -> list[dict[str, Any]]:
        """How many cases were first attempted per workflow or stretch of time; `step` as in `sums`."""
        return self._summed("", [CASES])

    def charted(self, names: Iterable[str], bounds: Sequence[datetime]) -> list[dict[str, Any]]:
        """The sums of `names` per `step` between bounds, without the hours that a bound tears."""
        rows = HourTally.objects.filter(self._kept(), day__in=self.days).exclude(hour__in=_torn(bounds, HOUR))
        found: Any = rows.annotate(step=StepOf("hour", bounds)).values("step").annotate(**_sums(names)).order_by()
        return list(found)

    def torn(self, bounds: Sequence[datetime]) -> list[Span]:
        """Those hours, as far as they are not in `spans`."""
        days = set(self.days)
        return [(hour, hour + HOUR) for hour in sorted(_torn(bounds, HOUR)) if _floor(hour, DAY) in days]

    def times(self, column: str) -> dict[Any, list[Sorted]]:
        """The sorted times of a column per group, day by day."""
        found: dict[Any, list[Sorted]] = defaultdict(list)
        name = self._namer()
        for day, workflow_id, key, kept in self._rows(self.cut).values_list("day", "workflow_id", "key", column):
            step = bisect_right(self.bounds, day)
            if kept and (group := name(step, workflow_id, key)) is not LEFT_OUT:
                found[group].append(unpacked(kept))
        return found

    def _whole_days(self, start: datetime, end: datetime, now: datetime) -> list[datetime]:
        torn = _torn(self.bounds, DAY)
        whole = tallied_days(now=now).filter(day__gte=start, day__lte=end - DAY).order_by("day")
        return [day for day in whole.values_list("day", flat=True) if day not in torn]

    def _summed(self, cut: str, names: Iterable[str]) -> list[dict[str, Any]]:
        rows: Any = self._rows(cut).annotate(step=StepOf("day", self.bounds)).values("step", "workflow_id", "key")
        name, found = self._namer() if cut == self.cut else self._namer(""), []
        for row in rows.annotate(**_sums(names)).order_by():
            step = row.pop("step")
            group = name(step, row.pop("workflow_id"), row.pop("key"))
            if group is not LEFT_OUT:
                found.append({"step": min(step, 1), "group": group, **row})
        return found

    def _rows(self, cut: str) -> QuerySet[DayTally]:
        return DayTally.objects.filter(self._kept(), by=cut, day__in=self.days)

    def _kept(self) -> Q:
        kept = Q(workflow_id__in=list(self.scope.workflow_ids))
        keys = self.scope.filters.get("workflow")
        return kept & Q(workflow__key__in=keys) if keys else kept

    def _namer(self, cut: str | None = None) -> Callable[[int, Any, str], Any]:
        """What turns step, workflow and key of a tally into its group, or LEFT_OUT where a filter leaves it out."""
        cut = self.cut if cut is None else cut
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


def _typed(cut: str, key: str, names: Mapping[Any, Any] | None, people: frozenset[int] | None) -> Any:
    """The key of a tally as `key_column` groups facts."""
    if names is not None:
        return names[int(key)]
    if cut in ("policy", "priority"):
        return int(key)
    if cut == "person":
        return int(key) if people is None or int(key) in (NOBODY, *people) else SOMEBODY_ELSE
    return key


def _sums(names: Iterable[str]) -> dict[str, Any]:
    return {name: Sum(F(f"numbers__{NAMES.index(name)}")) for name in names}


def _torn(bounds: Iterable[datetime], length: timedelta) -> set[datetime]:
    return {_floor(bound, length) for bound in bounds if bound != _floor(bound, length)}


def _floor(moment: datetime, length: timedelta) -> datetime:
    """The beginning of the day or hour of UTC in which a moment lies."""
    at = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return at.replace(hour=0) if length == DAY else at


def _left(start: datetime, end: datetime, days: Sequence[datetime]) -> list[Span]:
    """The spans between start and end outside of these days, which ascend."""
    found, at = [], start
    for day in days:
        if at < day:
            found.append((at, day))
        at = day + DAY
    return [*found, (at, end)] if at < end else found
