"""What automations said it takes to undo what they did, for decisions that roll back."""

from collections.abc import Iterable
from typing import Any

from accounts.models import User
from handoffs.choices import ReceiptStatus, RecoveryAction
from handoffs.models import Attempt, Decision, Handoff, Recovery


def steps_of(handoff: Handoff, decision: Decision) -> list[Attempt]:
    """The attempts of the handoff that did something, the last first; none where the decision rolls nothing back.

    What was undone for an earlier decision on it is not undone again.
    """
    if decision.recovery != RecoveryAction.ROLL_BACK:
        return []
    acted = Attempt.objects.filter(handoff=handoff, action_taken__isnull=False).order_by("-received_at", "-pk")
    undone = _undone(handoff, decision) if handoff.reopens_count else set()
    return [attempt for attempt in acted if str(attempt.pk) not in undone]


def _undone(handoff: Handoff, decision: Decision) -> set[str]:
    earlier = Recovery.objects.filter(handoff=handoff).exclude(decision=decision)
    kept = [step for steps in earlier.values_list("steps", flat=True) for step in steps]
    return {step["attempt"] for step in kept if step["status"] == ReceiptStatus.ROLLED_BACK}


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
