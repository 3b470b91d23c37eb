"""What automations said it takes to undo what they did, for decisions that roll back."""

from collections.abc import Iterable
from typing import Any

from accounts.models import User
from handoffs.choices import RecoveryAction
from handoffs.models import Attempt, Decision, Handoff, Recovery


def steps_of(handoff: Handoff, decision: Decision) -> list[Attempt]:
    """The attempts of the handoff that did something, the last first; none where the decision rolls nothing back."""
    if decision.recovery != RecoveryAction.ROLL_BACK:
        return []
    return list(Attempt.objects.filter(handoff=handoff, action_taken__isnull=False).order_by("-received_at", "-pk"))


def steps_by(automation: User, steps: Iterable[Attempt]) -> list[dict[str, Any]]:
    """What this automation did, as the contract shows it, in the order in which to undo it."""
    return [_shown(step) for step in steps if step.automation_id == automation.pk]


def steps_for(recovery: Recovery | None, steps: Iterable[Attempt]) -> list[dict[str, Any]]:
    """What the caller of this recovery did, in the order in which to undo it; of all callers where there is none."""
    return [_shown(step) for step in steps if recovery is None or _caller(step) == _caller(recovery)]


def _caller(told: Attempt | Recovery) -> tuple[Any, str, str]:
    return told.automation_id, told.callback_url, told.correlation_id


def _shown(step: Attempt) -> dict[str, Any]:
    taken = step.action_taken or {}
    return {"attempt": str(step.pk), "summary": taken.get("summary", ""), "undo": taken.get("undo")}
