"""The managers' pages on rollout: the stage against the rest, raised or stepped back by one press, and promotion."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs import access
from handoffs.actions import rollout as actions
from handoffs.choices import Pattern, PolicyStatus
from handoffs.errors import DeskError, Invalid, NotAllowed, NotPossibleNow
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import move, page
from handoffs.portal.policies.documents import same
from handoffs.portal.policies.pages import managed
from handoffs.portal.policies.parts import items_of
from handoffs.portal.policies.words import Words
from handoffs.portal.refusals import refusal_of, status_of
from handoffs.portal.rollout_words import column, criteria_of, limits_of, reach
from handoffs.queries import agreement, precedent, rollout
from handoffs.queries.policies import draft_of, live_version, policy_of
from handoffs.rules import stages


@page
def rollouts(request: HttpRequest) -> HttpResponse:
    """Every workflow that the manager tunes, with its stage."""
    user: Any = request.user
    if not access.is_manager(user):
        raise NotAllowed("Rollouts are for managers. An administrator gives the right to manage to a role.")
    workflows = access.managed_workflows(user).exclude(live_version=None).select_related("live_version__published_by")
    rows = [_row(workflow) for workflow in workflows.order_by("title")]
    return render(request, "rollout/list.html", {"rows": rows, "now": timezone.now()})


@page
def stage(request: HttpRequest, key: str) -> HttpResponse:
    """The stage of one workflow's live version."""
    return _stage(request, managed(request, key))


@move
def set_stage(request: HttpRequest, key: str) -> HttpResponse:
    """Raise or lower the percentage, with a reason."""
    workflow = managed(request, key)
    percent = request.POST.get("percent", "")
    number = int(percent) if percent.isdecimal() and len(percent) < 4 else -1
    return _moved(request, workflow, lambda given: actions.set_stage(key, number, **given))


@move
def step_back(request: HttpRequest, key: str) -> HttpResponse:
    """Go back to the stage before, with a reason."""
    return _moved(request, managed(request, key), lambda given: actions.step_back(key, **given))


@move
def start_shadow(request: HttpRequest, key: str) -> HttpResponse:
    """Let people decide beside the automation, with a reason."""
    return _moved(request, managed(request, key), lambda given: actions.start_shadow(key, **given))


@move
def promote(request: HttpRequest, key: str) -> HttpResponse:
    """End the shadow, with a reason."""
    anyway = request.POST.get("anyway") == "yes"
    return _moved(request, managed(request, key), lambda given: actions.promote(key, anyway=anyway, **given))


@move
def draft_rule(request: HttpRequest, key: str, trigger: str) -> HttpResponse:
    """Begin a draft with the rule that people's decisions suggest."""
    workflow, author = managed(request, key), request.user
    try:
        draft = actions.draft_rule(workflow.key, trigger, by=author, now=timezone.now())  # type: ignore[arg-type]
    except NotPossibleNow as refused:
        return _stage(request, workflow, refusal=refused)
    messages.success(
        request, f"Version {draft.number} is a draft with the rule. Nothing changes until it is published."
    )
    return redirect("policy_draft", key=key)


def _moved(request: HttpRequest, workflow: Workflow, act: Any) -> HttpResponse:
    live = request.POST.get("live", "")
    given = {
        "by": request.user,
        "reason": request.POST.get("reason", ""),
        "now": timezone.now(),
        "replacing": int(live) if live.isdecimal() and len(live) < 8 else 0,
    }
    try:
        version = act(given)
    except (NotPossibleNow, Invalid) as refused:
        return _stage(request, managed(request, workflow.key), refusal=refused)
    rules = version.document["rollout"]
    messages.success(request, f"Version {version.number} is live: {reach(rules)}. Nothing else has changed.")
    return redirect("rollout", key=workflow.key)


def _stage(request: HttpRequest, workflow: Workflow, *, refusal: DeskError | None = None) -> HttpResponse:
    now, version = timezone.now(), live_version(workflow)
    rules = dict(version.document.get("rollout") or {})
    figures = rollout.figures_of(version, now=now)
    before = rollout.version_before(version)
    history = rollout.stages_of(workflow)
    values = {
        "workflow": workflow,
        "version": version,
        "rollout": rules,
        "reach": reach(rules),
        "when": Words(version.document).condition(rules["when"]) if rules.get("when") is not None else "",
        "raised": stages.raised(stages.share_of_stage(rules)) if not rules.get("shadow") else None,
        "back": stages.stepped_back(rules, rollout.earlier_rollouts(workflow)),
        "here": column(figures),
        "outside": rollout.outside_of(version, now=now),
        "before": column(rollout.figures_of(before, now=now)) if before else None,
        "limits": limits_of(policy_of(version.pk).rollout.limits, figures.stage),
        "named": _named(version),
        "history": history,
        "draft": draft_of(workflow),
        "rules": _rules(workflow, version),
        "candidate": rollout.running_candidate(workflow),
        "may_shadow": not rules.get("shadow") and policy_of(version.pk).pattern is Pattern.ALERT_AND_WAIT,
        "refusal": refusal_of(refusal, now=now) if refusal else None,
        "reason": request.POST.get("reason", "") if refusal else "",
        "now": now,
        **(_shadow(version) if rules.get("shadow") else {}),
    }
    return render(request, "rollout/stage.html", values, status=status_of(refusal) if refusal else 200)


def _shadow(version: PolicyVersion) -> dict[str, Any]:
    report = agreement.of_shadow(version)
    named = policy_of(version.pk).rollout.promote
    told = criteria_of(named, report.overall)
    return {"report": report, "criteria": told, "may_promote": all(each.met for each in told)}


def _rules(workflow: Workflow, version: PolicyVersion) -> list[dict[str, Any]]:
    """What people's decisions suggest, unless the policy suggests it already."""
    policy, told = policy_of(version.pk), version.document.get("suggest") or ()
    return [
        {
            "rule": rule,
            "trigger": named.title,
            "outcome": outcome.title,
        }
        for rule in precedent.rules_of(workflow)
        if (named := policy.trigger(rule.trigger)) and (outcome := policy.outcome(rule.outcome))
        if not any(same(dict(rule.when), each.get("when")) and each.get("outcome") == rule.outcome for each in told)
    ]


def _row(workflow: Workflow) -> dict[str, Any]:
    version = workflow.live_version
    assert version is not None
    assert version.status == PolicyStatus.LIVE
    rules = dict(version.document.get("rollout") or {})
    return {
        "workflow": workflow,
        "version": version,
        "reach": reach(rules),
        "shadow": bool(rules.get("shadow")),
        "share": stages.share_of_stage(rules),
        "limits": _named(version).get("limits"),
    }


def _named(version: PolicyVersion) -> dict[str, str]:
    """The policy's own words on limits and criteria, as far as it names any."""
    said = {item.key: item.sentence for item in items_of(version.document, "rollout")}
    return {key: said[key] for key in ("limits", "promote") if key in said}
