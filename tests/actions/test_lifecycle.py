"""What people do with a handoff before they decide, and what is refused to them without a trace."""

from datetime import timedelta

import pytest

from handoffs.actions import audit, checks, context, lifecycle
from handoffs.choices import DecisionStatus, Event, State
from handoffs.errors import (
    AlreadyAccepted,
    Invalid,
    Mistake,
    NoNextRole,
    NotAllowed,
    NotHolder,
    SecondPersonRequired,
    WrongState,
)
from handoffs.models import Actor, Delivery, Handoff
from handoffs.queries import picking
from handoffs.queries.representation import rfc3339
from tests.factories import (
    CALLBACK,
    CLERK,
    DEAR,
    MANAGER,
    EndpointFactory,
    HandoffFactory,
    PersonFactory,
    decide,
    matcher,
    post,
    publish,
    role,
)
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def _last(handoff):
    """The last row of the trail: what, who, why, with what."""
    row = handoff.history.last()
    return (row.event, row.actor_name, row.reason, row.details)


def _told():
    return list(Delivery.objects.order_by("sequence", "url").values_list("event_type", "url"))


# --- accept ---------------------------------------------------------------------------------------------------------


def test_a_reviewer_of_the_role_accepts(ann, now):
    handoff = lifecycle.accept(HandoffFactory(), reviewer=ann, now=now)
    assert (handoff.state, handoff.holder, handoff.accepted_at, handoff.last_activity_at, handoff.version) == (
        State.IN_PROGRESS,
        ann,
        now,
        now,
        1,
    )
    assert handoff.due_at == handoff.resolve_by
    assert handoff.next_step_at == now + timedelta(minutes=30)
    assert _last(handoff) == (Event.ACCEPTED, "Ann", "", {})


def test_what_is_returned_is_what_is_stored(ann, now):
    handoff = lifecycle.accept(HandoffFactory(), reviewer=ann, now=now)
    stored = Handoff.objects.get()
    columns = [field.attname for field in Handoff._meta.concrete_fields]
    assert {name: getattr(handoff, name) for name in columns} == {name: getattr(stored, name) for name in columns}


def test_accepting_what_one_holds_changes_nothing(ann, now):
    handoff = HandoffFactory(accepted_by=ann)
    again = lifecycle.accept(handoff, reviewer=ann, now=now)
    assert (again.version, again.history.count()) == (handoff.version, 2)


def test_the_loser_is_told_who_won(ann, bob, now):
    handoff = HandoffFactory()
    won = lifecycle.accept(handoff, reviewer=ann, now=now)
    accepted_at = rfc3339(won.accepted_at)
    with refused(AlreadyAccepted, holder="Ann", accepted_at=accepted_at, state="in_progress") as caught:
        lifecycle.accept(handoff, reviewer=bob, now=now)
    assert caught.value.message == "Ann accepted this handoff first."


def test_the_first_acceptance_counts_for_the_metrics(ann, bob, now):
    handoff = HandoffFactory(accepted_by=ann)
    first_accepted_at = handoff.accepted_at
    handoff = lifecycle.release(handoff, actor=ann, now=now)
    handoff = lifecycle.accept(handoff, reviewer=bob, now=now)
    assert (handoff.holder, handoff.accepted_at) == (bob, first_accepted_at)


@pytest.mark.parametrize("who", ["max_", "lea", "otto", "matcher"])
def test_nobody_without_the_role_accepts(who, request, now):
    handoff, somebody = HandoffFactory(), request.getfixturevalue(who)
    with refused(NotAllowed):
        lifecycle.accept(handoff, reviewer=somebody, now=now)


def test_somebody_who_left_does_not_accept(ann, now):
    handoff, ann.is_active = HandoffFactory(), False
    with refused(NotAllowed):
        lifecycle.accept(handoff, reviewer=ann, now=now)


def test_nobody_accepts_what_they_submitted(ann, now):
    handoff = HandoffFactory()
    Handoff.objects.filter(pk=handoff.pk).update(opened_by=ann)
    with refused(NotAllowed) as caught:
        lifecycle.accept(handoff, reviewer=ann, now=now)
    assert caught.value.message == "Nobody decides on what they themselves submitted."


@pytest.mark.parametrize(
    ("way", "state"),
    [({"returned": True}, "returned"), ({"resolved": True}, "resolved"), ({"withdrawn": True}, "withdrawn")],
)
def test_what_waits_for_nobody_is_not_accepted(bob, now, way, state):
    handoff = HandoffFactory(**way)
    with refused(WrongState, state=state, holder=None):
        lifecycle.accept(handoff, reviewer=bob, now=now)


# --- take next ------------------------------------------------------------------------------------------------------


def test_the_most_urgent_comes_first(ann, now):
    HandoffFactory(opened_ago=timedelta(minutes=10))
    urgent = HandoffFactory(opened_ago=timedelta(minutes=20))
    HandoffFactory(overdue=True, data=DEAR)
    taken = lifecycle.take_next(reviewer=ann, now=now)
    assert (taken.pk, taken.holder, taken.state) == (urgent.pk, ann, State.IN_PROGRESS)


def test_of_several_roles_the_most_urgent_comes_first(bob, now):
    second = HandoffFactory(opened_ago=timedelta(minutes=20), data=DEAR)
    third, first = (HandoffFactory(opened_ago=timedelta(minutes=minutes)) for minutes in (10, 30))
    taken = [lifecycle.take_next(reviewer=bob, now=now).pk for _ in range(3)]
    assert taken == [first.pk, second.pk, third.pk]


def test_the_answer_to_ones_own_questions_comes_before_all_that_is_more_urgent(ann, now):
    HandoffFactory(overdue=True)
    mine = HandoffFactory(resubmitted=True, accepted_by=ann)
    assert lifecycle.take_next(reviewer=ann, now=now).pk == mine.pk


def test_the_answer_to_somebody_elses_questions_comes_last(bob, ann, now):
    anns = HandoffFactory(resubmitted=True, accepted_by=ann, overdue=True)
    other = HandoffFactory()
    assert [lifecycle.take_next(reviewer=bob, now=now).pk for _ in range(2)] == [other.pk, anns.pk]


def test_what_changed_before_it_was_locked_is_taken_as_it_stands(ann, now, monkeypatch):
    handoff = HandoffFactory()
    picked = picking.next_of

    def picked_before(*args, **named):
        found = picked(*args, **named)
        held = context.locked(handoff)
        audit.record(held, Event.OCCURRED_AGAIN, actor=Actor.of(ann), now=now)
        return found

    monkeypatch.setattr(picking, "next_of", picked_before)
    taken = lifecycle.take_next(reviewer=ann, now=now)
    assert (taken.holder, [row.event for row in handoff.history.order_by("sequence")]) == (
        ann,
        [Event.OPENED, Event.OCCURRED_AGAIN, Event.ACCEPTED],
    )


def test_one_may_ask_for_a_role_or_a_workflow(bob, now):
    HandoffFactory(overdue=True)
    dear = HandoffFactory(data=DEAR)
    assert lifecycle.take_next(reviewer=bob, now=now, workflow="payroll") is None
    assert lifecycle.take_next(reviewer=bob, now=now, role="Procurement analyst").pk == dear.pk


def test_there_is_nothing_for_who_has_no_role(max_, now):
    HandoffFactory()
    assert (lifecycle.take_next(reviewer=max_, now=now), Handoff.objects.get().state) == (None, State.PENDING)


def test_there_is_nothing_left(ann, now):
    HandoffFactory(accepted=True)
    HandoffFactory(data=DEAR)
    assert lifecycle.take_next(reviewer=ann, now=now) is None


# --- release --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ann", "lea"])
def test_the_holder_or_a_manager_releases(who, request, ann, now):
    actor = request.getfixturevalue(who)
    handoff = lifecycle.release(HandoffFactory(accepted_by=ann), actor=actor, reason="Off for today", now=now)
    assert (handoff.state, handoff.holder, handoff.role.name, handoff.last_activity_at) == (
        State.PENDING,
        None,
        CLERK,
        None,
    )
    assert _last(handoff) == (Event.RELEASED, actor.display_name, "Off for today", {"held_by": "Ann"})


def test_a_colleague_does_not_release(bob, now):
    handoff = HandoffFactory(accepted=True)
    with refused(NotHolder, holder="Ann"):
        lifecycle.release(handoff, actor=bob, now=now)


@pytest.mark.parametrize("way", [{}, {"returned": True}, {"resolved": True}], ids=str)
def test_what_nobody_works_on_is_not_released(ann, now, way):
    handoff = HandoffFactory(**way)
    with refused(WrongState, state=handoff.state):
        lifecycle.release(handoff, actor=ann, now=now)


# --- escalate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [{}, {"accepted": True}], ids=["pending", "in_progress"])
def test_a_person_moves_it_up_the_chain(ann, now, way):
    EndpointFactory(event_types=["handoff.escalated"])
    handoff = lifecycle.escalate(HandoffFactory(**way), actor=ann, reason="Above my limit", now=now)
    assert (handoff.state, handoff.holder, handoff.role.name, handoff.escalation_level, handoff.priority) == (
        State.PENDING,
        None,
        MANAGER,
        1,
        30,
    )
    assert handoff.routed_role_ids == sorted([role(CLERK).pk, role(MANAGER).pk])
    assert handoff.steps_done == ["escalation:0"]
    assert _last(handoff) == (
        Event.ESCALATED,
        "Ann",
        "Above my limit",
        {"from": CLERK, "to": MANAGER, "level": 1},
    )
    assert _told() == [("handoff.escalated", "http://127.0.0.1:9/endpoint")]


def test_escalation_does_not_lower_the_priority(ann, now):
    handoff = HandoffFactory()
    Handoff.objects.filter(pk=handoff.pk).update(priority=40)
    assert lifecycle.escalate(handoff, actor=ann, reason="Above my limit", now=now).priority == 40


def test_the_chain_has_an_end(lea, now):
    handoff = HandoffFactory(escalated=True)
    with refused(NoNextRole):
        lifecycle.escalate(handoff, actor=lea, reason="Above my limit", now=now)


def test_only_the_role_the_holder_and_a_manager_escalate(max_, bob, now):
    waiting, held = HandoffFactory(), HandoffFactory(accepted=True)
    with refused(NotAllowed):
        lifecycle.escalate(waiting, actor=max_, reason="Above my limit", now=now)
    with refused(NotHolder, holder="Ann"):
        lifecycle.escalate(held, actor=bob, reason="Above my limit", now=now)


@pytest.mark.parametrize("way", [{"returned": True}, {"resolved": True}, {"withdrawn": True}], ids=str)
def test_what_is_not_worked_is_not_escalated(ann, now, way):
    handoff = HandoffFactory(**way)
    with refused(WrongState, state=handoff.state):
        lifecycle.escalate(handoff, actor=ann, reason="Above my limit", now=now)


# --- return ---------------------------------------------------------------------------------------------------------


def _return(handoff, reviewer, now, reason="Which order?", questions=("Which order is it?", "  ")):
    return lifecycle.return_(handoff, reviewer=reviewer, reason=reason, questions=list(questions), now=now)


def test_the_holder_sends_it_back_with_questions_and_the_clock_stands_still(ann, now):
    handoff = _return(HandoffFactory(accepted_by=ann), ann, now)
    assert (handoff.state, handoff.holder, handoff.returns_count, handoff.pauses) == (
        State.RETURNED,
        ann,
        1,
        [[now.isoformat(), None]],
    )
    assert (handoff.resolve_by, handoff.cut_off_at, handoff.next_step_at) == (None, None, None)
    said = {"reason": "Which order?", "questions": ["Which order is it?"]}
    assert _last(handoff) == (Event.RETURNED, "Ann", "Which order?", said)
    delivery = Delivery.objects.get()
    assert (delivery.event_type, delivery.url, delivery.payload["data"]["returned"]) == (
        "handoff.returned",
        CALLBACK,
        said,
    )
    assert delivery.payload["data"]["correlation_id"] == "run-7"


def test_two_runs_with_one_callback_are_told_each_by_its_own_id(ann, now):
    handoff = HandoffFactory(correlation_id="run-1")
    post(reference=handoff.case.reference, correlation_id="run-2")
    handoff = lifecycle.accept(handoff, reviewer=ann, now=now)
    _return(handoff, ann, now)
    told = {(each.url, each.payload["data"]["correlation_id"]) for each in Delivery.objects.all()}
    assert told == {(CALLBACK, "run-1"), (CALLBACK, "run-2")}


def test_an_endpoint_at_the_address_of_the_callback_is_told_once(ann, now):
    EndpointFactory(url=CALLBACK)
    EndpointFactory(url=CALLBACK)
    _return(HandoffFactory(accepted_by=ann), ann, now)
    assert _told() == [("handoff.returned", CALLBACK)]


def test_only_the_holder_returns(bob, lea, now):
    handoff = HandoffFactory(accepted=True)
    for somebody in (bob, lea):
        with refused(NotHolder, holder="Ann"):
            _return(handoff, somebody, now)


def test_what_nobody_holds_is_not_returned(ann, now):
    handoff = HandoffFactory()
    with refused(WrongState, state="pending"):
        _return(handoff, ann, now)


def test_what_waits_for_a_second_person_is_not_returned(bob, now):
    handoff = HandoffFactory(proposed=True)
    with refused(WrongState, state="awaiting_confirmation", holder="Bob"):
        _return(handoff, bob, now)


# --- withdraw -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way", [{}, {"accepted": True}, {"returned": True}, {"proposed": True}], ids=lambda way: str(list(way))
)
@pytest.mark.parametrize("who", ["matcher", "lea"])
def test_the_automation_or_a_manager_withdraws_what_is_open(way, who, request, now):
    handoff, actor = HandoffFactory(**way), request.getfixturevalue(who)
    handoff = lifecycle.withdraw(handoff, actor=actor, reason="Paid by another run", now=now)
    assert (handoff.state, handoff.holder, handoff.next_step_at) == (State.WITHDRAWN, None, None)
    assert _last(handoff) == (Event.WITHDRAWN, actor.display_name, "Paid by another run", {})
    assert ("handoff.withdrawn", CALLBACK) in _told()
    assert not handoff.decisions.exclude(status=DecisionStatus.OBJECTED).exists()


@pytest.mark.parametrize("way", [{"resolved": True}, {"withdrawn": True}], ids=str)
def test_what_is_over_is_not_withdrawn(way, now):
    handoff = HandoffFactory(**way)
    with refused(WrongState, state=handoff.state):
        lifecycle.withdraw(handoff, actor=matcher(), reason="Paid by another run", now=now)


@pytest.mark.parametrize("who", ["ann", "max_"])
def test_a_reviewer_does_not_withdraw(who, request, now):
    handoff, somebody = HandoffFactory(), request.getfixturevalue(who)
    with refused(NotAllowed):
        lifecycle.withdraw(handoff, actor=somebody, reason="Paid by another run", now=now)


# --- reopen ---------------------------------------------------------------------------------------------------------


def test_a_manager_reopens_with_a_new_clock(lea, now):
    EndpointFactory(event_types=["handoff.reopened"])
    handoff = lifecycle.reopen(HandoffFactory(resolved=True, overdue=True), actor=lea, reason="Paid twice", now=now)
    assert (handoff.state, handoff.reopens_count, handoff.resolved_at, handoff.clock_started_at) == (
        State.PENDING,
        1,
        None,
        now,
    )
    assert (handoff.due_at, handoff.steps_done, handoff.pauses) == (now + timedelta(hours=1), [], [])
    assert _last(handoff) == (Event.REOPENED, "Lea", "Paid twice", {})
    assert ("handoff.reopened", "http://127.0.0.1:9/endpoint") in _told()


def test_what_was_reopened_is_decided_anew(lea, ann, now):
    handoff = lifecycle.reopen(HandoffFactory(resolved=True), actor=lea, reason="Paid twice", now=now)
    handoff = lifecycle.accept(handoff, reviewer=ann, now=now)
    decide(handoff, ann, "reject", now=now)
    found = list(handoff.decisions.order_by("resolution_number").values_list("resolution_number", "outcome", "status"))
    assert found == [(1, "approve_and_pay", "final"), (2, "reject", "final")]


def test_only_a_manager_reopens(ann, matcher, now):
    handoff = HandoffFactory(resolved=True, accepted_by=ann)
    for somebody in (ann, matcher):
        with refused(NotAllowed):
            lifecycle.reopen(handoff, actor=somebody, reason="Paid twice", now=now)


@pytest.mark.parametrize("way", [{}, {"accepted": True}, {"withdrawn": True}], ids=str)
def test_only_what_is_resolved_is_reopened(lea, now, way):
    handoff = HandoffFactory(**way)
    with refused(WrongState):
        lifecycle.reopen(handoff, actor=lea, reason="Paid twice", now=now)


def test_a_case_that_is_with_a_person_again_is_not_reopened(lea, now):
    old = HandoffFactory(resolved=True)
    HandoffFactory(reference=old.case.reference)
    with refused(WrongState):
        lifecycle.reopen(old, actor=lea, reason="Paid twice", now=now)


# --- what all of them ask for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 5001], ids=["empty", "blank", "a novel"])
@pytest.mark.parametrize("act", ["escalate", "withdraw", "reopen"])
def test_a_reason_is_required(lea, now, act, reason):
    handoff = HandoffFactory(resolved=act == "reopen")
    with refused(Invalid) as caught:
        getattr(lifecycle, act)(handoff, actor=lea, reason=reason, now=now)
    assert caught.value.mistakes == (Mistake(pointer="/reason", detail="Say why, in 1 to 5000 characters."),)


def test_a_reason_is_required_to_return(ann, now):
    handoff = HandoffFactory(accepted_by=ann)
    with refused(Invalid):
        _return(handoff, ann, now, reason=" ")


def test_the_proposer_is_told_that_somebody_else_must_confirm(bob, now):
    handoff = HandoffFactory(proposed=True)
    with refused(SecondPersonRequired, holder="Bob"):
        checks.check(handoff, bob, "confirm")


def test_a_manager_of_another_workflow_manages_nothing_here(now):
    handoff, pay_manager = HandoffFactory(), PersonFactory(roles=["Payroll"])
    publish("payroll", routes=[{"role": "Payroll"}], sla={"calendar": "always"})
    pay_manager.user_permissions.add(role(MANAGER).permissions.get())
    with refused(NotAllowed):
        lifecycle.withdraw(handoff, actor=pay_manager, reason="Paid by another run", now=now)
