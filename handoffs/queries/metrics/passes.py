"""Counts facts and cases: one pass per moment, so finely grouped that everything else adds up from it.

Days that are tallied are read from their tallies, only the rest from facts. Counts and sums of parts add up to those of
the whole, exactly; percentiles do not, and are found in the sorted times of the parts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, IntegerField, Value

from handoffs.models import Case
from handoffs.queries.metrics.figures import MOMENTS, PERCENTILES, Figure, Kind
from handoffs.queries.metrics.ranks import Runs
from handoffs.queries.metrics.scope import STRETCHES, Span, StepOf, inside, key_column, keys_of
from handoffs.queries.metrics.tallies import CASES, Tallies

ALL = Value(None, output_field=IntegerField())
"""The group of a pass that makes none."""
Counted = dict[str, Any]
"""Aggregates by name, as `Figure.aggregates` names them."""
TOGETHER = object()
"""Stands for all groups in `percentiles`."""
VALUES_AT_ONCE = 1_500_000
"""So many times, of eight bytes each, are read by one statement."""
PARTS = ("step", "group")
"""What rows are grouped by: the number of the stretch of time, 0 for the window before, and the group."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a page adds up: rows by stretch of time, rows by group (`step` 0 or 1), and cases by group."""

    charted: list[Counted]
    grouped: list[Counted]
    cases: list[Counted]


def page(tallies: Tallies, wanted: list[Figure], *, stretch: str, now: datetime) -> Page:
    """The aggregates of the window and of the one before it, of tallies of both."""
    bounds = tallies.scope.window.bounds(stretch)
    rest = _counted(tallies, tallies.spans, _Asked(wanted, bounds, now))
    charted, grouped = list(rest), list(rest)
    if tallies.has_any:
        charted += tallies.charted(_names(wanted), bounds)
        charted += _counted(tallies, tallies.torn(bounds), _Asked(wanted, bounds, now))
        grouped += tallies.sums(_names(wanted))
    return Page(charted=charted, grouped=grouped, cases=_cases(tallies))


def grouped(
    tallies: Tallies, wanted: list[Figure], *, now: datetime, with_percentiles: bool = True
) -> dict[Any, Counted]:
    """Everything about these figures per group of the tallies; without a breakdown of everything, under None."""
    asked = _Asked(wanted, [tallies.scope.window.start], now, with_percentiles=with_percentiles and not tallies.has_any)
    rest = _counted(tallies, tallies.spans, asked)
    if not tallies.has_any:
        return _joined(rest)
    found = added([*rest, *tallies.sums(_names(wanted))], "group")
    if with_percentiles:
        join(found, percentiles(tallies, [figure for figure in wanted if figure.kind == Kind.TIME], found))
    return found


def cases_by(tallies: Tallies) -> dict[Any, int]:
    """Cases first attempted per workflow or stretch of time; where a case does not know its group all under None.

    Of what a filter says only the workflow is known of a case.
    """
    return cases_of(_cases(tallies))


def cases_of(rows: Iterable[Counted]) -> dict[Any, int]:
    """Rows of cases added up by group; a group without any is left out, as facts have no row of it and tallies may."""
    return {group: row[CASES] for group, row in added(rows, "group").items() if row[CASES]}


def added(rows: Iterable[Counted], part: str | None) -> dict[Any, Counted]:
    """The rows of a pass added up per value of one of PARTS; with None all of them, under None."""
    found: dict[Any, Counted] = {}
    for row in rows:
        whole = found.setdefault(row[part] if part else None, {})
        for name, number in row.items():
            if number is not None and name not in PARTS:
                whole[name] = whole.get(name, 0) + number
    return found


def percentiles(
    tallies: Tallies, times: Sequence[Figure], counted: Mapping[Any, Counted], *, of_all: Collection[str] = ()
) -> dict[Any, Counted]:
    """The percentiles of these times per group of the tallies; without a breakdown of everything, under None.

    `counted` is what was counted of them, by group: how much there is to be read at once. Those of the figures
    `of_all` are also found for all groups together, under TOGETHER, where lists are read that tell them too.
    """
    if not tallies.has_any:
        return _worked_out(tallies, times)
    rest, found = _in_between(tallies, times), defaultdict[Any, Counted](dict)
    for some in _at_once(times, counted):
        for figure, lists in _lists(tallies, some, rest):
            for group, runs in lists.items():
                found[group][f"{figure.key}_percentiles"] = runs.percentiles(PERCENTILES)
            if figure.key in of_all:
                found[TOGETHER][f"{figure.key}_percentiles"] = Runs.of(lists.values()).percentiles(PERCENTILES)
    return found


def join(found: dict[Any, Counted], more: Mapping[Any, Counted]) -> None:
    """Put what else is known of the same groups to it."""
    for key, row in more.items():
        found.setdefault(key, {}).update(row)


@dataclass(frozen=True)
class _Asked:
    """What is asked of facts: figures at a moment, by the stretches of time that begin at `bounds`."""

    wanted: Sequence[Figure]
    bounds: Sequence[datetime]
    now: datetime
    with_percentiles: bool = False

    def aggregates(self, moment: str) -> Counted:
        found: Counted = {}
        for figure in (figure for figure in self.wanted if figure.moment == moment):
            found |= figure.aggregates(self.now) | (figure.percentiles() if self.with_percentiles else {})
        return found


def _counted(tallies: Tallies, spans: Sequence[Span], asked: _Asked) -> list[Counted]:
    """The aggregates of what happened in the spans, out of facts, one row per PARTS and moment."""
    rows: list[Counted] = []
    for moment in MOMENTS if spans else ():
        if aggregates := asked.aggregates(moment):
            facts = tallies.scope.happened(moment, within=spans).order_by()
            parts = {"step": StepOf(f"{moment}_at", asked.bounds), "group": _group(tallies, moment)}
            rows += facts.annotate(**parts).values(*PARTS).annotate(**aggregates)
    return _named(rows, tallies.by)


def _joined(rows: Iterable[Counted]) -> dict[Any, Counted]:
    """Rows of one step, of different moments, put together by group."""
    found: dict[Any, Counted] = {}
    for row in rows:
        join(found, {row["group"]: {name: number for name, number in row.items() if name not in PARTS}})
    return found


def _cases(tallies: Tallies) -> list[Counted]:
    """Cases first attempted in the window of the tallies, by `step` (0 or 1) and the group, where a case knows it."""
    scope, by = tallies.scope, tallies.by
    knows = by == "workflow" or by in STRETCHES
    found = Case.objects.filter(inside("first_attempted_at", tallies.spans), workflow__in=list(scope.workflow_ids))
    if keys := scope.filters.get("workflow"):
        found = found.filter(workflow__key__in=keys)
    group = F("workflow_id") if by == "workflow" else _group(tallies, "first_attempted") if knows else ALL
    parts = {"step": StepOf("first_attempted_at", [scope.window.start]), "group": group}
    rows = found.order_by().annotate(**parts).values(*PARTS).annotate(**{CASES: Count("*")}) if tallies.spans else ()
    return [*_named(rows, by if knows else ""), *(tallies.cases() if tallies.has_any else ())]


def _group(tallies: Tallies, moment: str) -> Any:
    return key_column(tallies.by, tallies.scope, moment) if tallies.by else ALL


def _named(rows: Iterable[Any], by: str) -> list[Counted]:
    """The rows with the keys of GROUPS, where they are grouped by something cheaper."""
    found = list(rows)
    keys = keys_of(by) if found else None
    return [{**row, "group": keys[row["group"]]} for row in found] if keys else found


def _worked_out(tallies: Tallies, times: Iterable[Figure]) -> dict[Any, Counted]:
    """The percentiles of times as the database works them out from facts."""
    found: dict[Any, Counted] = {}
    for moment, figures in _by_moment(times):
        facts = tallies.scope.happened(moment).order_by().annotate(group=_group(tallies, moment))
        asked = {name: each for figure in figures for name, each in figure.percentiles().items()}
        rows: Any = facts.values("group").annotate(**asked)
        join(found, {row.pop("group"): row for row in _named(rows, tallies.by)})
    return found


def _at_once(times: Sequence[Figure], counted: Mapping[Any, Counted]) -> Iterator[Sequence[Figure]]:
    """The times in parts of which the lists are read by one statement: all where they are few, else each by itself."""
    most = max((sum(row.get(f"{figure.key}_count") or 0 for row in counted.values()) for figure in times), default=0)
    size = max(VALUES_AT_ONCE // max(most, 1), 1)
    for begin in range(0, len(times), size):
        yield times[begin : begin + size]


def _lists(
    tallies: Tallies, times: Sequence[Figure], rest: Mapping[Any, Mapping[str, list[int]]]
) -> Iterator[tuple[Figure, dict[Any, Runs]]]:
    """The times of tallied days and those of the facts in between, by group."""
    found = tallies.times([figure.column for figure in times])
    for figure in times:
        lists = found.pop(figure.column)
        for group, columns in rest.items():
            values = sorted(columns[figure.column])
            lists[group].add(values, [len(values)])
        yield figure, lists


def _in_between(tallies: Tallies, times: Iterable[Figure]) -> dict[Any, dict[str, list[int]]]:
    """The times of the facts in the spans, by group and column."""
    found: dict[Any, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for moment, figures in _by_moment(times) if tallies.spans else ():
        columns = [figure.column for figure in figures]
        facts = tallies.scope.happened(moment, within=tallies.spans).order_by()
        for row in _named(facts.annotate(group=_group(tallies, moment)).values("group", *columns), tallies.by):
            for column in columns:
                if row[column] is not None:
                    found[row["group"]][column].append(row[column])
    return found


def _by_moment(times: Iterable[Figure]) -> Iterator[tuple[str, list[Figure]]]:
    """The times by the moment that they are counted at, as one pass over the facts of a moment tells all of them."""
    found: dict[str, list[Figure]] = defaultdict(list)
    for figure in times:
        found[figure.moment].append(figure)
    yield from found.items()


def _names(wanted: Iterable[Figure]) -> list[str]:
    return [name for figure in wanted for name in figure.names]
