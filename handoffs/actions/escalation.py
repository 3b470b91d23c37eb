"""What the clock does: fires due steps of handoffs' ladders, one step per handoff and pass."""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from handoffs.actions import audit, availability, decisions, lifecycle, reminders
from handoffs.choices import OPEN_STATES, Event, StepKind
from handoffs.models import CLOCK, Handoff, gathering, rows
from handoffs.queries import lookups
from handoffs.queries.clocks import calendar_of
from handoffs.queries.policies import policy_of
from handoffs.rules import sla
from handoffs.rules.policy import Policy

logger = logging.getLogger(__name__)

BATCH_ROWS = 200
"""So many fire in one transaction; meanwhile nobody else can change them."""
PASS_ROWS = 2_000
PUSH_BACK_SECONDS = 60
RELATED = ("workflow", "case", "role", "holder")
DUE = "id = ANY(%s) AND state = ANY(%s) AND next_step_at <= %s ORDER BY next_step_at FOR UPDATE SKIP LOCKED"


def due_ids(*, now: datetime, limit: int = PASS_ROWS) -> list[uuid.UUID]:
    """Ids of open handoffs whose next step is due, the longest due first."""
    return list(Handoff.objects.step_due(now).order_by("next_step_at").values_list("pk", flat=True)[:limit])


@transaction.atomic(durable=True)
def fire(handoff_id: uuid.UUID, *, now: datetime) -> StepKind | None:
    """Take the next due step of one handoff; None where another sweep has it, or nothing is due after all."""
    return next((_step(handoff, now) for handoff in _locked_due([handoff_id], now)), None)


@transaction.atomic(durable=True)
def fire_many(handoff_ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """The same for each of them, in one transaction and few statements; returns how many steps that were.

    What is looked up for several is looked up once. Where one of them fails all do, and nothing has happened.
    """
    with lookups.kept():
        handoffs = _locked_due(handoff_ids, now)
        rows.read_related(handoffs, RELATED)
        with gathering.gathered():
            return sum(_step(handoff, now) is not None for handoff in handoffs)


def _locked_due(handoff_ids: Sequence[uuid.UUID], now: datetime) -> list[Handoff]:
    """Those that are due, and that nobody else has now."""
    return rows.select(Handoff, DUE, [list(handoff_ids), list(OPEN_STATES), now])


def _step(handoff: Handoff, now: datetime) -> StepKind | None:
    policy = policy_of(handoff.policy_version_id)
    calendar = calendar_of(policy.sla.calendar, year=now.year)
    due = sla.due_now(policy.sla, calendar, handoff.clock(), now=now)
    if due.stale:
        _supersede(handoff, due.stale, now)
    if due.step is None or not sla.is_due(due.step, now):
        _rewind(handoff, now)
        return None
    handoff.next_step_at = due.then_at
    _FIRE[due.step.kind](handoff, policy, due.step, now)
    return due.step.kind


@transaction.atomic(durable=True)
def push_back(handoff_id: uuid.UUID, *, until: datetime) -> None:
    """Keep a handoff whose step raised out of the way of the others until then."""
    Handoff.objects.filter(pk=handoff_id).update(next_step_at=until)


def _supersede(handoff: Handoff, stale: Sequence[str], now: datetime) -> None:
    """Nobody is reminded any more of what was to be reminded of before something later."""
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
