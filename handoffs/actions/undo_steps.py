"""Receipts for single steps of a roll-back: the last thing done is undone first, and each step has its own word."""

from datetime import datetime

from handoffs.choices import RECEIVED_STATES, ReceiptStatus, RecoveryState
from handoffs.errors import AlreadyReceived, Invalid, Mistake, NotPossibleNow
from handoffs.models import Handoff, Recovery
from handoffs.queries import undo
from handoffs.queries.representation import rfc3339

STEP_STATUSES = (ReceiptStatus.ROLLED_BACK, ReceiptStatus.FAILED)


class OutOfOrder(NotPossibleNow):
    """Another step is to be undone before this one; details: `next`, its attempt."""

    code = "out_of_order"


def take(
    handoff: Handoff, recoveries: list[Recovery], *, attempt: str, status: ReceiptStatus, detail: str, now: datetime
) -> bool:
    """Note what came of undoing one step; the last one closes the recovery, a failed one fails it.

    False where the same was said before. The caller holds the row lock. Raises Invalid where no recovery has such a
    step, OutOfOrder, or AlreadyReceived.
    """
    if status not in STEP_STATUSES:
        raise _invalid("/status", "A step is rolled_back, or failed.")
    recovery, steps = _with_step(handoff, recoveries, attempt)
    said = {step["attempt"]: step["status"] for step in recovery.steps}
    if said.get(attempt, status) != status or (attempt not in said and recovery.state in RECEIVED_STATES):
        raise AlreadyReceived("Another receipt was taken before.", received=said.get(attempt, recovery.state))
    if attempt in said:
        return False
    following = next(step for step in steps if step not in said)
    if following != attempt:
        raise OutOfOrder("What was done last is undone first.", next=following)
    recovery.steps = [*recovery.steps, {"attempt": attempt, "status": status, "detail": detail, "at": rfc3339(now)}]
    _close(recovery, status, is_last=len(recovery.steps) == len(steps), detail=detail, now=now)
    recovery.save()
    return True


def _with_step(handoff: Handoff, recoveries: list[Recovery], attempt: str) -> tuple[Recovery, list[str]]:
    done = undo.steps_of(handoff, recoveries[0].decision)
    for recovery in recoveries:
        steps = [step["attempt"] for step in undo.steps_for(recovery, done)]
        if attempt in steps:
            return recovery, steps
    raise _invalid("/attempt", "The decision does not ask you to undo this attempt; its `undo` lists the steps.")


def _close(recovery: Recovery, status: ReceiptStatus, *, is_last: bool, detail: str, now: datetime) -> None:
    recovery.delivered_at = recovery.delivered_at or now
    if status is ReceiptStatus.FAILED or is_last:
        recovery.state, recovery.received_at, recovery.detail = RecoveryState(status), now, detail
    elif recovery.state not in RECEIVED_STATES:
        recovery.state = RecoveryState.DELIVERED


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(detail, mistakes=[Mistake(pointer=pointer, detail=detail)])
