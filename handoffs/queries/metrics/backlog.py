"""What is open now: how many, how old, how much of it late; whatever window the page shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Q, Value
from django.db.models import DateTimeField as Moment

from handoffs.queries.inbox import WAITING_STATES
from handoffs.queries.metrics.scope import GROUPS, NOBODY, SOMEBODY_ELSE, Scope


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Open handoffs of one group; ages in seconds, None where nothing is open."""

    open_count: int = 0
    overdue_count: int = 0
    oldest_seconds: float | None = None
    mean_age_seconds: float | None = None


def backlog(scope: Scope, *, now: datetime) -> Backlog:
    """Everything open in the scope's filters."""
    return _backlog(open_facts(scope).aggregate(**_aggregates(now)), now)


def backlog_by(scope: Scope, by: str, *, now: datetime) -> dict[Any, Backlog]:
    """The same per group of a breakdown of GROUPS; nothing is open by week."""
    if by not in GROUPS:
        return {}
    rows = open_facts(scope).order_by().annotate(key=F(GROUPS[by])).values("key").annotate(**_aggregates(now))
    found = {NOBODY if by == "person" and row["key"] is None else row["key"]: _backlog(row, now) for row in rows}
    if by == "person" and scope.people is not None:
        strangers = {key for key in found if key != NOBODY and key not in scope.people}
        if strangers:
            found = {key: value for key, value in found.items() if key not in strangers}
            found[SOMEBODY_ELSE] = backlog(scope.narrowed("person", SOMEBODY_ELSE), now=now)
    return found


def open_facts(scope: Scope) -> Any:
    """The facts of what is open in the scope's filters."""
    return scope.facts().filter(is_open=True)


def overdue_facts(scope: Scope, *, now: datetime) -> Any:
    """Those of them that wait for a person past their due time."""
    return open_facts(scope).filter(_overdue(now))


def _overdue(now: datetime) -> Q:
    return Q(handoff__state__in=WAITING_STATES, handoff__due_at__lt=now)


def _aggregates(now: datetime) -> dict[str, Any]:
    age = ExpressionWrapper(Value(now, output_field=Moment()) - F("opened_at"), output_field=DurationField())
    return {
        "open_count": Count("pk"),
        "overdue_count": Count("pk", filter=_overdue(now)),
        "oldest_at": Min("opened_at"),
        "mean_age": Avg(age),
    }


def _backlog(row: Any, now: datetime) -> Backlog:
    oldest, mean = row["oldest_at"], row["mean_age"]
    return Backlog(
        open_count=row["open_count"],
        overdue_count=row["overdue_count"],
        oldest_seconds=(now - oldest).total_seconds() if oldest else None,
        mean_age_seconds=mean.total_seconds() if mean is not None else None,
    )
