"""Reading policies: the rules' view of a version, the drafts, and what recent cases say about one."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from accounts.models import Role, User
from handoffs.choices import DecisionStatus, Mode, OnUnknown, PolicyStatus
from handoffs.errors import NotThere, PolicyNotPublished
from handoffs.models import Attempt, Decision, PolicyVersion, Workflow
from handoffs.queries.clocks import calendar_keys
from handoffs.rules.conditions import Truth
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.policy import Policy, Trigger
from handoffs.rules.policy_checks import check, named_roles
from handoffs.rules.policy_loading import load
from handoffs.rules.problems import Problem

POLICIES_KEPT = 256
RECENT_ATTEMPTS = 500
EVALUATIONS_LIMIT = 20_000
TELLING_COUNT = 20
"""Fewer attempts or decisions than this say nothing about what never happens."""


class _StillDraft(Exception):
    """The document may change, so nothing made of it may be kept."""


def policy_of(version_id: UUID) -> Policy:
    """The policy that a version says; kept in memory once published, since then it never changes.

    Raises NotThere, and PolicyInvalid for a draft that was stored under other rules.
    """
    try:
        return _published_policy(version_id)
    except _StillDraft:
        return load(_version(version_id).document)


@lru_cache(maxsize=POLICIES_KEPT)
def _published_policy(version_id: UUID) -> Policy:
    version = _version(version_id)
    if version.status == PolicyStatus.DRAFT:
        raise _StillDraft
    return load(version.document)


def _version(version_id: UUID) -> PolicyVersion:
    version = PolicyVersion.objects.filter(pk=version_id).first()
    if version is None:
        raise NotThere("There is no such policy version.")
    return version


def workflow_called(key: str) -> Workflow:
    """The workflow with that key. Raises NotThere."""
    workflow = Workflow.objects.select_related("live_version").filter(key=key).first()
    if workflow is None:
        raise NotThere(f"There is no workflow {key}.")
    return workflow


def live_version(workflow: Workflow) -> PolicyVersion:
    """The version that judges new attempts. Raises PolicyNotPublished."""
    if workflow.live_version is None:
        raise PolicyNotPublished(f"{workflow.title} has no published policy yet. Publish one first.")
    return workflow.live_version


def draft_of(workflow: Workflow) -> PolicyVersion | None:
    """The draft that is being written, if any."""
    return workflow.policy_versions.filter(status=PolicyStatus.DRAFT).first()


def problems_in(document: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What `policy_checks.check` says about a document, with the roles and calendars that there are.

    Raises PolicyInvalid for a document that does not load.
    """
    roles = frozenset(Role.objects.values_list("name", flat=True))
    return check(load(document), document, roles=roles, calendars=calendar_keys())


def telling_warnings(version: PolicyVersion) -> tuple[Problem, ...]:
    """What people and cases say: roles with nobody active, triggers that never or always fire, unused outcomes."""
    policy = policy_of(version.pk)
    found = (*_roles_without_people(policy), *_telling_triggers(policy, version), *_unused_outcomes(policy, version))
    return tuple(Problem(place=place, message=message, severity="warning") for place, message in found)


def _roles_without_people(policy: Policy) -> Iterator[tuple[str, str]]:
    staffed = User.objects.filter(is_active=True, kind=User.Kind.PERSON, groups__name__isnull=False)
    names = set(staffed.values_list("groups__name", flat=True))
    for place, role in named_roles(policy):
        if role not in names:
            yield place, f"nobody active has the role {role}"


def _telling_triggers(policy: Policy, version: PolicyVersion) -> Iterator[tuple[str, str]]:
    conditional = [(place, trigger) for place, trigger in enumerate(policy.triggers) if trigger.when]
    attempts = _recent_attempts(version, count=min(RECENT_ATTEMPTS, EVALUATIONS_LIMIT // max(len(conditional), 1)))
    if len(attempts) < TELLING_COUNT:
        return
    for position, trigger in conditional:
        fired = _fired_count(trigger, attempts)
        if fired == 0:
            yield (
                f"triggers[{position}]",
                f"{trigger.key} would not have fired on any of the last {len(attempts)} attempts",
            )
        elif fired == len(attempts):
            yield f"triggers[{position}]", f"{trigger.key} would have fired on all of the last {len(attempts)} attempts"


def _recent_attempts(version: PolicyVersion, *, count: int) -> list[AttemptFacts]:
    attempts = Attempt.objects.filter(case__workflow=version.workflow_id).select_related("case")
    return [attempt.facts() for attempt in attempts.order_by("-id")[:count]]


def _fired_count(trigger: Trigger, attempts: Iterable[AttemptFacts]) -> int:
    assert trigger.when is not None
    firing = {Truth.YES, Truth.UNKNOWN} if trigger.unknown is OnUnknown.HAND_OFF else {Truth.YES}
    return sum(trigger.when.evaluate(attempt.names()).truth in firing for attempt in attempts)


def _unused_outcomes(policy: Policy, version: PolicyVersion) -> Iterator[tuple[str, str]]:
    decisions = Decision.objects.filter(
        handoff__workflow=version.workflow_id, handoff__mode=Mode.LIVE, status=DecisionStatus.FINAL
    )
    offered = _offered_before(version)
    if decisions.count() < TELLING_COUNT:
        return
    chosen = set(decisions.order_by().values_list("outcome", flat=True).distinct())
    for position, outcome in enumerate(policy.outcomes):
        if outcome.key in offered and outcome.key not in chosen:
            yield f"outcomes[{position}]", f"nobody ever chose {outcome.key}"


def _offered_before(version: PolicyVersion) -> frozenset[str]:
    others = PolicyVersion.objects.filter(workflow=version.workflow_id).exclude(status=PolicyStatus.DRAFT)
    before = others.exclude(pk=version.pk).order_by("-number").first()
    return frozenset(outcome.key for outcome in policy_of(before.pk).outcomes) if before else frozenset()
