"""Counts facts and cases in the database: one pass per moment, so finely grouped that everything else adds up from it.

Counts and sums of parts add up to those of the whole, exactly; percentiles do not, and are asked for on their own.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet

from handoffs.models import Case
from handoffs.queries.metrics.figures import MOMENTS, Figure
from handoffs.queries.metrics.scope import STRETCHES, Scope, StepOf, key_column, keys_of, stretch_column

Counted = dict[str, Any]
"""Aggregates by name, as `Figure.aggregates` names them."""
PARTS = ("step", "group")
"""What the rows of a pass are grouped by: the number of the stretch of time, 0 for the window before, and the group."""


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Cases first attempted in the window, in the one before, and per group where a case knows its group."""

    within: int
    before: int
    by_group: Mapping[Any, int]


def counted(scope: Scope, wanted: list[Figure], *, by: str, stretch: str, now: datetime) -> list[Counted]:
    """The aggregates of the window and of the one before it, one row per PARTS and moment."""
    both, bounds = _with_the_window_before(scope), scope.window.bounds(stretch)
    rows: list[Counted] = []
    for moment in MOMENTS:
        if aggregates := _aggregates(wanted, moment, now):
            parts = {"step": StepOf(f"{moment}_at", bounds), "group": key_column(by, scope, moment)}
            rows += both.happened(moment).order_by().annotate(**parts).values(*PARTS).annotate(**aggregates)
    if keys := keys_of(by):
        return [{**row, "group": keys[row["group"]]} for row in rows]
    return rows


def added(rows: Iterable[Counted], part: str | None) -> dict[Any, Counted]:
    """The rows of a pass added up per value of one of PARTS; with None all of them, under None."""
    found: dict[Any, Counted] = {}
    for row in rows:
        whole = found.setdefault(row[part] if part else None, {})
        for name, number in row.items():
            if number is not None and name not in PARTS:
                whole[name] = whole.get(name, 0) + number
    return found


def percentiles(scope: Scope, times: Iterable[Figure], *, by: str = "") -> dict[Any, Counted]:
    """The percentiles of these times per group of `by`; without one of everything, under None."""
    return _per_moment(scope, list(times), lambda figure: figure.percentiles(), by=by)


def grouped(
    scope: Scope, wanted: list[Figure], *, now: datetime, by: str = "", percentiles: bool = True
) -> dict[Any, Counted]:
    """Everything about these figures per group of `by`; without one of everything, under None."""
    if percentiles:
        return _per_moment(scope, wanted, lambda figure: figure.aggregates(now) | figure.percentiles(), by=by)
    return _per_moment(scope, wanted, lambda figure: figure.aggregates(now), by=by)


def join(found: dict[Any, Counted], more: Mapping[Any, Counted]) -> None:
    """Put what else is known of the same groups to it."""
    for key, row in more.items():
        found.setdefault(key, {}).update(row)


def cases(scope: Scope) -> QuerySet[Case]:
    """Cases first attempted in the window; of what a filter says only the workflow is known of a case."""
    window = {"first_attempted_at__gte": scope.window.start, "first_attempted_at__lt": scope.window.end}
    found = Case.objects.filter(workflow__in=list(scope.workflow_ids), **window)
    keys = scope.filters.get("workflow")
    return found.filter(workflow__key__in=keys) if keys else found


def cases_by(scope: Scope, by: str) -> dict[Any, int]:
    """Cases per workflow or stretch of time; for what a case does not know, the number of all under None."""
    if not _knows(by):
        return {None: cases(scope).count()}
    rows: Iterable[Any] = (
        cases(scope).order_by().annotate(group=_case_key(by, scope)).values("group").annotate(count=Count("*"))
    )
    return _by_group(rows, by)


def cases_counted(scope: Scope, *, by: str) -> Cases:
    """Those of the window and of the one before it, in one pass."""
    parts = {"step": StepOf("first_attempted_at", [scope.window.start])}
    parts |= {"group": _case_key(by, scope)} if _knows(by) else {}
    both = cases(_with_the_window_before(scope)).order_by().annotate(**parts).values(*parts)
    rows = list(both.annotate(count=Count("*")))
    within = [row for row in rows if row["step"]]
    return Cases(
        within=sum(row["count"] for row in within),
        before=sum(row["count"] for row in rows if not row["step"]),
        by_group=_by_group(within, by) if _knows(by) else {},
    )


def _per_moment(
    scope: Scope, wanted: list[Figure], asked: Callable[[Figure], Counted], *, by: str
) -> dict[Any, Counted]:
    found: dict[Any, Counted] = {}
    for moment in MOMENTS:
        aggregates: Counted = {}
        for figure in (figure for figure in wanted if figure.moment == moment):
            aggregates |= asked(figure)
        if aggregates:
            join(found, _asked(scope, moment, aggregates, by=by))
    return found


def _asked(scope: Scope, moment: str, aggregates: Counted, *, by: str) -> dict[Any, Counted]:
    facts = scope.happened(moment).order_by()
    if not by:
        return {None: facts.aggregate(**aggregates)}
    rows: Iterable[Any] = facts.annotate(group=key_column(by, scope, moment)).values("group").annotate(**aggregates)
    keys = keys_of(by)
    return {keys[row.pop("group")] if keys else row.pop("group"): row for row in rows}


def _aggregates(wanted: list[Figure], moment: str, now: datetime) -> Counted:
    found: Counted = {}
    for figure in (figure for figure in wanted if figure.moment == moment):
        found |= figure.aggregates(now)
    return found


def _with_the_window_before(scope: Scope) -> Scope:
    return scope.over(replace(scope.window, start=scope.window.before.start))


def _knows(by: str) -> bool:
    """Whether a case knows its group."""
    return by == "workflow" or by in STRETCHES


def _by_group(rows: Iterable[Counted], by: str) -> dict[Any, int]:
    keys = keys_of(by)
    return {keys[row["group"]] if keys else row["group"]: row["count"] for row in rows}


def _case_key(by: str, scope: Scope) -> Any:
    return F("workflow_id") if by == "workflow" else stretch_column(by, scope, "first_attempted_at")
