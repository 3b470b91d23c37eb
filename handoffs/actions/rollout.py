"""Moves a rollout: raises a stage, steps it back, promotes a shadow or a candidate; the clock steps back by limits."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from handoffs.actions import notifications, policies
from handoffs.choices import NoticeKind
from handoffs.errors import Invalid, Mistake, NotPossibleNow
from handoffs.models import CandidateRun, PolicyVersion, Workflow
from handoffs.queries import agreement as agreements
from handoffs.queries import rollout as stages
from handoffs.queries.policies import draft_of, live_version, policy_of
from handoffs.queries.precedent import rules_of
from handoffs.rules import notices
from handoffs.rules import stages as steps
from handoffs.rules.agreement import criteria
from handoffs.rules.canonical import sha256_of

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(seconds=60)


class StageChanged(NotPossibleNow):
    """Another version went live since the caller looked; details: `live`, its number."""

    code = "stage_changed"
    title = "The stage was changed meanwhile"


class NoStage(NotPossibleNow):
    """There is no such stage to go to: the rollout is everywhere, or nowhere, already."""

    code = "no_stage"


class CriteriaNotMet(NotPossibleNow):
    """What was named in advance for the promotion does not hold yet; details: `criteria`, each in words."""

    code = "criteria_not_met"
    title = "The criteria for promotion are not met"


class CandidateRuns(NotPossibleNow):
    """A candidate runs beside the live version already."""

    code = "candidate_runs"


class NoRule(NotPossibleNow):
    """Too few decisions, or too different ones, to suggest a rule."""

    code = "no_rule"


class DraftThere(NotPossibleNow):
    """A draft is being written; nothing replaces it unasked."""

    code = "draft_there"


@transaction.atomic(durable=True)
def set_stage(
    workflow_key: str, percent: int, *, by: User, reason: str, now: datetime, replacing: int
) -> PolicyVersion:
    """Publish the live policy with another percentage of its rollout; `replacing` is the live version's number.

    Raises StageChanged, PolicyNotPublished, and Invalid without a reason or for no percentage.
    """
    if not 0 <= percent <= 100:
        raise Invalid(
            "That is no share.", mistakes=[Mistake(pointer="/percent", detail="Write a number from 0 to 100.")]
        )
    workflow, rollout = _locked(workflow_key, replacing)
    return policies.publish_stage(workflow, {**rollout, "percent": percent}, publisher=by, reason=reason, now=now)


@transaction.atomic(durable=True)
def step_back(workflow_key: str, *, by: User, reason: str, now: datetime, replacing: int) -> PolicyVersion:
    """Publish the live policy with the stage before. Raises NoStage where no case is inside, StageChanged, Invalid."""
    workflow, rollout = _locked(workflow_key, replacing)
    narrower = steps.stepped_back(rollout, stages.earlier_rollouts(workflow))
    if narrower is None:
        raise NoStage("No case is inside this rollout, so there is nowhere to step back to.")
    return policies.publish_stage(workflow, narrower, publisher=by, reason=reason, now=now)


@transaction.atomic(durable=True)
def promote(
    workflow_key: str, *, by: User, reason: str, now: datetime, replacing: int, anyway: bool = False
) -> PolicyVersion:
    """End the shadow: publish the live policy with effect, at the same stage.

    Raises NoStage where nothing is in shadow, CriteriaNotMet unless `anyway`, StageChanged, Invalid.
    """
    workflow, rollout = _locked(workflow_key, replacing)
    if not rollout.get("shadow"):
        raise NoStage("The live version has effect already.")
    _check_criteria(live_version(workflow), anyway=anyway)
    return policies.publish_stage(workflow, {**rollout, "shadow": False}, publisher=by, reason=reason, now=now)


@transaction.atomic(durable=True)
def start_shadow(workflow_key: str, *, by: User, reason: str, now: datetime, replacing: int) -> PolicyVersion:
    """Publish the live policy in shadow, at the same stage: automation goes on, people decide without effect.

    Raises NoStage where it is in shadow already, PolicyInvalid where its pattern allows none, StageChanged, Invalid.
    """
    workflow, rollout = _locked(workflow_key, replacing)
    if rollout.get("shadow"):
        raise NoStage("The live version is in shadow already.")
    return policies.publish_stage(workflow, {**rollout, "shadow": True}, publisher=by, reason=reason, now=now)


@transaction.atomic(durable=True)
def start_candidate(workflow_key: str, *, by: User, now: datetime) -> CandidateRun:
    """Have the draft judge every attempt beside the live version. Raises NoDraft, CandidateRuns, PolicyInvalid."""
    workflow = policies.lock(workflow_key)
    live_version(workflow)
    draft = draft_of(workflow)
    if draft is None:
        raise policies.NoDraft(f"{workflow.title} has no draft that could run beside the live version.")
    if workflow.candidate_id is not None:
        raise CandidateRuns("A candidate runs already. End it first.")
    run = CandidateRun.objects.create(
        workflow=workflow, number=draft.number, document=draft.document, started_by=by, started_at=now
    )
    Workflow.objects.filter(pk=workflow.pk).update(candidate=run)
    return run


@transaction.atomic(durable=True)
def end_candidate(workflow_key: str, *, now: datetime) -> None:
    """No longer judge by the candidate; what it found stays."""
    _end(policies.lock(workflow_key), now)


@transaction.atomic(durable=True)
def _end_promoted(workflow_key: str, now: datetime) -> None:
    workflow = policies.lock(workflow_key)
    CandidateRun.objects.filter(workflow=workflow, ended_at=None).update(promoted_at=now)
    _end(workflow, now)


def promote_candidate(workflow_key: str, *, by: User, reason: str, now: datetime) -> PolicyVersion:
    """Publish the draft that ran as the candidate, and end its run.

    Raises NoStage where none runs, DraftChanged where the draft is not what ran, and what publishing raises.
    """
    run = CandidateRun.objects.filter(workflow__key=workflow_key, ended_at=None).first()
    if run is None:
        raise NoStage("No candidate runs beside the live version.")
    version, _ = policies.publish(workflow_key, publisher=by, reason=reason, now=now, replacing=sha256_of(run.document))
    _end_promoted(workflow_key, now)
    return version


@transaction.atomic(durable=True)
def draft_rule(workflow_key: str, trigger: str, *, by: User, now: datetime) -> PolicyVersion:
    """Begin a draft: the live policy, which suggests first what people always decided for this trigger.

    It can be tried, replayed, run as a candidate and staged like any draft. Raises NoRule where people's decisions
    suggest none, DraftThere, PolicyNotPublished.
    """
    workflow = policies.lock(workflow_key)
    if draft_of(workflow) is not None:
        raise DraftThere(f"{workflow.title} has a draft already. Publish or discard it first.")
    rule = next((each for each in rules_of(workflow) if each.trigger == trigger), None)
    if rule is None:
        raise NoRule("People's decisions suggest no rule for this trigger any more.")
    document = live_version(workflow).document
    suggest = [{"when": dict(rule.when), "outcome": rule.outcome}, *document.get("suggest", ())]
    return policies.begin_draft(workflow, {**document, "suggest": suggest}, author=by, now=now)


def check_limits(*, now: datetime) -> int:
    """Step back each stage that has passed a limit of its policy, at most once a minute each; returns how many.

    What fails for one workflow is reported, and the others are still looked at.
    """
    return sum(_checked(workflow, now) for workflow in to_check(now) if _is_turn(workflow, now))


def to_check(now: datetime) -> QuerySet[Workflow]:
    """The workflows with limits that were not looked at for CHECK_EVERY."""
    return stages.with_limits().filter(_is_due(now))


def _is_due(now: datetime) -> Q:
    return Q(stage_checked_at=None) | Q(stage_checked_at__lte=now - CHECK_EVERY)


def _is_turn(workflow: Workflow, now: datetime) -> bool:
    """Of many sweeps one takes the turn."""
    return bool(Workflow.objects.filter(_is_due(now), pk=workflow.pk).update(stage_checked_at=now))


def _checked(workflow: Workflow, now: datetime) -> bool:
    try:
        return _step_back_if_passed(workflow.key, now)
    except Exception:
        logger.exception("stage_check_failed", extra={"workflow": workflow.key})
        return False


@transaction.atomic(durable=True)
def _step_back_if_passed(workflow_key: str, now: datetime) -> bool:
    workflow = policies.lock(workflow_key)
    version = live_version(workflow)
    policy = policy_of(version.pk)
    narrower = steps.stepped_back(_rollout_of(version), stages.earlier_rollouts(workflow))
    if policy.rollout.limits is None or narrower is None:
        return False
    passed = steps.passed(policy.rollout.limits, stages.figures_of(version, now=now).stage)
    if not passed:
        return False
    reason = "Stepped back: " + "; ".join(each.sentence for each in passed)
    stage = policies.publish_stage(workflow, narrower, publisher=None, reason=reason, now=now)
    _tell_managers(version, stage, reason, now)
    return True


def _tell_managers(before: PolicyVersion, stage: PolicyVersion, reason: str, now: datetime) -> None:
    """On the last handoff that counted: it takes decided cases to pass a limit, so there is one."""
    handoff = stages.last_counted(before)
    assert handoff is not None
    words = notices.stepped_back(
        handoff.workflow.title, percent=float(_rollout_of(stage).get("percent", 100)), reason=reason
    )
    notifications.tell_managers(
        handoff,
        step=f"stepped_back:{stage.number}",
        kind=NoticeKind.STEPPED_BACK,
        words=lambda zone: words,
        now=now,
    )


def _locked(workflow_key: str, replacing: int) -> tuple[Workflow, Mapping[str, Any]]:
    workflow = policies.lock(workflow_key)
    live = live_version(workflow)
    if live.number != replacing:
        raise StageChanged(f"Version {live.number} went live since you looked.", live=live.number)
    return workflow, _rollout_of(live)


def _rollout_of(version: PolicyVersion) -> dict[str, Any]:
    return dict(version.document.get("rollout") or {})


def _check_criteria(version: PolicyVersion, *, anyway: bool) -> None:
    named = policy_of(version.pk).rollout.promote
    if named is None or anyway:
        return
    told = criteria(named, agreements.of_shadow(version).overall)
    open_ = [f"{each.sentence} (now {each.found})" for each in told if not each.met]
    if open_:
        raise CriteriaNotMet("Not met yet: " + "; ".join(open_) + ".", criteria=open_)


def _end(workflow: Workflow, now: datetime) -> None:
    CandidateRun.objects.filter(workflow=workflow, ended_at=None).update(ended_at=now)
    Workflow.objects.filter(pk=workflow.pk).update(candidate=None)
