"""The managers' pages on what was compared: shadow and automation, a candidate and live, reviewers among themselves."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs.actions import rollout as actions
from handoffs.models import CandidateRun
from handoffs.portal.doors import move, page
from handoffs.portal.policies.pages import managed
from handoffs.portal.rollout_words import criteria_of, line_of, table_of
from handoffs.queries import agreement
from handoffs.queries.agreement import Report
from handoffs.queries.policies import draft_of, live_version, policy_of


@page
def shadow(request: HttpRequest, key: str) -> HttpResponse:
    """People against the automation: matrix, parts, what to read, and the criteria for promotion."""
    workflow = managed(request, key)
    version = live_version(workflow)
    report = agreement.of_shadow(version)
    rules = policy_of(version.pk).rollout
    values = {
        "workflow": workflow,
        "version": version,
        "in_shadow": rules.shadow,
        "criteria": criteria_of(rules.promote, report.overall),
        "since": agreement.shadow_since(version),
        "now": timezone.now(),
        **_drawn(report),
    }
    return render(request, "rollout/agreement.html", values)


@page
def integrity(request: HttpRequest, key: str) -> HttpResponse:
    """Reviewers against each other, and decisions made without opening a document; where the policy asks for it."""
    workflow, now = managed(request, key), timezone.now()
    version = live_version(workflow)
    asked = policy_of(version.pk).integrity
    values = {
        "workflow": workflow,
        "asked": asked,
        "draft": draft_of(workflow),
        "version": version,
        "days": agreement.WINDOW.days,
        "unopened": agreement.unopened_documents(workflow, now=now) if asked.unopened_documents else None,
        "now": now,
        **_drawn(agreement.of_second_looks(workflow, now=now)),
    }
    return render(request, "rollout/integrity.html", values)


@page
def candidate(request: HttpRequest, key: str) -> HttpResponse:
    """The candidate that runs, or the last that did, against the live version."""
    workflow = managed(request, key)
    runs = CandidateRun.objects.filter(workflow=workflow).select_related("started_by")
    run = runs.first()
    report = agreement.of_candidate(run) if run else None
    table = table_of(report.found) if report else None
    values = {"workflow": workflow, "run": run, "report": report, "table": table, "draft": draft_of(workflow)}
    return render(request, "rollout/candidate.html", values | {"now": timezone.now()})


@move
def start_candidate(request: HttpRequest, key: str) -> HttpResponse:
    """Have the draft judge every attempt beside the live version."""
    workflow, user = managed(request, key), _person(request)
    run = actions.start_candidate(workflow.key, by=user, now=timezone.now())
    messages.success(request, f"Version {run.number} judges every attempt beside the live one, without effect.")
    return redirect("rollout_candidate", key=key)


@move
def end_candidate(request: HttpRequest, key: str) -> HttpResponse:
    """No longer judge by the candidate."""
    actions.end_candidate(managed(request, key).key, now=timezone.now())
    messages.success(request, "The candidate has ended. What it found stays.")
    return redirect("rollout_candidate", key=key)


@move
def promote_candidate(request: HttpRequest, key: str) -> HttpResponse:
    """Publish what ran as the candidate."""
    workflow, reason = managed(request, key), request.POST.get("reason", "")
    version = actions.promote_candidate(workflow.key, by=_person(request), reason=reason, now=timezone.now())
    messages.success(request, f"Version {version.number} is live. Open handoffs keep the version they opened under.")
    return redirect("rollout", key=key)


def _drawn(report: Report) -> dict[str, Any]:
    parts = (
        ("By trigger", report.by_trigger),
        ("By role", report.by_role),
        ("By amount", report.by_band),
        ("By people", report.by_people),
    )
    return {
        "report": report,
        "table": table_of(report.overall),
        "parts": [(title, [line_of(part.name, part.found) for part in found]) for title, found in parts],
    }


def _person(request: HttpRequest) -> Any:
    return request.user
