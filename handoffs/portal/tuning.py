"""Tuning: how good each trigger is, what a threshold would spare and miss, and a press that drafts the change."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from handoffs import access
from handoffs.actions import policies
from handoffs.errors import Invalid, NotAllowed, NotThere, PolicyInvalid
from handoffs.models import Handoff, Workflow
from handoffs.portal.doors import move, page
from handoffs.portal.feedback_view import labels_of
from handoffs.portal.policies.pages import managed
from handoffs.portal.tuning_pictures import drawn
from handoffs.portal.wording import elapsed
from handoffs.queries import trigger_quality as quality
from handoffs.queries.policies import draft_of, live_version, policy_of
from handoffs.queries.threshold_curves import Curve, curves
from handoffs.queries.tuning_advice import Evidence, advice, part_label
from handoffs.rules.canonical import sha256_of
from handoffs.rules.policy import Policy
from handoffs.rules.tuning import Change, Kind, applied

DAYS = (30, 90, 365)
DEFAULT_DAYS = 90
BEHIND_SHOWN = 200
BEHIND_FILTERS = ("figure", "trigger", "part", "outcome")
SHARES = ("returned", "reopened", "reversed", "not_needed", "as_suggested")
WORDS = {
    "opened": "opened",
    "resolved": "resolved",
    "returned": "returned to the automation",
    "reopened": "reopened",
    "reversed": "reversed later",
    "not_needed": "that did not need a person",
    "as_suggested": "decided as suggested",
    "suggested": "with a suggestion",
    "answered": "with an answer on their context",
    "lacking": "that lacked something",
    "avoided": "that would not be handed off",
    "missed": "that needed a person and would be missed",
}


@page
def start(request: HttpRequest) -> HttpResponse:
    """The workflows that can be tuned; with one alone, its page."""
    person: Any = request.user
    if not access.is_manager(person):
        raise NotAllowed("Tuning is for managers. An administrator gives the right to manage to a role.")
    found = access.managed_workflows(person).filter(live_version__isnull=False).select_related("live_version")
    workflows = list(found.order_by("title"))
    if len(workflows) == 1:
        return redirect("tuning_workflow", key=workflows[0].key)
    counted = quality.overview(workflows, _window(DEFAULT_DAYS))
    rows = [_listed(workflow, counted.get(workflow.pk)) for workflow in workflows]
    return render(request, "tuning/list.html", {"rows": rows, "days": DEFAULT_DAYS})


@page
def workflow_page(request: HttpRequest, key: str) -> HttpResponse:
    """Everything that speaks for or against the live policy of a workflow."""
    workflow = managed(request, key)
    version, days = live_version(workflow), _days(request)
    policy, window = policy_of(version.pk), _window(days)
    fired = quality.combinations(workflow, window)
    context = quality.context_score(workflow, window)
    evidence = Evidence(
        document=version.document,
        policy=policy,
        qualities=quality.qualities(workflow, window, fired),
        pairs=quality.together(fired),
        curves=curves(workflow, version.document, policy),
        outcomes=quality.chosen_outcomes(workflow, window),
        context=context,
        labels=labels_of(policy),
    )
    links = _Links(workflow, days)
    values = {
        "workflow": workflow,
        "version": version,
        "days": days,
        "choices": DAYS,
        "advice": advice(evidence),
        "rows": [_row(one, policy, links) for one in evidence.qualities],
        "curves": [drawn(one, links.to, _label(one, evidence.labels)) for one in evidence.curves],
        "pairs": [_pair(one, policy) for one in evidence.pairs if one.count > 1],
        "outcomes": [_outcome(each, evidence.outcomes, links) for each in policy.outcomes],
        "context": _context(context, evidence.labels, links),
        "has_draft": draft_of(workflow) is not None,
        "now": timezone.now(),
    }
    return render(request, "tuning/workflow.html", values)


@page
def behind_page(request: HttpRequest, key: str) -> HttpResponse:
    """The handoffs that a figure of the tuning page counts."""
    workflow, days = managed(request, key), _days(request)
    figure = request.GET.get("figure", "opened")
    if figure not in WORDS:
        raise NotThere("There is no such figure.")
    found = _of_curve(request, workflow, figure) if figure in ("avoided", "missed") else _of_window(request, workflow)
    shown = found.select_related("case", "role").order_by("-opened_at")[:BEHIND_SHOWN]
    values = {
        "workflow": workflow,
        "days": days,
        "words": WORDS[figure],
        "count": found.count(),
        "handoffs": list(shown),
        "trigger": request.GET.get("trigger", ""),
        "now": timezone.now(),
    }
    return render(request, "tuning/behind.html", values)


@move
def change(request: HttpRequest, key: str) -> HttpResponse:
    """Make a draft with one change, on top of the draft that there is; what it does is tried on the next page."""
    workflow = managed(request, key)
    wanted = _change(request)
    draft = draft_of(workflow)
    document = draft.document if draft else live_version(workflow).document
    changed = applied(document, wanted)
    if changed is None:
        raise Invalid("The policy has nothing that could be changed like this any more.")
    try:
        policies.save_draft(
            key,
            changed,
            author=request.user,  # type: ignore[arg-type]
            now=timezone.now(),
            replacing=sha256_of(document) if draft else None,
        )
    except PolicyInvalid as invalid:
        said = "; ".join(f"{mistake.pointer}: {mistake.detail}" for mistake in invalid.mistakes)
        raise Invalid(f"The change does not fit this policy: {said}") from invalid
    messages.success(request, "The change is in the draft. Below is what it would have done.")
    return redirect("policy_try", key=key)


class _Links:
    """Addresses of the handoffs behind figures."""

    def __init__(self, workflow: Workflow, days: int) -> None:
        self.base, self.days = reverse("tuning_behind", args=[workflow.key]), days

    def to(self, figure: str, **narrowed: Any) -> str:
        return f"{self.base}?{urlencode({'figure': figure, 'days': self.days, **narrowed})}"


def _listed(workflow: Workflow, counts: Any) -> dict[str, Any]:
    counts = counts or dict.fromkeys(("opened", "resolved", "not_needed", "again"), 0)
    resolved = counts["resolved"]
    shares = {name: _percent(counts[name] / resolved if resolved else None) for name in ("not_needed", "again")}
    return {"workflow": workflow, **counts, **shares}


def _row(one: quality.TriggerQuality, policy: Policy, links: _Links) -> dict[str, Any]:
    return {
        "title": _title(policy, one.key),
        "quality": one,
        "took": "–" if one.resolve_seconds is None else elapsed(timedelta(seconds=one.resolve_seconds)),
        "opened_url": links.to("opened", trigger=one.key),
        "resolved_url": links.to("resolved", trigger=one.key),
        "shares": [
            {
                "count": one.counts[figure],
                "ratio": _percent(one.ratio(figure)),
                "url": links.to(figure, trigger=one.key),
            }
            for figure in SHARES
        ],
    }


def _pair(one: quality.Together, policy: Policy) -> dict[str, Any]:
    return {"titles": [_title(policy, key) for key in one.keys], "pair": one, "ratio": _percent(one.count / one.of)}


def _outcome(outcome: Any, chosen: Any, links: _Links) -> dict[str, Any]:
    total = sum(chosen.values())
    count = chosen[outcome.key]
    url = links.to("resolved", outcome=outcome.key)
    return {"title": outcome.title, "count": count, "ratio": _percent(count / total if total else None), "url": url}


def _context(score: quality.ContextScore, labels: Any, links: _Links) -> dict[str, Any]:
    parts = [
        {"label": part_label(part, labels), "count": count, "url": links.to("lacking", part=part)}
        for part, count in score.missing
    ]
    ratio = _percent(score.sufficed_count / score.answered_count if score.answered_count else None)
    return {"score": score, "ratio": ratio, "parts": parts, "lacking_url": links.to("lacking")}


def _label(curve: Curve, labels: Any) -> str:
    field = curve.knob.field
    return str(labels.get(field, field.removeprefix("data.").replace("_", " ")))


def _title(policy: Policy, key: str) -> str:
    trigger = policy.trigger(key)
    return trigger.title if trigger else key.replace("_", " ").capitalize()


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{100 * ratio:.1f} %"


def _of_window(request: HttpRequest, workflow: Workflow) -> Any:
    narrowed = {"figure": "opened"} | {name: request.GET[name] for name in BEHIND_FILTERS if name in request.GET}
    if any("\0" in value for value in narrowed.values()):
        raise NotThere("There is no such figure.")
    return quality.behind(workflow, _window(_days(request)), **narrowed)


def _of_curve(request: HttpRequest, workflow: Workflow, figure: str) -> Any:
    """The same curve again, and the handoffs of one of its points."""
    version = live_version(workflow)
    for curve in curves(workflow, version.document, policy_of(version.pk)):
        for point in curve.points:
            if (curve.knob.trigger, str(point.threshold)) == (request.GET.get("trigger"), request.GET.get("at")):
                return Handoff.objects.filter(pk__in=getattr(point, figure))
    raise NotThere("There is no such threshold on the curve any more.")


def _change(request: HttpRequest) -> Change:
    sent = request.POST
    try:
        kind = Kind(sent.get("kind", ""))
    except ValueError as error:
        raise Invalid("Choose what to change.") from error
    return Change(kind=kind, target=sent.get("target", "")[:200], value=sent.get("value", "")[:50])


def _days(request: HttpRequest) -> int:
    given = request.GET.get("days", "")
    return int(given) if given.isdecimal() and int(given[:6]) in DAYS else DEFAULT_DAYS


def _window(days: int) -> quality.Window:
    """Whole days up to now, so that a figure and the list behind it begin at the same moment."""
    end: datetime = timezone.now()
    start = (end - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    return quality.Window(start=start, end=end)
