"""The audit trail and the way back to automation, told in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handoffs.choices import Event, ReceiptStatus, RecoveryState
from handoffs.models import Decision, Recovery
from handoffs.portal import wording
from handoffs.queries.case import TrailRow

OPEN_RECOVERIES = (RecoveryState.AWAITING, RecoveryState.DELIVERED)
POLL_SECONDS = ((timedelta(minutes=2), 1), (timedelta(minutes=20), 5))
SLOW_POLL_SECONDS = 30

Details = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """One line of the history."""

    icon: str
    text: str
    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a decision's way back; `tone` is done, now, bad or later."""

    tone: str
    icon: str
    text: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Way:
    """How far the decision has come, and how soon to look again while it is on its way."""

    steps: tuple[Step, ...]
    poll_seconds: int | None = None


WORDS: dict[Event, tuple[str, Callable[[Details], str]]] = {
    Event.OPENED: ("inbox", lambda d: f"Opened for {d.get('role', 'its role')}"),
    Event.ACCEPTED: ("user-check", lambda d: "Accepted"),
    Event.ASSIGNED: ("user-check", lambda d: f"Assigned to {d.get('to', '?')}"),
    Event.RELEASED: ("log-out", lambda d: "Released"),
    Event.ESCALATED: ("arrow-up", lambda d: f"Escalated from {d.get('from', '?')} to {d.get('to', '?')}"),
    Event.RETURNED: ("undo-2", lambda d: "Returned to the automation"),
    Event.RESUBMITTED: ("corner-up-left", lambda d: f"Resubmitted, {_changed(d)}"),
    Event.PROPOSED: ("send", lambda d: f"Proposed: {_title(d)}{_together(d)}"),
    Event.CONFIRMED: ("circle-check", lambda d: f"Confirmed: {_title(d)}"),
    Event.OBJECTED: ("x", lambda d: "Objected to the proposal"),
    Event.RESOLVED: ("circle-check", lambda d: f"Decided: {_title(d)}{_together(d)}"),
    Event.EXPIRED: ("hourglass", lambda d: f"Cut off: {_title(d)}"),
    Event.WITHDRAWN: ("circle-x", lambda d: "Withdrawn"),
    Event.REOPENED: ("refresh-cw", lambda d: "Reopened"),
    Event.OCCURRED_AGAIN: ("refresh-cw", lambda d: "Reported again, unchanged"),
    Event.CONTEXT_CHANGED: ("pencil", lambda d: f"New context, {_changed(d)}"),
    Event.NOTE_ADDED: ("message-square", lambda d: "Note"),
    Event.REMINDED: ("bell", lambda d: f"Reminder to the {d.get('to', 'role')}"),
    Event.REMINDER_SUPERSEDED: ("bell", lambda d: "Reminder skipped, it came too late to help"),
    Event.FIELD_REVEALED: ("eye", lambda d: f"Opened the sensitive field {d.get('field', '?')}"),
    Event.DOCUMENT_OPENED: ("file-text", lambda d: f"Opened {d.get('name', 'a document')}"),
    Event.FEEDBACK_GIVEN: ("message-square", lambda d: "Gave feedback"),
    Event.DECISION_REFUSED: ("circle-x", lambda d: f"Decision refused, {_changed(d)} meanwhile"),
    Event.DECISION_DELIVERED: ("send", lambda d: "Told the automation"),
    Event.DELIVERY_PARKED: ("triangle-alert", lambda d: "Could not be delivered, parked"),
    Event.DELIVERY_REPLAYED: ("refresh-cw", lambda d: "Sent to the automation again"),
    Event.RECEIPT_REFUSED: ("circle-x", lambda d: "Receipt refused: it names another context"),
    Event.CASE_FILE_TAKEN: ("download", lambda d: "Took the case file"),
    Event.RECEIPT_RECEIVED: ("badge-check", lambda d: f"Receipt: {str(d.get('status', '?')).replace('_', ' ')}"),
    Event.RECEIPT_OVERDUE: ("triangle-alert", lambda d: "The receipt is overdue"),
    Event.ROUTED_TO_EMPTY_ROLE: ("triangle-alert", lambda d: f"Nobody of {d.get('role', 'this role')} is available"),
    Event.RESCHEDULED: ("clock", lambda d: f"Due times moved: the calendar {d.get('calendar', '')} changed"),
}


def told(row: TrailRow) -> Told:
    """A row of the trail as a line of the history."""
    icon, words = WORDS[row.event]
    questions = "\n".join(f"– {question}" for question in row.details.get("questions", ()))
    reason = "\n".join(part for part in (row.reason, questions) if part)
    return Told(icon=icon, text=words(row.details), actor=row.actor, at=row.at, reason=reason)


def _changed(details: Details) -> str:
    labels = [change["label"] for change in details.get("changes", ())]
    return f"{', '.join(labels)} changed" if labels else "nothing changed"


def _title(details: Details) -> str:
    return str(details.get("title") or details.get("outcome") or "?")


def _together(details: Details) -> str:
    count = details.get("decided_together", 1)
    return f", one of {count} decided together" if count > 1 else ""


def way_back(decision: Decision, recoveries: Sequence[Recovery], *, now: datetime) -> Way:
    """From the decision to the automation's receipt, step by step, for every caller."""
    final_at = decision.confirmed_at or decision.decided_at
    steps = [Step(tone="is-done", icon="circle-check", text="Decision recorded")]
    for recovery in recoveries:
        steps += _of_one(recovery, final_at, name=recovery.automation.display_name)
    still_open = any(recovery.state in OPEN_RECOVERIES for recovery in recoveries)
    return Way(steps=tuple(steps), poll_seconds=_poll_seconds(now - final_at) if still_open else None)


def _poll_seconds(age: timedelta) -> int:
    return next((seconds for limit, seconds in POLL_SECONDS if age < limit), SLOW_POLL_SECONDS)


def _of_one(recovery: Recovery, final_at: datetime, *, name: str) -> list[Step]:
    steps = [_delivery(recovery, final_at, name)]
    undone = [step for step in recovery.steps if step["status"] == RecoveryState.ROLLED_BACK]
    for number, step in enumerate(undone, start=1):
        steps.append(Step(tone="is-done", icon="undo-2", text=f"Undid step {number}", detail=step["detail"]))
    if recovery.delivered_at is not None:
        steps.append(_receipt(recovery, final_at, name))
    said = {fact["status"]: fact["detail"] for fact in recovery.later_facts}
    if recovery.reversed_at is not None:
        detail = said.get(ReceiptStatus.REVERSED, "")
        steps.append(Step(tone="is-bad", icon="undo-2", text=f"{name} reversed it later", detail=detail))
    if recovery.not_needed_at is not None:
        text, detail = f"{name} had needed nobody for it", said.get(ReceiptStatus.NOT_NEEDED, "")
        steps.append(Step(tone="is-done", icon="info", text=text, detail=detail))
    return steps


def _delivery(recovery: Recovery, final_at: datetime, name: str) -> Step:
    if recovery.state == RecoveryState.PARKED:
        detail = "Sending it again is up to a manager."
        return Step(tone="is-bad", icon="triangle-alert", text=f"{name} could not be told", detail=detail)
    if recovery.delivered_at is None:
        return Step(tone="is-now", icon="loader-circle", text=f"Telling {name}…")
    after = wording.elapsed(recovery.delivered_at - final_at)
    return Step(tone="is-done", icon="circle-check", text=f"Told {name} after {after}")


def _receipt(recovery: Recovery, final_at: datetime, name: str) -> Step:
    if recovery.received_at is None and recovery.overdue_noted_at is not None:
        return Step(tone="is-bad", icon="triangle-alert", text=f"The receipt of {name} is overdue")
    if recovery.received_at is None:
        return Step(tone="is-now", icon="loader-circle", text=f"Waiting for {name} to apply it")
    after = wording.elapsed(recovery.received_at - final_at)
    if recovery.state == RecoveryState.FAILED:
        return Step(tone="is-bad", icon="circle-x", text=f"Failed after {after}", detail=recovery.detail)
    words = "Rolled back" if recovery.state == RecoveryState.ROLLED_BACK else "Applied"
    return Step(tone="is-done", icon="circle-check", text=f"{words} after {after}", detail=recovery.detail)
