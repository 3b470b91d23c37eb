"""Figures of a window: their totals, broken down, and over time; one pass per moment, whatever is asked."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handoffs.queries.metrics import passes
from handoffs.queries.metrics.figures import FIGURES, Figure, Value
from handoffs.queries.metrics.names import Names
from handoffs.queries.metrics.scope import STRETCHES, Scope
from handoffs.queries.metrics.tallies import Right, Tallies


@dataclass(frozen=True, kw_only=True)
class Row:
    """The figures of one group: its key (None for the total), its name, and how many cases it is the handoffs of."""

    key: Any = None
    name: str = ""
    cases_count: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def handoff_rate(self) -> float | None:
        """Handoffs opened ÷ cases first attempted in the window; None where there was no case."""
        volume = self.values["volume"].count if "volume" in self.values else 0
        return volume / self.cases_count if self.cases_count else None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page shows of a window: its total and that of the window before, its stretches of time, its groups."""

    total: Row
    before: Row
    over_time: list[Row]
    groups: list[Row]


def report(
    scope: Scope,
    by: str,
    *,
    now: datetime,
    keys: Iterable[str] = FIGURES,
    total_percentiles: Collection[str] = (),
    group_percentiles: Collection[str] = (),
) -> Report:
    """All of a page in one pass per moment; percentiles, which do not add up, only of the times that are named."""
    wanted = [FIGURES[key] for key in keys]
    right = Right.within(scope.window.before.start, scope.window.end, now=now)
    tallies = Tallies(scope, by, now=now, before=True, right=right)
    page = passes.page(tallies, wanted, stretch=scope.window.stretch, now=now)
    within, before = _parted(page.grouped)
    cases, cases_before = (passes.cases_of(rows) for rows in _parted(page.cases))
    groups, whole = passes.added(within, "group"), passes.added(within, None)
    if times := _named(wanted, group_percentiles):
        found = passes.percentiles(Tallies(scope, by, now=now, right=right), times, groups, of_all=total_percentiles)
        passes.join(whole, {None: found.pop(passes.TOGETHER, {})})
        passes.join(groups, found)
    known = whole.get(None, {})
    if times := [figure for figure in _named(wanted, total_percentiles) if f"{figure.key}_percentiles" not in known]:
        passes.join(whole, passes.percentiles(Tallies(scope, "", now=now, right=right), times, whole))
    return Report(
        total=_row(wanted, whole.get(None, {}), cases_count=sum(cases.values())),
        before=_row(wanted, passes.added(before, None).get(None, {}), cases_count=sum(cases_before.values())),
        over_time=_over_time(scope, wanted, passes.added(page.charted, "step")),
        groups=_groups(scope, by, wanted, groups, cases),
    )


def total(scope: Scope, *, now: datetime, keys: Iterable[str] = FIGURES) -> Row:
    """The figures `keys` over everything in the scope."""
    wanted, tallies = [FIGURES[key] for key in keys], Tallies(scope, "", now=now)
    counted = passes.grouped(tallies, wanted, now=now)
    return _row(wanted, counted.get(None, {}), cases_count=sum(passes.cases_by(tallies).values()))


def counted(scope: Scope, key: str, *, now: datetime) -> Value:
    """One figure over everything in the scope, without percentiles: how many handoffs are behind it."""
    found = passes.grouped(Tallies(scope, "", now=now), [FIGURES[key]], now=now, with_percentiles=False)
    return FIGURES[key].value(found.get(None, {}))


def broken_down(scope: Scope, by: str, *, now: datetime, keys: Iterable[str] = FIGURES) -> list[Row]:
    """The same per group: of one of BREAKDOWNS with the largest first, of a stretch of time from the first on."""
    wanted, tallies = [FIGURES[key] for key in keys], Tallies(scope, by, now=now)
    grouped = passes.grouped(tallies, wanted, now=now)
    return _groups(scope, by, wanted, grouped, passes.cases_by(tallies))


def over_time(scope: Scope, stretch: str, *, now: datetime, keys: Iterable[str]) -> list[Row]:
    """Means and shares per `stretch` (`hour`, `day`, `week`, `month`), also for those in which nothing happened."""
    wanted = [FIGURES[key] for key in keys]
    found = passes.grouped(Tallies(scope, stretch, now=now), wanted, now=now, with_percentiles=False)
    return [_row(wanted, found.get(at, {}), key=at) for at in scope.window.steps(stretch)]


def _named(wanted: Iterable[Figure], keys: Collection[str]) -> list[Figure]:
    return [figure for figure in wanted if figure.key in keys]


def _parted(rows: Iterable[passes.Counted]) -> tuple[list[passes.Counted], list[passes.Counted]]:
    """Rows of the window, and of the one before it."""
    rows = list(rows)
    return [row for row in rows if row["step"]], [row for row in rows if not row["step"]]


def _row(wanted: Iterable[Figure], counted: Mapping[str, Any], **about: Any) -> Row:
    return Row(values={figure.key: figure.value(counted) for figure in wanted}, **about)


def _over_time(scope: Scope, wanted: list[Figure], found: Mapping[int, Mapping[str, Any]]) -> list[Row]:
    steps = enumerate(scope.window.steps(scope.window.stretch), start=1)
    return [_row(wanted, found.get(number, {}), key=at) for number, at in steps]


def _groups(
    scope: Scope, by: str, wanted: list[Figure], found: Mapping[Any, Mapping[str, Any]], cases: Mapping[Any, int]
) -> list[Row]:
    names = Names.of(by, found, scope)
    rows = [
        _row(wanted, counted, key=key, name=names.name(key), cases_count=cases.get(key, cases.get(None)))
        for key, counted in found.items()
    ]
    return sorted(rows, key=lambda row: row.key) if by in STRETCHES else sorted(rows, key=_largest_first)


def _largest_first(row: Row) -> tuple[int, int, str]:
    volume, resolved = row.values.get("volume"), row.values.get("mttr")
    return (-(volume.count if volume else 0), -(resolved.count if resolved else 0), row.name)
