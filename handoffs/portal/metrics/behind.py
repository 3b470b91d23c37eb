"""The handoffs behind a figure: exactly those, page by page, however many there are."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from handoffs.choices import PRIORITY_RANKS
from handoffs.errors import Invalid, NotThere
from handoffs.models import HandoffFact
from handoffs.portal.doors import page
from handoffs.portal.metrics import words
from handoffs.portal.metrics.asked import scope_of
from handoffs.queries.metrics import backlog, tables
from handoffs.queries.metrics.figures import FIGURES, Kind, behind
from handoffs.queries.metrics.scope import Scope

PAGE_SIZE = 50
PARTS = ("hits", "rest", "all")
OPEN = {"open": "Open now", "overdue": "Open and overdue now"}
PRIORITIES = {rank: word.label for word, rank in PRIORITY_RANKS.items()}
COLUMNS = {
    "number": F("handoff__number"),
    "reference": F("handoff__case__reference"),
    "summary": F("handoff__summary"),
    "workflow_title": F("workflow__title"),
    "role_name": F("role__name"),
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A figure's facts with what to call them, and the moment that orders them."""

    scope: Scope
    figure: str
    part: str
    title: str
    meaning: str
    moment: str
    facts: QuerySet[HandoffFact]


@page
def handoffs(request: HttpRequest) -> HttpResponse:
    """The handoffs behind a figure, the latest first."""
    now = timezone.now()
    asked = asked_of(request, now=now)
    found = _after(asked, request.GET.get("after", "")).order_by(f"-{asked.moment}", "-handoff_id")
    rows = list(found.values(*_SHOWN, **COLUMNS)[: PAGE_SIZE + 1])
    query = words.query_of(asked.scope, figure=asked.figure, part=asked.part if asked.part != "hits" else "")
    last = rows[PAGE_SIZE - 1] if len(rows) > PAGE_SIZE else None
    values = {
        "asked": asked,
        "count": _count(asked, now),
        "rows": [_shown(row) for row in rows[:PAGE_SIZE]],
        "window": "" if asked.figure in OPEN else words.window_words(asked.scope.window),
        "filters": words.filter_words(asked.scope),
        "csv": f"{reverse('metrics_handoffs_csv')}?{query}",
        "back": f"{reverse('metrics')}?{words.query_of(asked.scope)}",
        "older": f"?{query}&after={last[asked.moment].timestamp():.6f}_{last['handoff_id']}" if last else "",
        "newest": f"?{query}" if request.GET.get("after") else "",
        "size": PAGE_SIZE,
    }
    return render(request, "metrics/handoffs.html", values)


def asked_of(request: HttpRequest, *, now: datetime) -> Asked:
    """What the address asks for. Raises NotThere for a figure that does not exist, Invalid, NotAllowed."""
    key, part = request.GET.get("figure", "volume"), request.GET.get("part", "") or "hits"
    scope = scope_of(request, now=now)
    if key in OPEN:
        found = backlog.open_facts(scope) if key == "open" else backlog.overdue_facts(scope, now=now)
        title = OPEN[key]
        return Asked(
            scope=scope, figure=key, part="hits", title=title, meaning=title, moment="opened_at", facts=found
        )  # fmt: skip
    if key not in FIGURES or part not in PARTS:
        raise NotThere(f"There is no figure {key!r}.")
    figure = FIGURES[key]
    rest = part == "rest" and figure.kind == Kind.SHARE
    return Asked(
        scope=scope,
        figure=key,
        part=part,
        title=f"Not: {figure.label.lower()}" if rest else figure.label,
        meaning=figure.meaning,
        moment=f"{figure.moment}_at",
        facts=behind(figure, scope, part=part, now=now),
    )


_SHOWN = (
    "handoff_id", "opened_at", "accepted_at", "taken_at", "resolved_at", "accept_us", "resolve_us", "outcome",
    "trigger", "priority", "is_open",
)  # fmt: skip


def _count(asked: Asked, now: datetime) -> int:
    """How many handoffs are behind it: as many as the figure says that was opened."""
    if asked.figure in OPEN:
        return asked.facts.count()
    value = tables.counted(asked.scope, asked.figure, now=now)
    return {"all": value.count, "rest": value.count - value.hits}.get(asked.part, value.hits)


def _after(asked: Asked, given: str) -> QuerySet[HandoffFact]:
    if not given:
        return asked.facts
    moment, _, pk = given.partition("_")
    try:
        at, last = datetime.fromtimestamp(float(moment), tz=timezone.get_current_timezone()), uuid.UUID(pk)
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid("This page of the list cannot be read. Start from its beginning.") from error
    return asked.facts.filter(Q(**{f"{asked.moment}__lt": at}) | Q(**{asked.moment: at}, handoff_id__lt=last))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "url": reverse("case", args=[row["handoff_id"]]),
        "accept_time": words.seconds_words(_seconds(row["accept_us"])),
        "resolve_time": words.seconds_words(_seconds(row["resolve_us"])),
        "outcome": row["outcome"].replace("_", " "),
        "trigger": row["trigger"].replace("_", " "),
        "priority": PRIORITIES[row["priority"]],
    }


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / 1_000_000
