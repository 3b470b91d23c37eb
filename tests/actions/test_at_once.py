"""Acting without a lock on what was read: the same outcome by fewer statements, and never on what has changed since."""

import pytest
from django.db import connection
from django.utils import timezone

from handoffs.actions import context, decisions, lifecycle
from handoffs.choices import State, WebhookType
from handoffs.errors import AlreadyAccepted, ContextChanged, DeadlinePassed, NotHolder
from handoffs.models import Decision, Delivery, Handoff, Recovery
from tests.factories import CALLBACK, DATA, EndpointFactory, HandoffFactory, post, publish
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def statements(django_assert_num_queries):
    return django_assert_num_queries


def _accept(person, handoff):
    return lifecycle.accept(handoff, reviewer=person, now=timezone.now())


def _decide(person, handoff, outcome="approve_and_pay", **fields):
    choice = decisions.Choice(outcome=outcome, context_digest=handoff.context_digest, **fields)
    return decisions.decide(handoff, choice, reviewer=person, now=timezone.now())


def _as_it_stands(person, handoff):
    return context.as_it_stands(person, handoff.pk, with_callers=True)


def test_accepting_and_deciding_take_one_statement_each(ann, statements):
    handoff = HandoffFactory()
    seen = _as_it_stands(ann, handoff)
    with statements(1):
        assert _accept(ann, seen).state == State.IN_PROGRESS
    seen = _as_it_stands(ann, handoff)
    with statements(1):
        _decide(ann, seen)
    stored = Handoff.objects.get()
    assert (stored.state, stored.audit_sequence, stored.version) == (State.RESOLVED, 3, 2)
    assert Decision.objects.get().recoveries.count() == 1


def test_what_one_accepted_elsewhere_meanwhile_stays_theirs(ann, bob):
    handoff = HandoffFactory()
    seen = _as_it_stands(ann, handoff)
    _accept(bob, Handoff.objects.get())
    with refused(AlreadyAccepted) as refusal:
        _accept(ann, seen)
    assert refusal.value.details["holder"] == bob.display_name
    assert Handoff.objects.get().holder == bob


def test_a_decision_on_what_was_reported_anew_meanwhile_is_refused(ann):
    handoff = HandoffFactory(accepted_by=ann)
    seen = _as_it_stands(ann, handoff)
    post(reference=handoff.case.reference, data={**DATA, "amount": "77.00"})
    with pytest.raises(ContextChanged):
        _decide(ann, seen)
    assert Handoff.objects.get().state == State.IN_PROGRESS
    assert not Decision.objects.exists()


def test_a_caller_that_joined_meanwhile_is_told_of_the_decision(ann):
    handoff = HandoffFactory(accepted_by=ann)
    seen = _as_it_stands(ann, handoff)
    post(reference=handoff.case.reference, callback_url=CALLBACK, correlation_id="second run", document_ids=())
    _decide(ann, seen)
    assert set(Recovery.objects.values_list("correlation_id", flat=True)) >= {"second run"}


def test_whoever_may_not_is_told_why(ann, bob):
    handoff = HandoffFactory(accepted_by=ann)
    with refused(NotHolder):
        _decide(bob, _as_it_stands(bob, handoff))


def test_the_cut_off_of_the_database_counts(ann):
    handoff = HandoffFactory(accepted_by=ann)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE handoffs_handoff SET cut_off_at = now() - interval '1 second'")
    with refused(DeadlinePassed):
        _decide(ann, _as_it_stands(ann, handoff))
    assert (Handoff.objects.get().state, Decision.objects.count()) == (State.IN_PROGRESS, 0)


def test_workers_are_woken_after_the_statement_and_not_without_it(ann, monkeypatch, django_capture_on_commit_callbacks):
    EndpointFactory(event_types=[WebhookType.ACCEPTED.value])
    handoff = HandoffFactory()
    stale, seen = _as_it_stands(ann, handoff), _as_it_stands(ann, handoff)
    with django_capture_on_commit_callbacks() as rings:
        _accept(ann, seen)
    assert (len(rings), Delivery.objects.filter(event_type=WebhookType.ACCEPTED).count()) == (1, 1)
    with django_capture_on_commit_callbacks() as rings:
        assert _accept(ann, stale).holder == ann
    assert (len(rings), Delivery.objects.filter(event_type=WebhookType.ACCEPTED).count()) == (0, 1)


def test_what_was_reminded_of_before_is_overtaken_under_the_lock(ann):
    handoff = HandoffFactory()
    Handoff.objects.update(steps_done=["remind/0"])
    seen = _as_it_stands(ann, handoff)
    assert _accept(ann, seen).holder == ann
    assert seen.state == State.PENDING  # it was left alone


def test_a_decision_that_may_be_looked_at_twice_is_made_under_the_lock(ann):
    publish(integrity={"second_look": {"percent": 100}})
    handoff = HandoffFactory(accepted_by=ann)
    decided = _decide(ann, _as_it_stands(ann, handoff))
    assert (decided.state, Handoff.objects.count()) == (State.RESOLVED, 2)
