"""The clock of a handoff: when it is due, what happens next and why then. Firing and telling people is left to actions.

Durations count from the start of the clock in the SLA's calendar and skip the pauses. Facts go in, moments come out:
the same facts under the same policy always give the same ladder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from handoffs.choices import FINAL_STATES, EscalationWhen, Labelled, ReminderAnchor, State, StepKind
from handoffs.rules.calendars import Calendar, Stretch, add, add_with_pauses, explain, subtract
from handoffs.rules.facts import ClockFacts, DueTimes, Pause
from handoffs.rules.openings import instant_of, moment_of
from handoffs.rules.policy import Reminder, Sla

CUT_OFF_KEY = "cut_off"
IDLE_RELEASE_KEY = "idle_release"
STEPPING_STATES = (State.PENDING, State.IN_PROGRESS, State.AWAITING_CONFIRMATION)
"""Where the ladder goes on: the clock stands still while returned, and is over once resolved or withdrawn."""
TIE_RANKS = {StepKind.CUT_OFF: 0, StepKind.ESCALATE: 1, StepKind.IDLE_RELEASE: 2, StepKind.REMIND: 3}
AT_RISK_RATIO = 0.2
AT_RISK_SECONDS = 900
"""At risk is what has less than this share of its time left, or less than this many seconds."""


class Target(Labelled):
    ACCEPT = "accept"
    RESOLVE = "resolve"
    CUT_OFF = "cut_off"


class SlaKind(Labelled):
    ON_TRACK = "on_track"
    AT_RISK = "at_risk"
    OVERDUE = "overdue"
    PAUSED = "paused"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One rung of the ladder. `key` is remembered once it fired, `index` is its place in the policy's list."""

    kind: StepKind
    key: str
    due_at: datetime
    index: int = 0


@dataclass(frozen=True, kw_only=True)
class DueNow:
    """What a pass does: `stale` reminders are passed over, `step` fires, and then `then_at` is the next moment.

    `then_at` counts on the step changing nothing that the ladder depends on, as reminders do.
    """

    stale: tuple[str, ...]
    step: Step | None
    then_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class SlaStatus:
    """What a badge says. `seconds_left` is negative once overdue; the rest is None where no target runs."""

    kind: SlaKind
    target: Target | None = None
    due_at: datetime | None = None
    seconds_left: int | None = None


def due_times(sla: Sla, calendar: Calendar, clock: ClockFacts) -> DueTimes:
    """When the handoff must be accepted and resolved and when it is cut off, in UTC.

    None where the policy sets no limit, and where an open pause keeps the moment from being reached: the clock stands
    still, and the moment is known again when it goes on. A moment reached before the pause stays as it was. A fixed
    deadline replaces `resolve_by` and is not moved, pause or not. `accept_by` is not moved by pauses that begin after
    the acceptance. Raises CalendarNeverOpens if the calendar does not offer the time.
    """
    return DueTimes(
        accept_by=_after(calendar, clock, sla.accept_within_seconds, _pauses_of(clock, Target.ACCEPT)),
        resolve_by=_fixed(clock) or _after(calendar, clock, sla.resolve_within_seconds, clock.pauses),
        cut_off_at=_after(calendar, clock, _seconds_of(sla, Target.CUT_OFF), clock.pauses),
    )


def ladder(sla: Sla, calendar: Calendar, clock: ClockFacts) -> tuple[Step, ...]:
    """All outstanding steps in the order in which they will fire, ending with the cut-off; none while returned or over.

    What depends on acceptance (reminders to accept, escalation of what is not accepted) is out once accepted; idle
    release is there only while in progress, and what waits for a second person is not moved up. At the same moment the
    cut-off comes first, then escalation, idle release and reminders. What could only fire after the cut-off is left
    out. Raises CalendarNeverOpens.
    """
    return _in_order(_steps(sla, calendar, clock), clock)


def next_step(sla: Sla, calendar: Calendar, clock: ClockFacts, *, now: datetime | None = None) -> Step | None:
    """The step to wait for, or None. Its `due_at` is the handoff's `next_step_at`, and may lie in the past.

    With `now`, the step to fire in this pass: a cut-off that is due goes before all that is older, and reminders that
    `superseded` names are passed over.
    """
    if now is None:
        return next(iter(ladder(sla, calendar, clock)), None)
    return due_now(sla, calendar, clock, now=now).step


def due_now(sla: Sla, calendar: Calendar, clock: ClockFacts, *, now: datetime) -> DueNow:
    """What `superseded` and `next_step` say at `now`, and what comes after, in one look at the ladder."""
    every = tuple(_steps(sla, calendar, clock))
    steps = _in_order(every, clock)
    stale = _superseded(every, steps, now)
    if steps and steps[-1].kind is StepKind.CUT_OFF and is_due(steps[-1], now):
        return DueNow(stale=stale, step=steps[-1], then_at=None)
    left = [step for step in steps if step.key not in stale]
    return DueNow(stale=stale, step=left[0] if left else None, then_at=left[1].due_at if len(left) > 1 else None)


def is_due(step: Step, now: datetime) -> bool:
    """Whether the step's moment has come; the moment itself counts."""
    return step.due_at <= now


def superseded(sla: Sla, calendar: Calendar, clock: ClockFacts, *, now: datetime) -> tuple[str, ...]:
    """The keys of reminders that are recorded as superseded and not sent, in the order of the ladder.

    The rule: a reminder is stale as soon as a later reminder, escalation or cut-off of the ladder is due as well. So
    after an outage people hear only the latest. Steps of the same moment do not supersede each other, and an idle
    release supersedes nothing.
    """
    return due_now(sla, calendar, clock, now=now).stale


def status(due: DueTimes, clock: ClockFacts, *, now: datetime) -> SlaStatus:
    """The state of the target whose due time comes first: accept (until accepted) or resolve.

    Overdue from the due time on, and before that at risk after `risk_at`. While returned it is paused, unless it
    was overdue before; a fixed deadline is shown then and can become overdue. None once it is over or has no target.
    """
    if clock.state in FINAL_STATES:
        return SlaStatus(kind=SlaKind.NONE)
    target, due_at = _first_target(due, clock)
    paused = clock.state is State.RETURNED
    if due_at is None:
        return SlaStatus(kind=SlaKind.PAUSED if paused else SlaKind.NONE)
    left = due_at - now
    kind = SlaKind.PAUSED if paused and left > timedelta(0) else _kind(due_at, clock.clock_started_at, now)
    return SlaStatus(kind=kind, target=target, due_at=due_at, seconds_left=left // timedelta(seconds=1))


def risk_at(due_at: datetime, *, started_at: datetime) -> datetime:
    """After when something is at risk: less than a fifth of its time is left, or less than 15 minutes.

    Both are time on the wall, not business time. THE definition: badges, lists and figures follow it.
    """
    return due_at - max((due_at - started_at) * AT_RISK_RATIO, timedelta(seconds=AT_RISK_SECONDS))


def explain_due(
    sla: Sla, calendar: Calendar, clock: ClockFacts, *, target: Target, now: datetime
) -> tuple[Stretch, ...]:
    """Why the target is due then: the counted, closed and paused stretches from the start of the clock to its due time.

    While the clock stands still they lead up to `now`. Empty without such a target, and for a fixed deadline, which is
    due then because the automation said so.
    """
    if _seconds_of(sla, target) is None or (target is Target.RESOLVE and clock.fixed_resolve_by):
        return ()
    due_at = _due_at(due_times(sla, calendar, clock), target)
    return explain(calendar, clock.clock_started_at, due_at or now, _pauses_of(clock, target))


def allowed_seconds(sla: Sla, target: Target) -> int | None:
    """How long the policy allows for the target, in its calendar; None where it sets no limit."""
    return _seconds_of(sla, target)


def longest_seconds(sla: Sla) -> int:
    """The longest time that anything of it takes, in its calendar."""
    targets = (_seconds_of(sla, target) for target in Target)
    steps = (step.after_seconds for step in sla.escalation)
    return max((seconds for seconds in (*targets, *steps, sla.idle_release_seconds) if seconds), default=0)


def _after(calendar: Calendar, clock: ClockFacts, seconds: int | None, pauses: tuple[Pause, ...]) -> datetime | None:
    return None if seconds is None else add_with_pauses(calendar, clock.clock_started_at, seconds, pauses)


def _fixed(clock: ClockFacts) -> datetime | None:
    return clock.fixed_resolve_by and moment_of(instant_of(clock.fixed_resolve_by))


def _pauses_of(clock: ClockFacts, target: Target) -> tuple[Pause, ...]:
    if target is not Target.ACCEPT or clock.accepted_at is None:
        return clock.pauses
    return tuple(pause for pause in clock.pauses if pause.started_at < clock.accepted_at)


def _seconds_of(sla: Sla, target: Target) -> int | None:
    if target is Target.CUT_OFF:
        return sla.cut_off.after_seconds if sla.cut_off else None
    return sla.accept_within_seconds if target is Target.ACCEPT else sla.resolve_within_seconds


def _due_at(due: DueTimes, target: Target) -> datetime | None:
    return {Target.ACCEPT: due.accept_by, Target.RESOLVE: due.resolve_by, Target.CUT_OFF: due.cut_off_at}[target]


def _order(step: Step) -> tuple[datetime, int, int]:
    return (step.due_at, TIE_RANKS[step.kind], step.index)


def _outstanding(step: Step, clock: ClockFacts) -> bool:
    return step.kind is StepKind.IDLE_RELEASE or step.key not in clock.steps_done


def _in_order(every: Iterable[Step], clock: ClockFacts) -> tuple[Step, ...]:
    """The outstanding ones of all that apply, up to the cut-off."""
    outstanding = sorted((step for step in every if _outstanding(step, clock)), key=_order)
    kinds = [step.kind for step in outstanding]
    end = kinds.index(StepKind.CUT_OFF) + 1 if StepKind.CUT_OFF in kinds else len(kinds)
    return tuple(outstanding[:end])


def _superseded(every: Iterable[Step], steps: Iterable[Step], now: datetime) -> tuple[str, ...]:
    moments = [step.due_at for step in every if step.kind is not StepKind.IDLE_RELEASE]
    latest_due_at = max((moment for moment in moments if moment <= now), default=None)
    if latest_due_at is None:
        return ()
    reminders = (step for step in steps if step.kind is StepKind.REMIND)
    return tuple(step.key for step in reminders if step.due_at < latest_due_at)


def _steps(sla: Sla, calendar: Calendar, clock: ClockFacts) -> Iterator[Step]:
    """Every step that applies, done or not, in no order; what an open pause keeps away is left out."""
    if clock.state not in STEPPING_STATES:
        return
    yield from _reminders(sla, calendar, clock)
    yield from _escalations(sla, calendar, clock)
    yield from _idle_release(sla, calendar, clock)
    cut_off_at = _after(calendar, clock, _seconds_of(sla, Target.CUT_OFF), clock.pauses)
    if cut_off_at:
        yield Step(kind=StepKind.CUT_OFF, key=CUT_OFF_KEY, due_at=cut_off_at)


def _reminders(sla: Sla, calendar: Calendar, clock: ClockFacts) -> Iterator[Step]:
    for index, reminder in enumerate(sla.reminders):
        if reminder.anchor is ReminderAnchor.ACCEPT and clock.accepted_at:
            continue
        due_at = _reminder_at(sla, calendar, clock, reminder)
        if due_at:
            yield Step(kind=StepKind.REMIND, key=f"reminder:{index}", due_at=due_at, index=index)


def _reminder_at(sla: Sla, calendar: Calendar, clock: ClockFacts, reminder: Reminder) -> datetime | None:
    """A reminder that would come before the clock started comes when it starts."""
    fixed = _fixed(clock) if reminder.anchor is ReminderAnchor.RESOLVE else None
    if fixed:
        shift = subtract if reminder.offset_seconds < 0 else add
        return max(shift(calendar, fixed, abs(reminder.offset_seconds)), clock.clock_started_at.astimezone(UTC))
    within_seconds = _seconds_of(sla, Target(reminder.anchor.value))
    if within_seconds is None:
        return None
    return _after(calendar, clock, max(within_seconds + reminder.offset_seconds, 0), clock.pauses)


def _escalations(sla: Sla, calendar: Calendar, clock: ClockFacts) -> Iterator[Step]:
    if clock.state is State.AWAITING_CONFIRMATION:
        return  # a proposal is with its second person; it moves up if it is objected to
    for index, escalation in enumerate(sla.escalation):
        if escalation.when is EscalationWhen.NOT_ACCEPTED and clock.accepted_at:
            continue
        due_at = _after(calendar, clock, escalation.after_seconds, clock.pauses)
        if due_at:
            yield Step(kind=StepKind.ESCALATE, key=f"escalation:{index}", due_at=due_at, index=index)


def _idle_release(sla: Sla, calendar: Calendar, clock: ClockFacts) -> Iterator[Step]:
    idle = clock.state is State.IN_PROGRESS and clock.last_activity_at
    if idle and sla.idle_release_seconds is not None:
        due_at = add(calendar, idle, sla.idle_release_seconds)
        yield Step(kind=StepKind.IDLE_RELEASE, key=IDLE_RELEASE_KEY, due_at=due_at)


def _first_target(due: DueTimes, clock: ClockFacts) -> tuple[Target | None, datetime | None]:
    accept_by = None if clock.accepted_at else due.accept_by
    if accept_by and (due.resolve_by is None or accept_by <= due.resolve_by):
        return Target.ACCEPT, accept_by
    return (Target.RESOLVE, due.resolve_by) if due.resolve_by else (None, None)


def _kind(due_at: datetime, started_at: datetime, now: datetime) -> SlaKind:
    if due_at <= now:
        return SlaKind.OVERDUE
    return SlaKind.AT_RISK if now > risk_at(due_at, started_at=started_at) else SlaKind.ON_TRACK
