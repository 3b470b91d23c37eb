"""The numbers of the pages as JSON, for those who manage workflows."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.api.endpoint import Endpoint, caller
from handoffs.api.openapi import operation
from handoffs.choices import Priority
from handoffs.errors import NotAllowed
from handoffs.queries.metrics import asking, backlog, tables
from handoffs.queries.metrics.backlog import Backlog
from handoffs.queries.metrics.figures import FIGURES, Kind, Value
from handoffs.queries.metrics.scope import BREAKDOWNS, FILTERS, Scope, key_word
from handoffs.queries.metrics.tables import Row
from handoffs.queries.representation import rfc3339
from handoffs.rules.notices import zone_of

WORDS = ("mean", "p50", "p90", "p95")
MEANINGS = {
    "workflow": "Key of a workflow",
    "policy": "Number of a policy version",
    "trigger": "Key of the primary trigger",
    "role": "Name of the role that the handoff is or was last with",
    "outcome": "Key of the last decision's outcome",
    "priority": "Priority",
    "person": "Id of who decided",
}
REPEATED: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
PARAMETERS = (
    OpenApiParameter("from", OpenApiTypes.STR, description="Day or time at which the window begins; 30 days ago"),
    OpenApiParameter("to", OpenApiTypes.STR, description="Day or time at which it ends, itself not part of it; now"),
    OpenApiParameter(
        "group_by", {"type": "string", "enum": list(BREAKDOWNS)}, description="Also answer the figures per group"
    ),
    *(
        OpenApiParameter(
            name,
            REPEATED if name != "priority" else {"type": "array", "items": {"type": "string", "enum": list(Priority)}},
            description=f"{MEANINGS[name]}; may be repeated",
            explode=True,
        )
        for name in FILTERS
    ),
)


class Metrics(Endpoint):
    """`/metrics/`: figures of a window, and of its groups."""

    parameters = tuple(parameter.name for parameter in PARAMETERS)

    @operation(
        "getMetrics",
        "Read the numbers",
        answers={200: "Metrics"},
        refuses=(400, 403),
        parameters=PARAMETERS,
        description="Over the workflows that you manage. Without a time, days begin at midnight in your time zone.",
    )
    def get(self, request: Request) -> Response:
        scope, by = self._asked(request)
        groups = tables.broken_down(scope, by, now=self.now) if by else []
        open_by = backlog.backlog_by(scope, by, now=self.now) if by else {}
        body = {
            "from": rfc3339(scope.window.start),
            "to": rfc3339(scope.window.end),
            "time_zone": str(scope.window.zone),
            "group_by": by or None,
            "figures": _figures(tables.total(scope, now=self.now)),
            "backlog": _backlog(backlog.backlog(scope, now=self.now)),
            "groups": [_group(by, row, open_by.get(row.key)) for row in groups],
        }
        return Response(body, headers={"Cache-Control": "private, no-store"})

    def _asked(self, request: Request) -> tuple[Scope, str]:
        user = caller(request)
        if not access.is_manager(user):
            raise NotAllowed("Only managers see the numbers.")
        viewer = asking.Viewer(
            workflow_ids=frozenset(access.managed_workflows(user).values_list("pk", flat=True)),
            people=access.people_managed_by(user),
            zone=zone_of(user.time_zone),
        )
        asked = {name: request.query_params.getlist(name) for name in self.parameters}
        by = asking.choice_of(asked, "group_by", BREAKDOWNS, default="")
        return asking.scope_of(asked, viewer, now=self.now), by


def _group(by: str, row: Row, open_now: Backlog | None) -> dict[str, Any]:
    key = f"{row.key:%Y-%m-%d}" if by == "week" else key_word(by, row.key)
    return {
        "key": key,
        "name": row.name,
        "figures": _figures(row),
        "backlog": None if by == "week" else _backlog(open_now or Backlog()),
    }


def _figures(row: Row) -> dict[str, Any]:
    values = {key: _value(figure.kind, row.values[key]) for key, figure in FIGURES.items()}
    return {"cases_count": row.cases_count, "handoff_rate": row.handoff_rate, **values}


def _value(kind: str, value: Value) -> dict[str, Any]:
    if kind == Kind.COUNT:
        return {"count": value.count}
    if kind == Kind.SHARE:
        return {"count": value.count, "hits": value.hits, "ratio": value.number}
    numbers = (value.number, *(value.percentiles or (None, None, None)))
    return {"count": value.count, **{f"{word}_seconds": number for word, number in zip(WORDS, numbers, strict=True)}}


def _backlog(found: Backlog) -> dict[str, Any]:
    return {
        "open_count": found.open_count,
        "overdue_count": found.overdue_count,
        "oldest_seconds": found.oldest_seconds,
        "mean_age_seconds": found.mean_age_seconds,
    }
