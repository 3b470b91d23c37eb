"""Trying before publishing: the draft or one condition on stored attempts, and the reviewer's page under the draft."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from handoffs.errors import PolicyInvalid
from handoffs.models import Attempt, Document, Workflow
from handoffs.portal.doors import page
from handoffs.portal.facts import facts_of, safe_url
from handoffs.portal.policies.pages import managed
from handoffs.portal.policies.posted import at
from handoffs.queries import tuning, versions
from handoffs.queries.policies import policy_of
from handoffs.rules.conditions import compile_condition
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.evaluate import Evaluation
from handoffs.rules.package import GivenContext, build, missing
from handoffs.rules.policy import Policy
from handoffs.rules.policy_loading import load, units_of
from handoffs.rules.problems import ConditionInvalid, Problem


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of trying one condition of the editor, by the name of its control."""

    name: str
    result: tuning.Trial | None = None
    problems: tuple[Problem, ...] = ()


def tried(workflow: Workflow, document: Mapping[str, Any], name: str) -> Trial:
    """Try the condition of the control called `name`, such as `triggers.1.when`, on the last attempts."""
    source = source_at(document, name)
    data = document.get("data")
    try:
        schema = DataSchema.of(data if isinstance(data, Mapping) else None, units=units_of(document))
        condition = compile_condition(source, schema, place=name)
    except ConditionInvalid as invalid:
        return Trial(name=name, problems=tuple(invalid.problems))
    attempts = tuning.recent(workflow)
    hidden = tuning.hidden_paths(document)
    return Trial(name=name, result=tuning.try_condition(condition, attempts, hidden=hidden))


def source_at(document: Any, name: str) -> Any:
    """The condition at a control's name; what is none there gives an empty one, which is refused with words."""
    value = document
    for part in name.split("."):
        if isinstance(value, list):
            value = value[int(part)] if part.isdecimal() and int(part) < len(value) else None
        else:
            value = at(value, part)
    if name.endswith("second_person") and isinstance(value, Mapping):
        value = value.get("when")
    return value if isinstance(value, str | list | Mapping) else {"field": ""}


@page
def try_draft(request: HttpRequest, key: str) -> HttpResponse:
    """What the draft would have done with the last attempts, beside what the live version would."""
    workflow = managed(request, key)
    draft = versions.required_draft(workflow)
    run = run_of(workflow, load(draft.document))
    values = {"workflow": workflow, "draft": draft, "run": run, "now": timezone.now()}
    return render(request, "policies/try.html", values)


def run_of(workflow: Workflow, policy: Policy) -> tuning.DryRun:
    """The dry run of a policy against the live version."""
    live = policy_of(workflow.live_version_id) if workflow.live_version_id else None
    return tuning.dry_run(policy, tuning.recent(workflow), against=live)


@page
def preview(request: HttpRequest, key: str) -> HttpResponse:
    """The reviewer's page of a stored case as the draft would show it; nothing is opened and nobody is told."""
    workflow = managed(request, key)
    draft = versions.required_draft(workflow)
    try:
        policy = load(draft.document)
    except PolicyInvalid as invalid:
        return render(request, "400.html", {"error": invalid}, status=400)
    found = tuning.one_of(workflow, _attempt_id(request), policy=policy)
    values: dict[str, Any] = {"workflow": workflow, "draft": draft, "now": timezone.now()}
    if found is not None:
        values |= _shown(policy, *found)
    return render(request, "policies/preview.html", {**values, "choices": tuning.latest_references(workflow)})


def _shown(policy: Policy, attempt: Attempt, stored: tuning.Stored) -> dict[str, Any]:
    evaluation = tuning.judge(policy, stored)
    package = _package(policy, attempt, stored, evaluation)
    fired = [result for result in evaluation.triggers if result.fired]
    suggested = package["suggested_outcome"]
    return {
        "attempt": attempt,
        "evaluation": evaluation,
        "package": package,
        "fired": fired,
        "facts": facts_of(package, fired={path for result in fired for path in result.fields}, revealed={}),
        "links": [{"label": link["label"], "url": safe_url(link["url"])} for link in package["links"]],
        "outcomes": sorted(policy.outcomes, key=lambda outcome: outcome.key != suggested),
        "lacking": missing(policy, stored.names),
    }


def _package(policy: Policy, attempt: Attempt, stored: tuning.Stored, evaluation: Evaluation) -> dict[str, Any]:
    given = attempt.given_context
    documents = Document.objects.filter(pk__in=given.get("documents", []))
    context = GivenContext(
        summary=given.get("summary", ""),
        root_cause=given.get("root_cause", ""),
        links=given.get("links", []),
        documents=[{"name": document.name, "sha256": document.sha256} for document in documents],
    )
    cause = evaluation.primary.root_cause if evaluation.primary else ""
    cause = cause or attempt.error_message or attempt.request_reason or ""
    return build(policy, stored.names, context, root_cause=cause, suggested_outcome=evaluation.suggested_outcome)


def _attempt_id(request: HttpRequest) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get("attempt", ""))
    except ValueError:
        return None
