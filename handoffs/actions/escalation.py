"""What the clock does: fires due steps of handoffs' ladders, one step per handoff and pass."""

import logging
import uuid
from datetime import datetime

from django.db import transaction

from handoffs.actions import audit, availability, decisions, lifecycle, reminders
from handoffs.actions.context import locked
from handoffs.choices import Event, StepKind
from handoffs.models import CLOCK, Handoff
from handoffs.queries.clocks import calendar_of
from handoffs.queries.policies import policy_of
from handoffs.rules import sla
from handoffs.rules.policy import Policy

logger = logging.getLogger(__name__)

BATCH_ROWS = 200
PUSH_BACK_SECONDS = 60


def due_ids(*, now: datetime, limit: int = BATCH_ROWS) -> list[uuid.UUID]:
    """Ids of open handoffs whose next step is due, the longest due first."""
    return list(Handoff.objects.step_due(now).order_by("next_step_at").values_list("pk", flat=True)[:limit])


@transaction.atomic(durable=True)
def fire(handoff_id: uuid.UUID, *, now: datetime) -> StepKind | None:
    """Take the next due step of one handoff; None where another sweep has it, or nothing is due after all."""
    if not Handoff.objects.select_for_update(skip_locked=True).filter(pk=handoff_id).step_due(now).exists():
        return None
    handoff = locked(Handoff(pk=handoff_id))
    policy = policy_of(handoff.policy_version_id)
    _supersede_stale_reminders(handoff, policy, now)
    step = sla.next_step(policy.sla, calendar_of(policy.sla.calendar, year=now.year), handoff.clock(), now=now)
    if step is None or not sla.is_due(step, now):
        _rewind(handoff, now)
        return None
    _FIRE[step.kind](handoff, policy, step, now)
    return step.kind


@transaction.atomic(durable=True)
def push_back(handoff_id: uuid.UUID, *, until: datetime) -> None:
    """Keep a handoff whose step raised out of the way of the others until then."""
    Handoff.objects.filter(pk=handoff_id).update(next_step_at=until)


def _supersede_stale_reminders(handoff: Handoff, policy: Policy, now: datetime) -> None:
    calendar = calendar_of(policy.sla.calendar, year=now.year)
    stale = sla.superseded(policy.sla, calendar, handoff.clock(), now=now)
    if stale:
        handoff.steps_done = [*handoff.steps_done, *stale]
        lifecycle.wind(handoff, now=now)
        details = {"steps": list(stale)}
        audit.record(handoff, Event.REMINDER_SUPERSEDED, actor=CLOCK, now=now, details=details)


def _rewind(handoff: Handoff, now: datetime) -> None:
    lifecycle.wind(handoff, now=now)
    Handoff.objects.filter(pk=handoff.pk).update(next_step_at=handoff.next_step_at)


def _remind(handoff: Handoff, policy: Policy, step: sla.Step, now: datetime) -> None:
    reminder = policy.sla.reminders[step.index]
    handoff.steps_done = [*handoff.steps_done, step.key]
    lifecycle.wind(handoff, now=now)
    told = reminders.send(handoff, policy, reminder, step=step.key, now=now)
    details = {"step": step.key, "target": reminder.anchor.value, "to": reminder.to.value, "told": told}
    audit.record(handoff, Event.REMINDED, actor=CLOCK, now=now, details=details)
    if not told:
        availability.pass_on_if_nobody(handoff, now=now)


def _escalate(handoff: Handoff, policy: Policy, step: sla.Step, now: datetime) -> None:
    rung = policy.sla.escalation[step.index]
    reason = f"Still {rung.when.label} when the chain came to {rung.role}"
    if rung.role == handoff.role.name:
        handoff.steps_done = [*handoff.steps_done, step.key]
        _rewind_done(handoff, now)
        return
    lifecycle.move_up(handoff, step.index, rung, by=CLOCK, reason=reason, now=now)
    availability.pass_on_if_nobody(handoff, now=now)


def _rewind_done(handoff: Handoff, now: datetime) -> None:
    """The handoff is with that role already: the step is over without a move."""
    lifecycle.wind(handoff, now=now)
    Handoff.objects.filter(pk=handoff.pk).update(steps_done=handoff.steps_done, next_step_at=handoff.next_step_at)


def _release_idle(handoff: Handoff, policy: Policy, step: sla.Step, now: datetime) -> None:
    held_by = handoff.holder
    lifecycle.let_go(handoff, by=CLOCK, reason="The holder was idle too long", now=now)
    if held_by is not None:
        reminders.say_given_back(handoff, held_by, reason="You were idle too long", now=now)


def _cut_off(handoff: Handoff, policy: Policy, step: sla.Step, now: datetime) -> None:
    assert policy.sla.cut_off is not None
    outcome = policy.outcome(policy.sla.cut_off.outcome)
    assert outcome is not None
    held_by = handoff.holder
    decisions.expire(handoff, outcome=outcome, deadline=step.due_at, now=now)
    reminders.say_cut_off(handoff, held_by, outcome=outcome, deadline=step.due_at, now=now)


_FIRE = {
    StepKind.REMIND: _remind,
    StepKind.ESCALATE: _escalate,
    StepKind.IDLE_RELEASE: _release_idle,
    StepKind.CUT_OFF: _cut_off,
}
