"""What is open now: how many, how old, how much of it late; whatever window the page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Min, Q, Sum, Value
from django.db.models import DateTimeField as Moment

from handoffs.queries.metrics.scope import GROUPS, Scope, key_column, keys_of


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Open handoffs of one group; ages in seconds, None where nothing is open."""

    open_count: int = 0
    overdue_count: int = 0
    oldest_seconds: float | None = None
    mean_age_seconds: float | None = None


def backlog(scope: Scope, *, now: datetime) -> Backlog:
    """Everything open in the scope's filters."""
    return _backlog([open_facts(scope).aggregate(**_aggregates(now))], now)


def backlog_by(scope: Scope, by: str, *, now: datetime) -> dict[Any, Backlog]:
    """The same per group of a breakdown of GROUPS; nothing is open by week."""
    return backlogs(scope, by, now=now)[1] if by in GROUPS else {}


def backlogs(scope: Scope, by: str, *, now: datetime) -> tuple[Backlog, dict[Any, Backlog]]:
    """Both, in one pass over what is open."""
    if by not in GROUPS:
        return backlog(scope, now=now), {}
    facts, keys = open_facts(scope).order_by(), keys_of(by)
    rows = list(facts.annotate(group=key_column(by, scope, "opened")).values("group").annotate(**_aggregates(now)))
    found = {keys[row["group"]] if keys else row["group"]: _backlog([row], now) for row in rows}
    return _backlog(rows, now), found


def open_facts(scope: Scope) -> Any:
    """The facts of what is open in the scope's filters."""
    return scope.facts().filter(is_open=True)


def overdue_facts(scope: Scope, *, now: datetime) -> Any:
    """Those of them that wait for a person past their due time."""
    return open_facts(scope).filter(_overdue(now))


def _overdue(now: datetime) -> Q:
    return Q(due_at__lt=now)


def _aggregates(now: datetime) -> dict[str, Any]:
    age = ExpressionWrapper(Value(now, output_field=Moment()) - F("opened_at"), output_field=DurationField())
    return {
        "open_count": Count("*"),
        "overdue_count": Count("pk", filter=_overdue(now)),
        "oldest_at": Min("opened_at"),
        "age": Sum(age),
    }


def _backlog(rows: Sequence[Mapping[str, Any]], now: datetime) -> Backlog:
    """What the rows come to together."""
    count = sum(row["open_count"] for row in rows)
    if not count:
        return Backlog()
    opened = [row for row in rows if row["open_count"]]
    return Backlog(
        open_count=count,
        overdue_count=sum(row["overdue_count"] for row in opened),
        oldest_seconds=(now - min(row["oldest_at"] for row in opened)).total_seconds(),
        mean_age_seconds=sum((row["age"] for row in opened), timedelta()).total_seconds() / count,
    )
