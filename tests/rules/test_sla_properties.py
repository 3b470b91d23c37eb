"""The ladder by law: every step fires once and in order, and pauses move what is ahead by exactly what they took."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handoffs.choices import EscalationWhen, ReminderAnchor, ReminderTo, State, StepKind
from handoffs.rules.calendars import ALWAYS, Calendar, Hours, StretchKind, add, measure
from handoffs.rules.facts import ClockFacts, Pause
from handoffs.rules.policy import CutOff, EscalationStep, Reminder, Sla
from handoffs.rules.sla import TIE_RANKS, Target, due_times, explain_due, is_due, ladder, next_step, superseded

OFFICE = Calendar(
    key="office",
    title="Office",
    time_zone="Europe/Berlin",
    weekly=((Hours.parse("09:00-12:00"), Hours.parse("13:00-17:00")),) * 5 + ((), ()),
)
NIGHT = Calendar(key="night", title="Night", time_zone="America/Chicago", weekly=((Hours.parse("22:00-06:00"),),) * 7)
DAY = 86_400

calendars = st.sampled_from([ALWAYS, OFFICE, NIGHT])
starts = st.builds(
    lambda minutes: datetime(2026, 3, 6, tzinfo=UTC) + timedelta(minutes=minutes), st.integers(0, 30 * 24 * 60)
)
seconds = st.integers(1, 3 * DAY)
reminders = st.builds(
    Reminder,
    anchor=st.sampled_from(ReminderAnchor),
    offset_seconds=st.integers(-DAY, DAY),
    to=st.sampled_from(ReminderTo),
)
escalations = st.builds(
    EscalationStep, when=st.sampled_from(EscalationWhen), after_seconds=seconds, role=st.just("AP manager")
)
slas = st.builds(
    Sla,
    accept_within_seconds=st.none() | seconds,
    resolve_within_seconds=st.none() | seconds,
    reminders=st.lists(reminders, max_size=4).map(tuple),
    escalation=st.lists(escalations, max_size=3).map(tuple),
    cut_off=st.none() | st.builds(CutOff, after_seconds=seconds, outcome=st.just("reject")),
)
clocks = st.builds(ClockFacts, state=st.just(State.PENDING), clock_started_at=starts)


def fire_all(sla: Sla, calendar: Calendar, clock: ClockFacts) -> list:
    """Step the ladder to its end, remembering each step as the sweep does."""
    fired = []
    while step := next_step(sla, calendar, clock):
        fired.append(step)
        clock = replace(clock, steps_done=clock.steps_done | {step.key})
        if step.kind is StepKind.CUT_OFF:
            break
    return fired


def keys_of(sla: Sla) -> set[str]:
    chain = {f"escalation:{index}" for index in range(len(sla.escalation))}
    anchored = {
        ReminderAnchor.ACCEPT: sla.accept_within_seconds,
        ReminderAnchor.RESOLVE: sla.resolve_within_seconds,
        ReminderAnchor.CUT_OFF: sla.cut_off.after_seconds if sla.cut_off else None,
    }
    return chain | {f"reminder:{index}" for index, one in enumerate(sla.reminders) if anchored[one.anchor] is not None}


@given(slas, calendars, clocks)
def test_a_ladder_stepped_one_by_one_fires_each_step_once_and_in_order(sla, calendar, clock):
    sla = replace(sla, cut_off=None)
    fired = fire_all(sla, calendar, clock)
    assert sorted(step.key for step in fired) == sorted(keys_of(sla))
    assert fired == sorted(fired, key=lambda step: (step.due_at, TIE_RANKS[step.kind], step.index))
    assert tuple(fired) == ladder(sla, calendar, clock)


@given(slas, calendars, clocks, seconds)
def test_the_cut_off_ends_the_ladder_and_nothing_comes_at_or_after_it(sla, calendar, clock, cut_off_seconds):
    sla = replace(sla, cut_off=CutOff(after_seconds=cut_off_seconds, outcome="reject"))
    *before, last = fire_all(sla, calendar, clock)
    assert (last.key, last.due_at) == ("cut_off", due_times(sla, calendar, clock).cut_off_at)
    assert all(step.due_at < last.due_at for step in before)


@given(slas, calendars, clocks, st.integers(0, 14 * DAY))
def test_passes_after_an_outage_fire_or_supersede_each_due_step_once(sla, calendar, clock, outage_seconds):
    now = clock.clock_started_at + timedelta(seconds=outage_seconds)
    due = [step.key for step in ladder(sla, calendar, clock) if is_due(step, now)]
    seen: list[str] = []
    while "cut_off" not in seen:
        stale = superseded(sla, calendar, clock, now=now)
        step = next_step(sla, calendar, clock, now=now)
        fired = [step.key] if step and is_due(step, now) else []
        if not stale and not fired:
            break
        seen += [*stale, *fired]
        clock = replace(clock, steps_done=clock.steps_done | set(seen))
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(due)
    assert "cut_off" in seen if "cut_off" in due else set(seen) == set(due)


@given(slas, calendars, clocks, st.integers(0, 14 * DAY))
def test_what_is_superseded_has_a_later_step_that_is_due(sla, calendar, clock, outage_seconds):
    now = clock.clock_started_at + timedelta(seconds=outage_seconds)
    due = [step for step in ladder(sla, calendar, clock) if is_due(step, now)]
    latest = max((step.due_at for step in due), default=None)
    expected = [step.key for step in due if step.kind is StepKind.REMIND and step.due_at < latest]
    assert list(superseded(sla, calendar, clock, now=now)) == expected


@given(slas, calendars, clocks, st.integers(1, 3 * DAY))
def test_a_pause_at_the_start_moves_every_due_time_by_exactly_its_business_time(sla, calendar, clock, length):
    start = clock.clock_started_at
    end = start + timedelta(seconds=length)
    lost = measure(calendar, start, end)
    before = due_times(sla, calendar, clock)
    after = due_times(sla, calendar, replace(clock, pauses=(Pause(started_at=start, ended_at=end),)))
    for old, new in zip(vars(before).values(), vars(after).values(), strict=True):
        assert new == (old and add(calendar, old, lost))


@given(slas, calendars, clocks, st.integers(0, 2 * DAY), st.integers(1, 3 * DAY))
def test_a_pause_moves_each_step_by_what_it_took_or_not_at_all(sla, calendar, clock, delay, length):
    begin = clock.clock_started_at + timedelta(seconds=delay)
    pause = Pause(started_at=begin, ended_at=begin + timedelta(seconds=length))
    lost = measure(calendar, pause.started_at, pause.ended_at)
    old = {step.key: step.due_at for step in fire_all(sla, calendar, clock)}
    for step in fire_all(sla, calendar, replace(clock, pauses=(pause,))):
        ahead = old[step.key] > begin
        assert step.due_at == (add(calendar, old[step.key], lost) if ahead else old[step.key])


@given(slas, calendars, clocks, st.integers(0, 2 * DAY))
def test_while_the_clock_stands_nothing_ahead_is_known(sla, calendar, clock, delay):
    begin = clock.clock_started_at + timedelta(seconds=delay)
    before = due_times(sla, calendar, clock)
    after = due_times(sla, calendar, replace(clock, state=State.RETURNED, pauses=(Pause(started_at=begin),)))
    for old, new in zip(vars(before).values(), vars(after).values(), strict=True):
        assert new == (old if old and old <= begin else None)


@given(slas, calendars, clocks, st.sampled_from(Target))
def test_the_way_to_a_due_time_counts_exactly_the_target(sla, calendar, clock, target):
    seconds_of = {
        Target.ACCEPT: sla.accept_within_seconds,
        Target.RESOLVE: sla.resolve_within_seconds,
        Target.CUT_OFF: sla.cut_off and sla.cut_off.after_seconds,
    }
    stretches = explain_due(sla, calendar, clock, target=target, now=clock.clock_started_at)
    counted = sum(part.seconds for part in stretches if part.kind is StretchKind.COUNTED)
    assert counted == (seconds_of[target] or 0)
