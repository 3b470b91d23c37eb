"""The clock of a handoff by example: due times, the ladder, badges, and why it is due then."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from handoffs.choices import EscalationWhen, ReminderAnchor, ReminderTo, State, StepKind
from handoffs.rules.calendars import ALWAYS, Calendar, CalendarNeverOpens, Hours, Stretch, StretchKind
from handoffs.rules.facts import ClockFacts, DueTimes, Pause
from handoffs.rules.policy import CutOff, EscalationStep, Reminder, Sla
from handoffs.rules.sla import (
    SlaKind,
    SlaStatus,
    Step,
    Target,
    due_times,
    explain_due,
    is_due,
    ladder,
    next_step,
    status,
    superseded,
)

MINUTE, HOUR = 60, 3600
OFFICE = Calendar(
    key="office",
    title="Office",
    time_zone="Europe/Berlin",
    weekly=((Hours.parse("09:00-17:00"),),) * 5 + ((), ()),
    closed_dates=frozenset({date(2026, 5, 14)}),
)
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)  # a Monday, 10:00 in Berlin
SLA = Sla(
    calendar="office",
    accept_within_seconds=HOUR,
    resolve_within_seconds=8 * HOUR,
    reminders=(
        Reminder(anchor=ReminderAnchor.RESOLVE, offset_seconds=-2 * HOUR, to=ReminderTo.HOLDER),
        Reminder(anchor=ReminderAnchor.ACCEPT, offset_seconds=0, to=ReminderTo.ROLE),
    ),
    escalation=(
        EscalationStep(when=EscalationWhen.NOT_ACCEPTED, after_seconds=2 * HOUR, role="AP manager"),
        EscalationStep(when=EscalationWhen.NOT_RESOLVED, after_seconds=8 * HOUR, role="AP manager"),
    ),
    cut_off=CutOff(after_seconds=24 * HOUR, outcome="request_vendor_correction"),
    idle_release_seconds=30 * MINUTE,
)


def after(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def clock(state: State = State.PENDING, **facts) -> ClockFacts:
    return ClockFacts(state=state, clock_started_at=START, **facts)


def held(**facts) -> ClockFacts:
    return clock(State.IN_PROGRESS, accepted_at=after(0.5), **facts)


def paused(start: float, end: float | None = None) -> tuple[Pause, ...]:
    return (Pause(started_at=after(start), ended_at=None if end is None else after(end)),)


def keys(steps: tuple[Step, ...]) -> list[str]:
    return [step.key for step in steps]


def test_targets_count_in_the_calendar():
    assert due_times(SLA, OFFICE, clock()) == DueTimes(
        accept_by=after(1),
        resolve_by=datetime(2026, 5, 5, 8, 0, tzinfo=UTC),
        cut_off_at=datetime(2026, 5, 7, 8, 0, tzinfo=UTC),
    )


def test_targets_may_count_around_the_clock():
    assert due_times(SLA, ALWAYS, clock()) == DueTimes(accept_by=after(1), resolve_by=after(8), cut_off_at=after(24))


def test_a_policy_without_limits_sets_no_due_times_and_no_steps():
    assert due_times(Sla(), ALWAYS, clock()) == DueTimes(accept_by=None, resolve_by=None, cut_off_at=None)
    assert next_step(Sla(), ALWAYS, clock()) is None


def test_a_calendar_without_hours_is_an_error_and_not_a_handoff_without_deadline():
    with pytest.raises(CalendarNeverOpens):
        due_times(SLA, Calendar(key="closed", title="Closed", time_zone="UTC"), clock())


def test_a_closed_pause_moves_what_is_still_ahead():
    assert due_times(SLA, ALWAYS, held(pauses=paused(2, 5))) == DueTimes(
        accept_by=after(1), resolve_by=after(11), cut_off_at=after(27)
    )


def test_while_returned_only_what_was_reached_before_is_known():
    returned = clock(State.RETURNED, accepted_at=after(0.5), pauses=paused(2))
    assert due_times(SLA, ALWAYS, returned) == DueTimes(accept_by=after(1), resolve_by=None, cut_off_at=None)


def test_a_pause_after_the_acceptance_leaves_the_time_to_accept_alone():
    quick = clock(accepted_at=after(0.1), pauses=paused(0.2, 5))
    assert due_times(SLA, ALWAYS, quick).accept_by == after(1)
    assert due_times(SLA, ALWAYS, replace(quick, accepted_at=None)).accept_by == after(5.8)


def test_a_fixed_deadline_replaces_the_target_and_stands_through_pauses():
    deadline = after(3).astimezone(timezone(timedelta(hours=2)))
    for pauses in (), paused(1, 2), paused(1):
        due = due_times(SLA, ALWAYS, held(fixed_resolve_by=deadline, pauses=pauses))
        assert due.resolve_by == after(3)
        assert due.resolve_by.tzinfo is UTC


def test_the_ladder_of_a_handoff_that_nobody_takes():
    assert ladder(SLA, ALWAYS, clock()) == (
        Step(kind=StepKind.REMIND, key="reminder:1", due_at=after(1), index=1),
        Step(kind=StepKind.ESCALATE, key="escalation:0", due_at=after(2), index=0),
        Step(kind=StepKind.REMIND, key="reminder:0", due_at=after(6), index=0),
        Step(kind=StepKind.ESCALATE, key="escalation:1", due_at=after(8), index=1),
        Step(kind=StepKind.CUT_OFF, key="cut_off", due_at=after(24)),
    )


def test_the_next_step_is_the_first_of_the_ladder():
    assert next_step(SLA, ALWAYS, clock()) == ladder(SLA, ALWAYS, clock())[0]


def test_acceptance_ends_what_waits_for_acceptance():
    assert keys(ladder(SLA, ALWAYS, held())) == ["reminder:0", "escalation:1", "cut_off"]


def test_steps_that_are_done_are_over():
    done = frozenset({"reminder:1", "escalation:0", "escalation:1"})
    assert keys(ladder(SLA, ALWAYS, clock(steps_done=done))) == ["reminder:0", "cut_off"]


@pytest.mark.parametrize("state", [State.RETURNED, State.RESOLVED, State.WITHDRAWN])
def test_nothing_fires_while_the_clock_stands_or_is_over(state):
    late = clock(state, accepted_at=after(0.5), last_activity_at=after(0.5))
    assert next_step(SLA, ALWAYS, late) is None
    assert next_step(SLA, ALWAYS, late, now=after(100)) is None
    assert superseded(SLA, ALWAYS, late, now=after(100)) == ()


def test_a_holder_who_is_idle_loses_the_handoff_and_again_the_next_time():
    idle = held(last_activity_at=after(1), steps_done=frozenset({"idle_release"}))
    assert next_step(SLA, ALWAYS, idle) == Step(kind=StepKind.IDLE_RELEASE, key="idle_release", due_at=after(1.5))


def test_idle_time_counts_in_the_calendar():
    evening = datetime(2026, 5, 4, 14, 50, tzinfo=UTC)
    step = next_step(Sla(idle_release_seconds=1800), OFFICE, held(last_activity_at=evening))
    assert step.due_at == datetime(2026, 5, 5, 7, 20, tzinfo=UTC)


def test_only_work_in_progress_is_released():
    waiting = clock(State.PENDING, accepted_at=after(0.5), last_activity_at=after(1))
    assert keys(ladder(SLA, ALWAYS, waiting)) == ["reminder:0", "escalation:1", "cut_off"]


def test_a_proposal_is_neither_released_nor_moved_up():
    proposed = clock(State.AWAITING_CONFIRMATION, accepted_at=after(0.5), last_activity_at=after(1))
    assert keys(ladder(SLA, ALWAYS, proposed)) == ["reminder:0", "cut_off"]


def test_at_the_same_moment_the_cut_off_goes_before_escalation_before_release_before_reminder():
    sla = Sla(
        resolve_within_seconds=HOUR,
        reminders=(Reminder(anchor=ReminderAnchor.RESOLVE, offset_seconds=0, to=ReminderTo.ROLE),),
        escalation=(EscalationStep(when=EscalationWhen.NOT_RESOLVED, after_seconds=HOUR, role="AP manager"),),
        idle_release_seconds=HOUR,
    )
    busy = held(last_activity_at=START)
    assert keys(ladder(sla, ALWAYS, busy)) == ["escalation:0", "idle_release", "reminder:0"]
    final = replace(sla, cut_off=CutOff(after_seconds=HOUR, outcome="reject"))
    assert keys(ladder(final, ALWAYS, busy)) == ["cut_off"]


def test_a_reminder_for_a_target_that_is_not_set_does_not_exist():
    assert ladder(Sla(reminders=SLA.reminders), ALWAYS, clock()) == ()


def test_a_reminder_from_before_the_clock_comes_when_it_starts():
    early = replace(SLA, resolve_within_seconds=HOUR)
    step = next(step for step in ladder(early, ALWAYS, clock()) if step.key == "reminder:0")
    assert step.due_at == START


def test_reminders_of_a_fixed_deadline_stand_with_it():
    fixed = held(fixed_resolve_by=datetime(2026, 5, 5, 8, 0, tzinfo=UTC), pauses=paused(1, 20))
    offsets = (-2 * HOUR, -1000 * HOUR, HOUR)
    reminders = tuple(Reminder(anchor=ReminderAnchor.RESOLVE, offset_seconds=o, to=ReminderTo.ROLE) for o in offsets)
    moments = {step.key: step.due_at for step in ladder(Sla(reminders=reminders), OFFICE, fixed)}
    assert moments == {
        "reminder:0": datetime(2026, 5, 4, 14, 0, tzinfo=UTC),
        "reminder:1": START,
        "reminder:2": datetime(2026, 5, 5, 9, 0, tzinfo=UTC),
    }


def test_a_step_is_due_at_its_moment():
    step = next_step(SLA, ALWAYS, clock())
    assert not is_due(step, after(1) - timedelta(microseconds=1))
    assert is_due(step, after(1))


def test_on_time_no_reminder_is_superseded():
    assert superseded(SLA, ALWAYS, clock(), now=after(1.5)) == ()
    assert superseded(SLA, ALWAYS, clock(), now=START) == ()


def test_after_an_outage_only_the_latest_is_heard():
    assert superseded(SLA, ALWAYS, clock(), now=after(2)) == ("reminder:1",)
    assert superseded(SLA, ALWAYS, clock(), now=after(9)) == ("reminder:1", "reminder:0")
    taken = clock(accepted_at=after(0.5))
    assert superseded(SLA, ALWAYS, taken, now=after(7)) == ()


def test_reminders_of_the_same_moment_are_all_sent():
    twins = (SLA.reminders[1], replace(SLA.reminders[1], to=ReminderTo.HOLDER))
    assert superseded(replace(SLA, reminders=twins), ALWAYS, clock(), now=after(1.5)) == ()


def test_an_idle_release_supersedes_nothing():
    idle = held(last_activity_at=after(6))
    assert superseded(SLA, ALWAYS, idle, now=after(7)) == ()


def test_after_an_outage_the_chain_goes_on_step_by_step():
    assert next_step(SLA, ALWAYS, clock(), now=after(9)).key == "escalation:0"
    first_done = clock(steps_done=frozenset({"reminder:0", "reminder:1", "escalation:0"}))
    assert next_step(SLA, ALWAYS, first_done, now=after(9)).key == "escalation:1"


def test_once_the_cut_off_is_due_nothing_else_matters():
    assert next_step(SLA, ALWAYS, clock(), now=after(24) - timedelta(microseconds=1)).key == "escalation:0"
    assert next_step(SLA, ALWAYS, clock(), now=after(24)).key == "cut_off"


DUE = DueTimes(accept_by=after(1), resolve_by=after(10), cut_off_at=after(24))
TAKEN = {"state": State.IN_PROGRESS, "accepted_at": START}
BADGES = {
    "fresh": ({}, 0, SlaStatus(kind=SlaKind.ON_TRACK, target=Target.ACCEPT, due_at=after(1), seconds_left=3600)),
    "accept soon": ({}, 0.8, SlaStatus(kind=SlaKind.AT_RISK, target=Target.ACCEPT, due_at=after(1), seconds_left=720)),
    "accept late": ({}, 1, SlaStatus(kind=SlaKind.OVERDUE, target=Target.ACCEPT, due_at=after(1), seconds_left=0)),
    "taken": (TAKEN, 8, SlaStatus(kind=SlaKind.ON_TRACK, target=Target.RESOLVE, due_at=after(10), seconds_left=7200)),
    "a fifth left": (
        TAKEN,
        8.5,
        SlaStatus(kind=SlaKind.AT_RISK, target=Target.RESOLVE, due_at=after(10), seconds_left=5400),
    ),
    "late": (TAKEN, 10.5, SlaStatus(kind=SlaKind.OVERDUE, target=Target.RESOLVE, due_at=after(10), seconds_left=-1800)),
    "resolved": ({"state": State.RESOLVED}, 99, SlaStatus(kind=SlaKind.NONE)),
    "withdrawn": ({"state": State.WITHDRAWN}, 0, SlaStatus(kind=SlaKind.NONE)),
}


@pytest.mark.parametrize(("facts", "hours", "badge"), BADGES.values(), ids=BADGES)
def test_the_badge_tells_the_target_that_comes_first(facts, hours, badge):
    assert status(DUE, clock(**facts), now=after(hours)) == badge


def test_a_quarter_of_an_hour_is_at_risk_whatever_the_target():
    due = DueTimes(accept_by=None, resolve_by=after(0.5), cut_off_at=None)
    assert status(due, held(), now=after(0.2)).kind is SlaKind.ON_TRACK
    assert status(due, held(), now=after(0.26)).kind is SlaKind.AT_RISK


def test_the_badge_tells_the_resolution_if_it_is_due_before_the_acceptance():
    due = DueTimes(accept_by=after(2), resolve_by=after(1), cut_off_at=None)
    assert status(due, clock(), now=START).target is Target.RESOLVE


def test_without_targets_there_is_no_badge():
    assert status(due_times(Sla(), ALWAYS, clock()), clock(), now=START) == SlaStatus(kind=SlaKind.NONE)


def badge_while_returned(now: datetime, **facts) -> SlaStatus:
    returned = clock(State.RETURNED, accepted_at=after(0.5), **facts)
    return status(due_times(SLA, ALWAYS, returned), returned, now=now)


def test_while_returned_the_badge_is_paused():
    assert badge_while_returned(after(50), pauses=paused(1)) == SlaStatus(kind=SlaKind.PAUSED)


def test_what_was_late_before_the_return_stays_late():
    assert badge_while_returned(after(50), pauses=paused(9)).kind is SlaKind.OVERDUE


def test_a_fixed_deadline_is_shown_and_can_be_missed_while_returned():
    fixed = {"fixed_resolve_by": after(4), "pauses": paused(1)}
    assert badge_while_returned(after(3.9), **fixed) == SlaStatus(
        kind=SlaKind.PAUSED, target=Target.RESOLVE, due_at=after(4), seconds_left=360
    )
    assert badge_while_returned(after(4), **fixed).kind is SlaKind.OVERDUE


def part(kind: StretchKind, start: float, end: float) -> Stretch:
    return Stretch(kind=kind, from_at=after(start), to_at=after(end), seconds=int((end - start) * HOUR))


def why(facts: ClockFacts, target: Target, *, calendar: Calendar = OFFICE, now: datetime = START) -> list[Stretch]:
    return list(explain_due(SLA, calendar, facts, target=target, now=now))


def test_the_page_can_say_why_it_is_due_then():
    assert why(held(pauses=paused(2, 3)), Target.RESOLVE) == [
        part(StretchKind.COUNTED, 0, 2),
        part(StretchKind.PAUSED, 2, 3),
        part(StretchKind.COUNTED, 3, 7),
        part(StretchKind.CLOSED, 7, 23),
        part(StretchKind.COUNTED, 23, 25),
    ]


def test_each_target_has_its_own_way():
    assert why(clock(), Target.ACCEPT) == [part(StretchKind.COUNTED, 0, 1)]
    assert why(clock(), Target.CUT_OFF, calendar=ALWAYS) == [part(StretchKind.COUNTED, 0, 24)]


def test_while_the_clock_stands_the_way_leads_up_to_now():
    returned = clock(State.RETURNED, accepted_at=after(0.5), pauses=paused(2))
    assert why(returned, Target.RESOLVE, now=after(4)) == [
        part(StretchKind.COUNTED, 0, 2),
        part(StretchKind.PAUSED, 2, 4),
    ]


def test_there_is_no_way_to_what_has_no_target_or_was_fixed():
    assert explain_due(Sla(), OFFICE, clock(), target=Target.RESOLVE, now=START) == ()
    assert why(held(fixed_resolve_by=after(3)), Target.RESOLVE) == []
