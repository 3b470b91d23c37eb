"""The metrics pages: the overview, one workflow, a comparison, and the handoffs behind a figure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from handoffs import access
from handoffs.choices import PRIORITY_RANKS
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import page
from handoffs.portal.metrics import drawing, words
from handoffs.portal.metrics.asked import scope_of, viewer_of
from handoffs.queries.metrics import asking, backlog, tables
from handoffs.queries.metrics.scope import BREAKDOWNS, FILTERS, Scope

KEPT = ("range", "from", "to", "since", "until", *FILTERS)


@page
def overview(request: HttpRequest) -> HttpResponse:
    """The numbers of everything that the reader manages."""
    return _numbers(request, None)


@page
def workflow(request: HttpRequest, key: str) -> HttpResponse:
    """The numbers of one workflow."""
    viewer_of(request.user)
    return _numbers(request, _managed(request, key))


@page
def compare(request: HttpRequest) -> HttpResponse:
    """Two periods, or two versions of a policy, side by side."""
    now = timezone.now()
    scope = scope_of(request, now=now)
    one, other, labels = _two(request, scope, now)
    rows = drawing.compared(tables.total(one, now=now), tables.total(other, now=now))
    for row in rows:
        row["one_url"] = words.behind_url(one, row["key"]) if row["one"] != words.NOTHING else ""
        row["other_url"] = words.behind_url(other, row["key"]) if row["other"] != words.NOTHING else ""
    chosen = _chosen_workflow(scope)
    versions = _versions(chosen) if chosen else []
    values = {
        "scope": scope,
        "rows": rows,
        "labels": labels,
        "workflow": chosen,
        "versions": versions,
        "first": request.GET.get("policy") or "".join(map(str, versions[1:2])),
        "second": request.GET.get("against") or "".join(map(str, versions[:1])),
        "days": _days(one),
        "other_days": _days(other),
        "workflows": _workflows(request),
        "filters": words.filter_words(scope),
    }
    return render(request, "metrics/compare.html", values)


def _numbers(request: HttpRequest, chosen: Workflow | None) -> HttpResponse:
    now = timezone.now()
    scope = scope_of(request, now=now, **({"workflow": chosen.key} if chosen else {}))
    by = asking.choice_of(
        {"by": request.GET.getlist("by")}, "by", BREAKDOWNS, default="trigger" if chosen else "workflow"
    )
    report = tables.report(
        scope,
        by,
        now=now,
        keys=drawing.SHOWN,
        total_percentiles=drawing.TILE_PERCENTILES,
        group_percentiles=drawing.TABLE_PERCENTILES,
    )
    open_now, open_by = backlog.backlogs(scope, by, now=now)
    values = {
        "chosen": chosen,
        "tiles": drawing.tiles(scope, report, open_now),
        "charts": drawing.chart_list(scope, report.over_time),
        "over_time": drawing.time_table(scope, report.over_time),
        "table": drawing.breakdown(scope, by, report.groups, open_by),
        "tabs": [(name, _address(request, by=name)) for name in BREAKDOWNS if not (chosen and name == "workflow")],
        "is_empty": not any(value.count for value in report.total.values.values()) and not open_now.open_count,
        "before": words.window_words(scope.window.before),
        "stretch": scope.window.stretch,
        "table_csv": f"{reverse('metrics_table_csv')}?{words.query_of(scope, by=by)}",
        "handoffs_csv": f"{reverse('metrics_handoffs_csv')}?{words.query_of(scope, figure='volume')}",
        "compare_url": f"{reverse('metrics_compare')}?{words.query_of(scope)}",
        "now": now,
        "is_filling": settings.HANDOFFS_DEMO and settings.HANDOFFS_PAST_WANTED.exists(),
        **_frame(request, scope, chosen),
    }
    return render(request, "metrics/overview.html", values)


def _frame(request: HttpRequest, scope: Scope, chosen: Workflow | None) -> dict[str, Any]:
    """The bar of presets, days and filters."""
    custom = any(request.GET.get(name) for name in ("from", "to", "since", "until"))
    current = "" if custom else request.GET.get("range") or asking.DEFAULT_RANGE
    return {
        "window": words.window_words(scope.window),
        "zone": str(scope.window.zone),
        "ranges": [
            {"label": label, "url": _address(request, range=name), "current": name == current}
            for name, (label, _) in asking.RANGES.items()
        ],
        "days": _days(scope),
        "kept": _pairs(request, without=("range", "from", "to", "since", "until")),
        "selects": _selects(request, chosen),
        "filters": [
            {"label": label, "url": _without(request, name)}
            for name, label in zip(scope.filters, words.filter_words(scope), strict=True)
            if not (chosen and name == "workflow")
        ],
    }


def _selects(request: HttpRequest, chosen: Workflow | None) -> list[dict[str, Any]]:
    workflows = [chosen] if chosen else _workflows(request)
    roles = sorted({name for one in workflows if one.live_version for name in one.live_version.role_names})
    options: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("workflow", "Workflow", [] if chosen else [(one.key, one.title) for one in workflows]),
        ("role", "Role", [(name, name) for name in roles]),
        ("priority", "Priority", [(word.value, word.label.capitalize()) for word in PRIORITY_RANKS]),
    ]
    return [
        {
            "name": name,
            "label": label,
            "options": [
                {"value": value, "label": words_, "chosen": value in request.GET.getlist(name)}
                for value, words_ in choices
            ],
        }
        for name, label, choices in options
        if choices
    ]


def _two(request: HttpRequest, scope: Scope, now: datetime) -> tuple[Scope, Scope, tuple[str, str]]:
    first, second = request.GET.get("policy", ""), request.GET.get("against", "")
    if first and second:
        pair = tuple(scope.narrowed("policy", number) for number in (first, second))
        return (*pair, (f"Version {first}", f"Version {second}"))  # type: ignore[return-value]
    asked = {"since": [request.GET.get("and_since", "")], "until": [request.GET.get("and_until", "")]}
    other = scope.window.before
    if any(word for (word,) in asked.values()):
        other = asking.window_of(asked, scope.window.zone, now=now)
    return scope.over(other), scope, (words.window_words(other), words.window_words(scope.window))


def _days(scope: Scope) -> dict[str, str]:
    """The first and the last day of a window, for its form."""
    start, end = scope.window.start, scope.window.end.astimezone(scope.window.zone)
    return {"since": f"{start:%Y-%m-%d}", "until": f"{end - timedelta(microseconds=1):%Y-%m-%d}"}


def _managed(request: HttpRequest, key: str) -> Workflow:
    user: Any = request.user
    access.workflow_for(user, key)
    return access.managed_workflows(user).select_related("live_version").get(key=key)


def _workflows(request: HttpRequest) -> list[Workflow]:
    user: Any = request.user
    managed = access.managed_workflows(user).select_related("live_version").defer("live_version__document")
    return list(managed.order_by("title"))


def _chosen_workflow(scope: Scope) -> Workflow | None:
    keys = scope.filters.get("workflow", ())
    return Workflow.objects.filter(pk__in=list(scope.workflow_ids), key=keys[0]).first() if len(keys) == 1 else None


def _versions(chosen: Workflow) -> Sequence[int]:
    numbers = PolicyVersion.objects.filter(workflow=chosen, published_at__isnull=False).order_by("-number")
    return list(numbers.values_list("number", flat=True)[:100])


def _pairs(request: HttpRequest, *, without: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (name, word)
        for name in (*KEPT, "by")
        if name not in without
        for word in request.GET.getlist(name)
        if word
    ]  # fmt: skip


def _address(request: HttpRequest, **changed: str) -> str:
    """This page with something changed; another window replaces the one there is."""
    replaced = ("range", "from", "to", "since", "until") if "range" in changed else tuple(changed)
    return f"{request.path}?{urlencode([*_pairs(request, without=replaced), *changed.items()])}"


def _without(request: HttpRequest, name: str) -> str:
    return f"{request.path}?{urlencode(_pairs(request, without=(name,)))}"
