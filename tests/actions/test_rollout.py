"""Stages that the clock steps back, candidates without effect, and second looks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from handoffs import access, jobs
from handoffs.actions import candidates, lifecycle, policies, rollout
from handoffs.choices import Mode, NoticeKind, State
from handoffs.errors import NotAllowed
from handoffs.models import CandidateResult, Delivery, Handoff, Notification, Recovery, SecondLook, Workflow
from tests import factories
from tests.factories import CALLBACK, CLEAN, DEAR, WORKFLOW, HandoffFactory, ann, bob, lea, post, report, workflow
from tests.policies import invoice_matching

pytestmark = pytest.mark.django_db


def live():
    return Workflow.objects.get(key=WORKFLOW).live_version


def check(now=None):
    return rollout.check_limits(now=now or timezone.now())


def staged(percent=100, **limits):
    workflow(rollout={"percent": 10})
    return workflow(rollout={"percent": percent, "limits": {"min_cases": 2} | limits})


def overridden(count=2):
    for _ in range(count):
        HandoffFactory(resolved="reject", proposed_outcome="approve_and_pay", opened_at=timezone.now())


def test_a_stage_that_passes_a_limit_is_stepped_back_by_the_clock_and_managers_are_told():
    staged(override_percent=25)
    lea()
    before = live()
    overridden()
    assert check() == 1
    after = live()
    assert (after.document["rollout"]["percent"], after.number) == (10, before.number + 1)
    assert (after.published_by, after.publisher_name) == (None, "the clock")
    assert after.publish_reason == "Stepped back: override rate 100.0 % is above 25 %"
    told = Notification.objects.get(kind=NoticeKind.STEPPED_BACK, channel="in_app")
    assert (told.person, told.title) == (lea(), "Invoice matching stepped back to 10 %")


@pytest.mark.parametrize(
    "limits", [{"override_percent": 100}, {"override_percent": 25, "min_cases": 3}, {"mtta": "1h"}]
)
def test_a_stage_within_its_limits_stays(limits):
    staged(**limits)
    before = live()
    overridden()
    assert (check(), live()) == (0, before)


def test_a_late_acceptance_passes_the_limit_of_mtta():
    staged(mtta="1h")
    now = timezone.now()
    for _ in range(2):
        handoff = HandoffFactory(opened_at=now)
        held = lifecycle.accept(handoff, reviewer=ann(), now=now + timedelta(hours=2))
        factories.decide(held, ann(), now=now + timedelta(hours=2, seconds=1))
    assert check(now + timedelta(hours=3)) == 1
    assert live().publish_reason == "Stepped back: MTTA 2 h is above 1 h"


def test_a_stage_is_looked_at_once_a_minute_however_many_sweeps_run():
    staged(override_percent=25)
    now = timezone.now()
    assert check(now) == 0
    overridden()
    assert (check(now + timedelta(seconds=59)), check(now + timedelta(seconds=60))) == (0, 1)


def test_a_workflow_that_cannot_be_checked_is_reported_and_the_sweep_goes_on(caplog, monkeypatch):
    staged(override_percent=25)
    monkeypatch.setattr(rollout.stages, "figures_of", lambda *_, **__: 1 / 0)
    assert jobs.sweep()["stepped_back"] == 0
    assert "stage_check_failed" in caplog.text


# --- candidates -----------------------------------------------------------------------------------------------------


def run_beside(**sections):
    workflow()
    policies.save_draft(WORKFLOW, invoice_matching(**sections), author=lea(), now=timezone.now())
    return rollout.start_candidate(WORKFLOW, by=lea(), now=timezone.now())


def test_a_candidate_that_says_the_same_never_differs():
    run_beside()
    for data in ({}, CLEAN, DEAR, {"po_number": None}):
        first = report(data=data)
        post(first)
        post(first)
    post(report(error_type="timeout", data=CLEAN))
    assert CandidateResult.objects.count() == 9
    assert not CandidateResult.objects.filter(differs=True).exists()


def test_what_a_candidate_answers_is_stored_and_changes_nothing():
    run_beside(triggers=[{"key": "never", "when": {"field": "data.amount", "is": "<", "value": 0}}])
    answer = post(report())
    result = CandidateResult.objects.get()
    assert (answer.body["verdict"], Handoff.objects.count()) == ("handoff", 1)
    assert (result.live_verdict, result.live_trigger, result.live_role) == ("handoff", "price_variance", "AP clerk")
    assert (result.verdict, result.trigger, result.role, result.differs) == ("proceed", "", "", True)


def test_a_candidate_that_fails_is_written_down_and_keeps_nobody_from_an_answer(monkeypatch):
    run_beside()

    def fail(_run):
        raise ValueError("no such policy")

    monkeypatch.setattr(candidates, "candidate_policy", fail)
    assert post(report()).body["verdict"] == "handoff"
    assert CandidateResult.objects.get().error == "ValueError: no such policy"


def test_without_a_candidate_nothing_is_compared():
    workflow()
    post(report())
    assert CandidateResult.objects.count() == 0


def test_a_draft_that_changed_since_it_ran_is_not_published_unseen():
    run_beside()
    policies.save_draft(WORKFLOW, invoice_matching(title="Other"), author=lea(), now=timezone.now())
    before = live()
    with pytest.raises(policies.DraftChanged):
        rollout.promote_candidate(WORKFLOW, by=lea(), reason="It agrees", now=timezone.now())
    assert live() == before


# --- second looks ---------------------------------------------------------------------------------------------------


@pytest.fixture
def looked_at_twice():
    workflow(integrity={"second_look": {"percent": 100}})
    return HandoffFactory(resolved=True, accepted_by=ann(), proposed_outcome="approve_and_pay")


def second_of(handoff):
    return Handoff.objects.get(second_look__first__handoff=handoff)


def test_a_sampled_decision_is_offered_to_somebody_else_without_its_suggestion(looked_at_twice):
    second = second_of(looked_at_twice)
    assert (second.mode, second.state, second.role) == (Mode.SECOND_LOOK, State.PENDING, looked_at_twice.role)
    assert second.revisions.get().package["suggested_outcome"] is None
    with pytest.raises(NotAllowed, match="first decision"):
        lifecycle.accept(second, reviewer=ann(), now=timezone.now())
    assert lifecycle.take_next(reviewer=ann(), now=timezone.now()) is None
    assert lifecycle.take_next(reviewer=bob(), now=timezone.now()) == second


def test_a_second_look_has_no_effect_and_is_not_looked_at_again(looked_at_twice):
    before = (Recovery.objects.count(), Delivery.objects.count())
    second = lifecycle.accept(second_of(looked_at_twice), reviewer=bob(), now=timezone.now())
    factories.decide(second, bob(), "reject", now=timezone.now())
    assert (Recovery.objects.count(), Delivery.objects.count()) == before
    assert SecondLook.objects.count() == 1


def test_a_second_look_gives_way_when_the_case_needs_a_decision_again(looked_at_twice):
    again = lifecycle.reopen(looked_at_twice, actor=lea(), reason="It failed", now=timezone.now())
    assert (again.state, second_of(looked_at_twice).state) == (State.PENDING, State.WITHDRAWN)


def test_a_new_report_on_the_case_is_judged_as_if_there_were_no_second_look(looked_at_twice):
    answer = post(reference=looked_at_twice.case.reference, callback_url=CALLBACK)
    assert (answer.status, answer.body["verdict"]) == (201, "handoff")
    assert second_of(looked_at_twice).state == State.WITHDRAWN


def test_without_the_opt_in_nobody_looks_twice():
    workflow()
    HandoffFactory(resolved=True)
    assert (SecondLook.objects.count(), Handoff.objects.count()) == (0, 1)


def test_who_may_not_see_a_second_look_does_not(looked_at_twice):
    assert not access.handoffs_for(factories.max_()).exists()
