"""Which role gets the handoff, with which priority; and which role comes next when it moves up."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.choices import Priority
from handoffs.rules.conditions import Truth
from handoffs.rules.policy import EscalationStep, Policy


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Where it goes and why; `because` is a sentence, empty for the route without a condition."""

    role: str
    priority: Priority
    because: str = ""


def route(policy: Policy, names: Mapping[str, Any]) -> Routing:
    """Where a case inside the rollout goes: by the routes, but to the pilot role where the rollout names one."""
    routed = _by_routes(policy, names)
    if policy.rollout.reviewers is None:
        return routed
    because = f"{policy.rollout.reviewers} is the pilot of this rollout"
    return Routing(role=policy.rollout.reviewers, priority=routed.priority, because=because)


def _by_routes(policy: Policy, names: Mapping[str, Any]) -> Routing:
    """The first route whose condition holds; one that cannot be decided does not match, the last always does."""
    for candidate in policy.routes:
        if candidate.when is None:
            return Routing(role=candidate.role, priority=candidate.priority)
        result = candidate.when.evaluate(names)
        if result.truth is Truth.YES:
            return Routing(role=candidate.role, priority=candidate.priority, because=result.sentence)
    raise AssertionError("a policy without a last route that always matches was published")


def escalation_key(index: int) -> str:
    """How step `index` of the chain is remembered once it was taken."""
    return f"escalation:{index}"


def next_escalation(policy: Policy, *, role: str, steps_done: frozenset[str]) -> tuple[int, EscalationStep] | None:
    """The first step of the chain that was not taken and leads to another role, with its index; None at the top."""
    for index, step in enumerate(policy.sla.escalation):
        if escalation_key(index) not in steps_done and step.role != role:
            return index, step
    return None
