"""What people do with a handoff before they decide; each checks, writes and tells, under the row lock if need be."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import User
from handoffs import access
from handoffs.actions import audit, notifications, recovery, reminders
from handoffs.actions.at_once import Act, at_once
from handoffs.actions.checks import check, check_can_hold, require_reason
from handoffs.actions.context import HEARD, locked, remember_beside
from handoffs.choices import PRIORITY_RANKS, DecisionStatus, Event, Mode, State, WebhookType
from handoffs.errors import NoNextRole, WrongState
from handoffs.models import CLOCK, Actor, Decision, Handoff
from handoffs.queries import picking, team
from handoffs.queries.clocks import calendar_of
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import REVISION
from handoffs.rules import routing, sla
from handoffs.rules.policy import EscalationStep


def accept(handoff: Handoff, *, reviewer: User, now: datetime) -> Handoff:
    """Hold the handoff. Accepting what one holds already changes nothing.

    Raises AlreadyAccepted with the holder, WrongState, or NotAllowed.
    """
    act = partial(_accept_if_allowed, reviewer=reviewer, now=now)
    return at_once(handoff, act) or _accept_locked(handoff, act, reviewer)


@transaction.atomic(durable=True)
def _accept_locked(handoff: Handoff, act: Act, reviewer: User) -> Handoff:
    handoff = locked(handoff)
    is_theirs = handoff.state == State.IN_PROGRESS and handoff.holder_id == reviewer.pk
    return handoff if is_theirs else act(handoff)


def _accept_if_allowed(handoff: Handoff, *, reviewer: User, now: datetime) -> Handoff:
    check(handoff, reviewer, "accept")
    return _accept(handoff, reviewer, now)


@transaction.atomic(durable=True)
def take_next(*, reviewer: User, now: datetime, workflow: str = "", role: str = "") -> Handoff | None:
    """Accept the most urgent pending handoff of the reviewer's roles; None where there is none.

    What was resubmitted for the reviewer's own questions comes first, what is offered to somebody else last. Rows that
    others are taking this moment are passed over, so nobody waits and nobody takes the same one.
    """
    scope = reviewer.workflow_scope
    if workflow:
        scope = frozenset({workflow}) if scope is None else scope & {workflow}
    found = picking.next_of(
        reviewer.pk,
        role_ids=[key for key, name in reviewer.roles.items() if role in ("", name)],
        workflow_keys=scope,
        known_workflow_ids=access.managed_workflow_ids(reviewer),
        related=access.ANSWERED_WITH_HANDOFF,
        columns=access.WHOLE_TO_ACT_ON,
        also=(REVISION, HEARD),
    )
    return _accept_picked(*found, reviewer, now) if found else None


def _accept_picked(handoff: Handoff, beside: Sequence[Any], reviewer: User, now: datetime) -> Handoff:
    """Its row is locked. Read again where it changed between the begin of the statement that picked it and its lock."""
    remember_beside(handoff, *beside)
    try:
        return _accept(handoff, reviewer, now)
    except audit.ChangedMeanwhile:
        return _accept(locked(handoff), reviewer, now)


@transaction.atomic(durable=True)
def release(handoff: Handoff, *, actor: User, now: datetime, reason: str = "") -> Handoff:
    """Give the handoff back to its role. Raises NotHolder, WrongState or NotAllowed."""
    handoff = locked(handoff)
    check(handoff, actor, "release")
    let_go(handoff, by=Actor.of(actor), reason=reason, now=now)
    return handoff


@transaction.atomic(durable=True)
def assign(handoff: Handoff, *, to: User, by: User, now: datetime) -> Handoff:
    """Have `to` hold the handoff, whoever held it: a manager's release and acceptance in one, both on the trail.

    Assigning to the holder changes nothing. Raises NotAllowed for who does not manage the workflow, or where `to` has
    not the role or submitted the case; WrongState where nobody can hold it now.
    """
    handoff = locked(handoff)
    if handoff.state == State.IN_PROGRESS and handoff.holder_id == to.pk:
        return handoff
    check(handoff, by, "assign")
    check_can_hold(handoff, to)
    reason = f"Assigned to {to.display_name}"
    if handoff.state == State.IN_PROGRESS:
        held_by = handoff.holder
        let_go(handoff, by=Actor.of(by), reason=reason, now=now)
        assert held_by is not None
        reminders.say_given_back(
            handoff, held_by, reason=f"{by.display_name} assigned it to {to.display_name}", now=now
        )
    handoff.accept(by=to, now=now)
    details = {"to": to.display_name}
    save_and_tell(handoff, Event.ASSIGNED, WebhookType.ACCEPTED, by=Actor.of(by), now=now, details=details)
    reminders.say_assigned(handoff, to, by=by, now=now)
    return handoff


@transaction.atomic(durable=True)
def escalate(handoff: Handoff, *, actor: User, reason: str, now: datetime) -> Handoff:
    """Move the handoff to the next role of its policy's chain. Raises NoNextRole at the top of it."""
    require_reason(reason)
    handoff = locked(handoff)
    check(handoff, actor, "escalate")
    policy = policy_of(handoff.policy_version_id)
    found = routing.next_escalation(policy, role=handoff.role.name, steps_done=frozenset(handoff.steps_done))
    if found is None:
        raise NoNextRole(f"{handoff.role.name} is the last role of the escalation chain. Decide, or return it.")
    move_up(handoff, *found, by=Actor.of(actor), reason=reason, now=now)
    return handoff


@transaction.atomic(durable=True)
def return_(handoff: Handoff, *, reviewer: User, reason: str, questions: list[str], now: datetime) -> Handoff:
    """Send the handoff back to its automation with questions; the clock pauses. Raises NotHolder or WrongState."""
    require_reason(reason)
    asked = [question.strip() for question in questions if question.strip()]
    handoff = locked(handoff)
    check(handoff, reviewer, "return")
    handoff.return_(now=now)
    said = {"reason": reason, "questions": asked}
    kind, extra = WebhookType.RETURNED, {"returned": said}
    by = Actor.of(reviewer)
    save_and_tell(handoff, Event.RETURNED, kind, by=by, now=now, reason=reason, details=said, extra=extra)
    return handoff


@transaction.atomic(durable=True)
def withdraw(handoff: Handoff, *, actor: User, reason: str, now: datetime) -> Handoff:
    """End the handoff without a decision, because the case no longer needs one. Raises WrongState or NotAllowed."""
    require_reason(reason)
    handoff = locked(handoff)
    check(handoff, actor, "withdraw")
    take_back(handoff, by=Actor.of(actor), reason=reason, now=now)
    return handoff


@transaction.atomic(durable=True)
def reopen(handoff: Handoff, *, actor: User, reason: str, now: datetime) -> Handoff:
    """Ask a person again although it was resolved. Raises WrongState or NotAllowed, or that the case is open anew."""
    require_reason(reason)
    handoff = locked(handoff)
    check(handoff, actor, "reopen")
    open_again(handoff, by=Actor.of(actor), reason=reason, now=now)
    return handoff


# What the clock, receipts and intake do by the same steps, inside a transaction of their own.


def let_go(handoff: Handoff, *, by: Actor, reason: str, now: datetime) -> None:
    """Back to pending in the same role; the caller holds the row lock."""
    was_held_by = handoff.holder.display_name if handoff.holder else ""
    handoff.release()
    details = {"held_by": was_held_by}
    save_and_tell(handoff, Event.RELEASED, by=by, now=now, reason=reason, details=details)


def move_up(handoff: Handoff, index: int, step: EscalationStep, *, by: Actor, reason: str, now: datetime) -> None:
    """To the role of step `index` of the chain, level + 1; the caller holds the row lock."""
    before = handoff.role.name
    target = team.role_called(step.role)
    priority = PRIORITY_RANKS[step.priority] if step.priority else None
    handoff.escalate(to=target, priority=max(priority, handoff.priority) if priority else None)
    handoff.steps_done = [*handoff.steps_done, routing.escalation_key(index)]
    details = {"from": before, "to": step.role, "level": handoff.escalation_level}
    save_and_tell(handoff, Event.ESCALATED, WebhookType.ESCALATED, by=by, now=now, reason=reason, details=details)
    reminders.say_escalated(handoff, step, index, from_role=before, reason=reason, now=now)


def take_back(handoff: Handoff, *, by: Actor, reason: str, now: datetime) -> None:
    """To withdrawn, an open proposal dropped; the caller holds the row lock."""
    drop_proposal(handoff)
    handoff.withdraw(now=now)
    extra = {"withdrawn": {"reason": reason}}
    save_and_tell(handoff, Event.WITHDRAWN, WebhookType.WITHDRAWN, by=by, now=now, reason=reason, extra=extra)


def open_again(handoff: Handoff, *, by: Actor, reason: str, now: datetime) -> None:
    """From resolved to pending with a new clock; the caller holds the row lock. Raises WrongState."""
    _clear_the_way(handoff, now)
    if Handoff.objects.open().filter(case=handoff.case_id).exists():
        raise WrongState("The case is with a person again already, as another handoff.")
    handoff.reopen(now=now)
    save_and_tell(handoff, Event.REOPENED, WebhookType.REOPENED, by=by, now=now, reason=reason)


def _clear_the_way(handoff: Handoff, now: datetime) -> None:
    """What is open for its case without effect gives way to the handoff that has one."""
    beside = Handoff.objects.open().filter(case=handoff.case_id).exclude(mode=Mode.LIVE).first()
    if beside is not None:
        take_back(locked(beside), by=CLOCK, reason="The handoff with effect was opened again", now=now)


def drop_proposal(handoff: Handoff) -> None:
    """A decision that nobody confirmed does not count any more."""
    Decision.objects.filter(handoff=handoff, status=DecisionStatus.PROPOSED).update(status=DecisionStatus.OBJECTED)


def save_and_tell(
    handoff: Handoff,
    event: Event,
    kind: WebhookType | None = None,
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Wind the clock, save with a row of the trail, and tell who subscribed to `kind`, with what is `extra` to it."""
    wind(handoff, now=now)
    telling = partial(recovery.messages, handoff, kind, now=now, extra=extra) if kind else tuple
    audit.record(handoff, event, actor=by, now=now, reason=reason, details=details, telling=telling)
    notifications.overtake(handoff, now=now)


def wind(handoff: Handoff, *, now: datetime) -> None:
    """Set due times and the next step from the handoff's facts; a closed handoff keeps its due times, and no step."""
    if not handoff.is_open:
        handoff.next_step_at = None
        return
    policy = policy_of(handoff.policy_version_id)
    calendar = calendar_of(policy.sla.calendar, year=now.year)
    clock = handoff.clock()
    handoff.set_due(sla.due_times(policy.sla, calendar, clock))
    step = sla.next_step(policy.sla, calendar, clock)
    handoff.next_step_at = step.due_at if step else None


def _accept(handoff: Handoff, reviewer: User, now: datetime) -> Handoff:
    handoff.accept(by=reviewer, now=now)
    save_and_tell(handoff, Event.ACCEPTED, WebhookType.ACCEPTED, by=Actor.of(reviewer), now=now)
    return handoff
