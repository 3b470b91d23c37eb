"""What automations say came of a decision, and what follows from their silence."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs.actions import audit, context, lifecycle, notifications, reminders, undo_steps
from handoffs.actions.context import locked
from handoffs.choices import RECEIVED_STATES, Event, Mode, NoticeKind, OnFailure, ReceiptStatus, RecoveryState, State
from handoffs.errors import AlreadyReceived, DigestMismatch, NotPossibleNow
from handoffs.models import CLOCK, Actor, Handoff, Recovery
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import package_of, rfc3339
from handoffs.rules import package as packages

LATER_FACTS = {ReceiptStatus.REVERSED: "reversed_at", ReceiptStatus.NOT_NEEDED: "not_needed_at"}
"""What may be said at any time after the decision, beside what came of it, and where it is kept when that was."""


class NothingToReceive(NotPossibleNow):
    """No decision of this handoff waits for a receipt of this caller."""

    code = "nothing_to_receive"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """An automation's word; `correlation_id` picks one of its recoveries where it has several, None means all.

    `attempt` names the one step of a roll-back that it is about; empty where it is about the decision as a whole.
    """

    status: ReceiptStatus
    detail: str = ""
    context_digest: str = ""
    correlation_id: str | None = None
    attempt: str = ""


def receive(handoff: Handoff, receipt: Receipt, *, automation: User, now: datetime) -> list[Recovery]:
    """Close the caller's recoveries of the last decision; the same receipt again changes nothing.

    `failed` reopens the handoff unless its policy says otherwise. Raises NothingToReceive, DigestMismatch (which the
    trail keeps), AlreadyReceived where another status was received before, and OutOfOrder for a step of a roll-back.
    """
    try:
        return _receive(handoff, receipt, automation=automation, now=now)
    except DigestMismatch as refusal:
        _keep_refusal(handoff, receipt, refusal, automation=automation, now=now)
        raise


@transaction.atomic(durable=True)
def _receive(handoff: Handoff, receipt: Receipt, *, automation: User, now: datetime) -> list[Recovery]:
    handoff = locked(handoff)
    recoveries = _waiting_for(handoff, receipt, automation)
    _check_digest(recoveries, receipt)
    new = _taken_step(handoff, recoveries, receipt, now) if receipt.attempt else _taken(recoveries, receipt, now)
    if any(recovery.overdue_noted_at for recovery in new):
        notifications.supersede(handoff, [NoticeKind.RECEIPT_OVERDUE], now=now)
    if new:
        _write_down(handoff, receipt, automation, now)
    return recoveries


@transaction.atomic(durable=True)
def _keep_refusal(
    handoff: Handoff, receipt: Receipt, refusal: DigestMismatch, *, automation: User, now: datetime
) -> None:
    """That an automation applied the decision to another context is shown, not only refused."""
    expected = refusal.details["context_digest"]
    details = {"status": receipt.status.value, "named_digest": receipt.context_digest, "context_digest": expected}
    audit.record(
        locked(handoff),
        Event.RECEIPT_REFUSED,
        actor=Actor.of(automation),
        now=now,
        reason=receipt.detail,
        details=details,
    )


def _taken_step(handoff: Handoff, recoveries: list[Recovery], receipt: Receipt, now: datetime) -> list[Recovery]:
    word = {"attempt": receipt.attempt, "status": receipt.status, "detail": receipt.detail}
    return recoveries if undo_steps.take(handoff, recoveries, **word, now=now) else []  # type: ignore[arg-type]


def _taken(recoveries: list[Recovery], receipt: Receipt, now: datetime) -> list[Recovery]:
    """Those for which this is news."""
    if receipt.status in LATER_FACTS:
        new = [recovery for recovery in recoveries if getattr(recovery, LATER_FACTS[receipt.status]) is None]
    else:
        new = [recovery for recovery in recoveries if not _is_repeated(recovery, receipt)]
    for recovery in new:
        _take(recovery, receipt, now)
    return new


@transaction.atomic(durable=True)
def note_fetched(handoff: Handoff, *, automation: User, now: datetime) -> int:
    """The automation fetched the decision itself: its recoveries count as delivered. Returns how many did now."""
    states = (RecoveryState.AWAITING, RecoveryState.PARKED)
    waiting = Recovery.objects.filter(handoff=handoff, automation=automation, state__in=states)
    if not waiting.exists():
        return 0
    handoff = locked(handoff)
    ids = list(waiting.values_list("pk", flat=True))
    if not ids:
        return 0
    Recovery.objects.filter(pk__in=ids).update(state=RecoveryState.DELIVERED, delivered_at=now)
    details = {"recoveries": [str(pk) for pk in ids], "how": "fetched"}
    audit.record(handoff, Event.DECISION_DELIVERED, actor=Actor.of(automation), now=now, details=details)
    return len(ids)


def overdue(now: datetime) -> QuerySet[Recovery]:
    """What waits for a receipt that did not come in time, and is not noted yet."""
    return Recovery.objects.filter(receipt_due_at__lte=now, received_at=None, overdue_noted_at=None)


def note_overdue(*, now: datetime, limit: int = 100) -> int:
    """Write to the trail each receipt that did not come in time, once; returns how many."""
    ids = list(overdue(now).order_by("receipt_due_at").values_list("pk", "handoff_id")[:limit])
    return sum(_note_overdue(recovery_id, handoff_id, now) for recovery_id, handoff_id in ids)


@transaction.atomic(durable=True)
def _note_overdue(recovery_id: uuid.UUID, handoff_id: uuid.UUID, now: datetime) -> bool:
    handoff = locked(Handoff(pk=handoff_id))
    still_due = Recovery.objects.filter(pk=recovery_id, received_at=None, overdue_noted_at=None)
    if not still_due.update(overdue_noted_at=now):
        return False
    details = {"recovery": str(recovery_id)}
    reminders.say_receipt_overdue(handoff, recovery_id, now=now)
    return audit.record(handoff, Event.RECEIPT_OVERDUE, actor=CLOCK, now=now, details=details)


def _waiting_for(handoff: Handoff, receipt: Receipt, automation: User) -> list[Recovery]:
    decision = handoff.decisions.filter(recoveries__isnull=False).order_by("-resolution_number").first()
    recoveries = Recovery.objects.select_for_update().filter(decision=decision, automation=automation)
    if receipt.correlation_id is not None:
        recoveries = recoveries.filter(correlation_id=receipt.correlation_id)
    found = list(recoveries.select_related("decision"))
    if decision is None or not found:
        raise NothingToReceive(
            "No decision of this handoff waits for your receipt. GET the handoff to see its state and recovery."
        )
    return found


def _check_digest(recoveries: list[Recovery], receipt: Receipt) -> None:
    expected = recoveries[0].decision.context_digest
    if receipt.context_digest and receipt.context_digest != expected:
        raise DigestMismatch(
            "The receipt names another context than the decision was made on.", context_digest=expected
        )


def _is_repeated(recovery: Recovery, receipt: Receipt) -> bool:
    if recovery.state not in RECEIVED_STATES:
        return False
    if recovery.state != receipt.status:
        raise AlreadyReceived(f"The receipt {recovery.state!r} was taken before.", received=recovery.state)
    return True


def _take(recovery: Recovery, receipt: Receipt, now: datetime) -> None:
    if receipt.status in LATER_FACTS:
        setattr(recovery, LATER_FACTS[receipt.status], now)
        said = {"status": receipt.status.value, "detail": receipt.detail, "at": rfc3339(now)}
        recovery.later_facts = [*recovery.later_facts, said]
    else:
        recovery.state, recovery.received_at, recovery.detail = RecoveryState(receipt.status), now, receipt.detail
        recovery.delivered_at = recovery.delivered_at or now
    recovery.save()


def _write_down(handoff: Handoff, receipt: Receipt, automation: User, now: datetime) -> None:
    actor = Actor.of(automation)
    details = {"status": receipt.status.value, "correlation_id": receipt.correlation_id}
    details |= {"attempt": receipt.attempt} if receipt.attempt else {}
    audit.record(handoff, Event.RECEIPT_RECEIVED, actor=actor, now=now, reason=receipt.detail, details=details)
    failed = receipt.status is ReceiptStatus.FAILED and handoff.state == State.RESOLVED
    reopens = policy_of(handoff.policy_version_id).recovery.on_failure is OnFailure.REOPEN
    if failed and reopens and not _is_with_a_person_again(handoff):
        reason = f"Recovery failed: {receipt.detail}" if receipt.detail else "Recovery failed"
        if receipt.detail:
            _tell_the_next_reviewer(handoff, reason, actor, now)
        lifecycle.open_again(handoff, by=actor, reason=reason, now=now)


def _tell_the_next_reviewer(handoff: Handoff, words: str, actor: Actor, now: datetime) -> None:
    """The automation's words are the root cause of what is to be decided now: a new revision of the context."""
    before = package_of(handoff)
    shown = handoff.revisions.select_related("attempt").get(number=handoff.context_revision_number)
    package = before | {"root_cause": words}
    handoff.context_revision_number += 1
    context.take_over(handoff, package)
    revision = context.frozen(handoff, package, attempt=shown.attempt, now=now)
    details = {"revision": handoff.context_revision_number, "changes": packages.changes(before, package)}
    audit.record(handoff, Event.CONTEXT_CHANGED, actor=actor, now=now, details=details, rows=[revision])


def _is_with_a_person_again(handoff: Handoff) -> bool:
    return Handoff.objects.open().filter(case=handoff.case_id, mode=Mode.LIVE).exists()
