"""What the clock does: each kind of step, one per pass, and never for what does not wait any more."""

from datetime import timedelta

import pytest
from django.utils import timezone

from handoffs import jobs
from handoffs.actions import escalation, lifecycle
from handoffs.choices import DecidedBy, Event, State, StepKind
from handoffs.models import Delivery, Handoff, SweepHeartbeat
from tests.factories import CALLBACK, MANAGER, HandoffFactory, publish
from tests.policies import invoice_matching
from tests.refusals import everything

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def _opened(ago, **wishes):
    return HandoffFactory(opened_ago=ago + timedelta(seconds=5), **wishes)


def _fire(handoff, now):
    """The kinds of the steps that fire until nothing is due."""
    fired = []
    while (kind := escalation.fire(handoff.pk, now=now)) is not None:
        fired.append(kind)
    return fired


def _events(handoff):
    return list(handoff.history.values_list("event", flat=True))


def _last(handoff):
    row = handoff.history.last()
    return (row.event, row.actor_kind, row.actor_name, row.reason)


# --- each kind of step ----------------------------------------------------------------------------------------------


def test_a_reminder_is_written_to_the_trail_and_the_next_step_is_wound(now):
    handoff = _opened(HOUR)
    assert _fire(handoff, now) == [StepKind.REMIND]
    reminded = Handoff.objects.get()
    assert (reminded.steps_done, reminded.next_step_at) == (["reminder:1"], handoff.opened_at + 2 * HOUR)
    row = reminded.history.filter(event=Event.REMINDED).get()
    assert (row.actor_kind, row.details["step"], row.details["target"], row.details["to"]) == (
        "clock",
        "reminder:1",
        "accept",
        "role",
    )


def test_what_nobody_accepted_moves_up_the_chain(now):
    handoff = _opened(2 * HOUR)
    assert escalation.fire(handoff.pk, now=now) == StepKind.ESCALATE
    moved = Handoff.objects.get()
    assert (moved.state, moved.role.name, moved.escalation_level, moved.priority) == (State.PENDING, MANAGER, 1, 30)
    assert _last(moved) == (
        Event.ESCALATED,
        "clock",
        "the clock",
        f"Still not accepted when the chain came to {MANAGER}",
    )


def test_what_nobody_resolved_is_taken_from_its_holder(now, ann):
    publish(sla=_sla(idle_release=None, cut_off=None))
    handoff = _opened(8 * HOUR, accepted_by=ann)
    assert escalation.fire(handoff.pk, now=now) == StepKind.ESCALATE
    moved = Handoff.objects.get()
    assert (moved.state, moved.role.name, moved.holder) == (State.PENDING, MANAGER, None)


def test_a_step_to_the_role_that_has_it_already_is_over_without_a_move(now, ann):
    handoff = lifecycle.escalate(_opened(8 * HOUR), actor=ann, reason="Above my limit", now=now - 7 * HOUR)
    _fire(handoff, now)
    moved = Handoff.objects.get()
    assert (moved.escalation_level, moved.role.name, "escalation:1" in moved.steps_done) == (1, MANAGER, True)


def test_an_idle_holder_gives_it_back(now, ann):
    handoff = _opened(31 * MINUTE, accepted_by=ann)
    assert escalation.fire(handoff.pk, now=now) == StepKind.IDLE_RELEASE
    freed = Handoff.objects.get()
    assert (freed.state, freed.holder) == (State.PENDING, None)
    assert _last(freed) == (Event.RELEASED, "clock", "the clock", "The holder was idle too long")


def test_the_cut_off_applies_the_default_outcome_stamped_with_the_deadline(now):
    handoff = _opened(3 * DAY + MINUTE)
    assert escalation.fire(handoff.pk, now=now) == StepKind.CUT_OFF
    expired, decision = Handoff.objects.get(), handoff.decisions.get()
    assert (expired.state, expired.resolved_at, expired.next_step_at) == (State.RESOLVED, handoff.cut_off_at, None)
    assert (decision.decided_by_kind, decision.decided_by, decision.decided_at, decision.outcome, decision.reason) == (
        DecidedBy.CLOCK,
        None,
        handoff.cut_off_at,
        "request_vendor_correction",
        "Nobody decided before the cut-off",
    )
    assert _last(expired)[:3] == (Event.EXPIRED, "clock", "the clock")
    assert list(Delivery.objects.values_list("event_type", "url")) == [("handoff.resolved", CALLBACK)]


@pytest.mark.parametrize("way", [{"accepted": True}, {"proposed": True}], ids=lambda way: next(iter(way)))
def test_the_cut_off_spares_nobody_who_is_still_at_it(now, way):
    handoff = _opened(3 * DAY - HOUR, **way)
    Handoff.objects.filter(pk=handoff.pk).update(next_step_at=now)
    assert escalation.fire(handoff.pk, now=now + 2 * HOUR) == StepKind.CUT_OFF
    statuses = sorted(handoff.decisions.values_list("status", "decided_by_kind"))
    assert (Handoff.objects.get().state, statuses[0]) == (State.RESOLVED, ("final", "clock"))
    assert [status for status, kind in statuses if kind == "person"] == ["objected"] * ("proposed" in way)


def test_a_proposal_is_not_taken_away_while_it_waits_for_the_second_person(now, bob):
    handoff = _opened(9 * HOUR, proposed=True)
    assert StepKind.ESCALATE not in _fire(handoff, now)
    waiting = Handoff.objects.get()
    assert (waiting.state, waiting.holder) == (State.AWAITING_CONFIRMATION, bob)
    assert waiting.next_step_at > now


# --- nothing to do --------------------------------------------------------------------------------------------------


def test_nothing_happens_before_a_step_is_due(now):
    handoff = _opened(HOUR - MINUTE)
    before = everything()
    assert escalation.fire(handoff.pk, now=now) is None
    assert everything() == before


@pytest.mark.parametrize("way", ["returned", "resolved", "withdrawn"])
def test_the_clock_leaves_alone_what_does_not_wait_for_a_person(now, way):
    handoff = _opened(2 * DAY, **{way: True})
    before = everything()
    assert (escalation.due_ids(now=now + 9 * DAY), _fire(handoff, now + 9 * DAY)) == ([], [])
    assert everything() == before


def test_a_step_that_is_not_due_after_all_is_wound_again(now):
    handoff = _opened(MINUTE)
    Handoff.objects.filter(pk=handoff.pk).update(next_step_at=now)
    assert escalation.fire(handoff.pk, now=now) is None
    assert Handoff.objects.get().next_step_at == handoff.accept_by


def test_the_longest_due_comes_first(now):
    later, first, not_due = _opened(2 * HOUR), _opened(3 * HOUR), _opened(MINUTE)
    assert escalation.due_ids(now=now) == [first.pk, later.pk]
    assert escalation.due_ids(now=now, limit=1) == [first.pk]
    assert not_due.pk not in escalation.due_ids(now=now)


# --- after an outage ------------------------------------------------------------------------------------------------


def test_after_an_outage_a_chain_advances_one_step_per_pass_and_says_what_was_superseded(now):
    publish(
        sla=_sla(escalation=[_rung("not_accepted", "2h", MANAGER), _rung("not_resolved", "8h", "Procurement analyst")])
    )
    handoff = _opened(12 * HOUR)
    passes = []
    for _ in range(4):
        kind = escalation.fire(handoff.pk, now=now)
        now_at = Handoff.objects.get()
        passes.append((kind, now_at.role.name, now_at.escalation_level))
    assert passes == [
        (StepKind.ESCALATE, MANAGER, 1),
        (StepKind.ESCALATE, "Procurement analyst", 2),
        (None, "Procurement analyst", 2),
        (None, "Procurement analyst", 2),
    ]
    superseded = handoff.history.filter(event=Event.REMINDER_SUPERSEDED)
    assert [row.details for row in superseded] == [{"steps": ["reminder:1", "reminder:0"]}]
    assert not handoff.history.filter(event=Event.REMINDED).exists()


def test_an_outage_over_the_cut_off_goes_straight_to_it(now):
    handoff = _opened(4 * DAY)
    assert _fire(handoff, now) == [StepKind.CUT_OFF]
    assert (Handoff.objects.get().resolved_at, Event.ESCALATED in _events(handoff)) == (handoff.cut_off_at, False)


# --- the sweep ------------------------------------------------------------------------------------------------------


@pytest.fixture
def unrung(monkeypatch):
    """The doorbell is out of reach, so the sweep does not depend on a worker."""
    monkeypatch.setattr("handoffs.actions.doorbell.ring", lambda job: True)


def test_a_sweep_takes_one_step_of_everything_that_is_due_and_leaves_its_heartbeat(unrung):
    due, not_due = [_opened(2 * HOUR) for _ in range(3)], _opened(MINUTE)
    assert jobs.sweep()["steps"] == 3
    levels = {each.pk: each.escalation_level for each in Handoff.objects.all()}
    assert levels == {not_due.pk: 0} | {each.pk: 1 for each in due}
    assert timezone.now() - SweepHeartbeat.objects.get().swept_at < MINUTE


def test_an_empty_sweep_changes_nothing_but_its_heartbeat(unrung):
    _opened(MINUTE)
    before = everything()
    done = jobs.sweep()
    after = everything()
    after["SweepHeartbeat"] = before["SweepHeartbeat"]
    assert (set(done.values()), after) == ({0}, before)


def test_one_row_that_raises_is_pushed_back_and_the_others_are_on_time(unrung, caplog):
    poison, fine = _opened(3 * HOUR), _opened(2 * HOUR)
    Handoff.objects.filter(pk=poison.pk).update(pauses=[["no time", None]])
    jobs.sweep()
    assert Handoff.objects.get(pk=fine.pk).escalation_level == 1
    stuck = Handoff.objects.get(pk=poison.pk)
    assert (stuck.escalation_level, stuck.next_step_at > timezone.now() + timedelta(seconds=50)) == (0, True)
    assert "step_failed" in caplog.text


def _rung(when, after, role):
    return {"when": when, "after": after, "role": role}


def _sla(**changes):
    sla = invoice_matching()["sla"] | changes
    return {name: value for name, value in sla.items() if value is not None}
