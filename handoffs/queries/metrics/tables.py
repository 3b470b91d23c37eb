"""Figures of a window: their totals, broken down, and over time; one query per moment, whatever is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F

from handoffs.models import Case
from handoffs.queries.metrics.figures import FIGURES, MOMENTS, Figure, Value
from handoffs.queries.metrics.names import Names
from handoffs.queries.metrics.scope import NOBODY, SOMEBODY_ELSE, STRETCHES, Scope, key_column


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


def total(scope: Scope, *, now: datetime, keys: Iterable[str] = FIGURES, percentiles: bool = True) -> Row:
    """The figures `keys` over everything in the scope."""
    row: dict[str, Any] = {}
    wanted = [FIGURES[key] for key in keys]
    for moment in MOMENTS:
        if aggregates := _aggregates(wanted, moment, now, percentiles):
            row |= scope.happened(moment).aggregate(**aggregates)
    values = {figure.key: figure.value(row) for figure in wanted}
    return Row(cases_count=_cases(scope).count(), values=values)


def broken_down(
    scope: Scope, by: str, *, now: datetime, keys: Iterable[str] = FIGURES, percentiles: bool = True
) -> list[Row]:
    """The same per group: of one of BREAKDOWNS with the largest first, of a stretch of time from the first on."""
    wanted = [FIGURES[key] for key in keys]
    grouped: dict[Any, dict[str, Any]] = {}
    for moment in MOMENTS:
        for row in _grouped(scope, by, moment, _aggregates(wanted, moment, now, percentiles)):
            grouped.setdefault(row.pop("key"), {}).update(row)
    if by == "person" and scope.people is not None:
        grouped = _without_strangers(scope, wanted, now, percentiles, grouped)
    cases, names = _cases_by(scope, by), Names.of(by, grouped, scope)
    rows = [
        Row(
            key=key,
            name=names.name(key),
            cases_count=cases.get(key, cases.get(None)),
            values={figure.key: figure.value(row) for figure in wanted},
        )
        for key, row in grouped.items()
    ]
    return sorted(rows, key=lambda row: row.key) if by in STRETCHES else sorted(rows, key=_largest_first)


def over_time(scope: Scope, stretch: str, *, now: datetime, keys: Iterable[str]) -> list[Row]:
    """Means and shares per `stretch` (`hour`, `day`, `week`, `month`), also for those in which nothing happened."""
    keys = list(keys)
    found = {row.key: row for row in broken_down(scope, stretch, now=now, keys=keys, percentiles=False)}
    nothing = {key: FIGURES[key].value({}) for key in keys}
    return [found.get(at) or Row(key=at, values=nothing) for at in scope.window.steps(stretch)]


def _aggregates(wanted: list[Figure], moment: str, now: datetime, percentiles: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for figure in (figure for figure in wanted if figure.moment == moment):
        found |= figure.aggregates(now) | (figure.percentiles() if percentiles else {})
    return found


def _grouped(scope: Scope, by: str, moment: str, aggregates: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    if not aggregates:
        return []
    facts = scope.happened(moment).order_by().annotate(key=key_column(by, scope.window, moment))
    rows: Iterable[Any] = facts.values("key").annotate(**aggregates)
    if by == "person":
        return ({**row, "key": NOBODY if row["key"] is None else row["key"]} for row in rows)
    return rows


def _without_strangers(
    scope: Scope, wanted: list[Figure], now: datetime, percentiles: bool, grouped: dict[Any, dict[str, Any]]
) -> dict[Any, dict[str, Any]]:
    """Everybody whom the viewer does not manage, as one group without a name."""
    assert scope.people is not None
    kept = {key: row for key, row in grouped.items() if key == NOBODY or key in scope.people}
    if len(kept) == len(grouped):
        return kept
    others: dict[str, Any] = {}
    strangers = scope.narrowed("person", SOMEBODY_ELSE)
    for moment in MOMENTS:
        if aggregates := _aggregates(wanted, moment, now, percentiles):
            others |= strangers.happened(moment).aggregate(**aggregates)
    return {**kept, SOMEBODY_ELSE: others}


def _cases(scope: Scope) -> Any:
    """Cases first attempted in the window; of what a filter says only the workflow is known of a case."""
    window = {"first_attempted_at__gte": scope.window.start, "first_attempted_at__lt": scope.window.end}
    found = Case.objects.filter(workflow__in=list(scope.workflow_ids), **window)
    keys = scope.filters.get("workflow")
    return found.filter(workflow__key__in=keys) if keys else found


def _cases_by(scope: Scope, by: str) -> dict[Any, int]:
    """Cases per workflow or stretch of time; for what a case does not know, the number of all under None."""
    if by == "workflow":
        key: Any = F("workflow__key")
    elif by in STRETCHES:
        key = STRETCHES[by][0]("first_attempted_at", tzinfo=scope.window.zone)
    else:
        return {None: _cases(scope).count()}
    rows = _cases(scope).order_by().annotate(key=key).values("key").annotate(count=Count("pk"))
    return {row["key"]: row["count"] for row in rows}


def _largest_first(row: Row) -> tuple[int, int, str]:
    volume, resolved = row.values.get("volume"), row.values.get("mttr")
    return (-(volume.count if volume else 0), -(resolved.count if resolved else 0), row.name)
