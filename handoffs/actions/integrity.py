"""A blind second look at a sample of decisions: the same case, another person, no effect."""

from datetime import datetime

from handoffs.actions import audit, availability, context, lifecycle
from handoffs.choices import PRIORITY_RANKS, DecidedBy, Mode, Priority
from handoffs.models import CLOCK, Decision, Handoff, SecondLook, rows
from handoffs.models.context import ContextRevision
from handoffs.queries import team
from handoffs.queries.policies import policy_of
from handoffs.rules.rollout import is_sampled

REASON = "A second look at a sample of decisions"


def may_sample(handoff: Handoff) -> bool:
    """Whether a decision on the handoff may open a second look."""
    return policy_of(handoff.policy_version_id).integrity.second_look_percent > 0


def sample(handoff: Handoff, decision: Decision, *, now: datetime) -> Handoff | None:
    """Open a second look at a person's decision if the policy's sample has it, in the transaction of the decision."""
    percent = policy_of(handoff.policy_version_id).integrity.second_look_percent
    salt = f"second_look:{handoff.workflow.key}"
    if decision.decided_by_kind != DecidedBy.PERSON:
        return None
    if not is_sampled(percent=percent, salt=salt, reference=f"{handoff.pk}:{decision.resolution_number}"):
        return None
    return _open(handoff, decision, now)


def _open(handoff: Handoff, decision: Decision, now: datetime) -> Handoff:
    seen = ContextRevision.objects.select_related("attempt").get(
        handoff=handoff, number=decision.context_revision_number
    )
    package = {**seen.package, "suggested_outcome": None}
    found = team.role_to_open_for(handoff.role.name, workflow_id=handoff.workflow_id, now=now)
    second = Handoff(
        number=found.number,
        workflow=handoff.workflow,
        case=handoff.case,
        policy_version_id=handoff.policy_version_id,
        pattern=handoff.pattern,
        mode=Mode.SECOND_LOOK,
        role=found.role,
        routed_role_ids=[handoff.role_id],
        priority=PRIORITY_RANKS[Priority.LOW],
        opened_by_id=handoff.opened_by_id,
        opened_at=now,
        clock_started_at=now,
        primary_trigger=handoff.primary_trigger,
    )
    context.take_over(second, package)
    lifecycle.wind(second, now=now)
    new = audit.opened(second, actor=CLOCK, now=now, reason=REASON, details={"role": handoff.role.name})
    rows.insert(*new, context.frozen(second, package, attempt=seen.attempt, now=now))
    context.attach(second, list(handoff.documents.all()))
    SecondLook.objects.create(handoff=second, first=decision, created_at=now)
    if not found.is_staffed:
        availability.pass_on(second, now=now)
    return second
