"""The one decision core: verdict, reason, route and suggestion of an attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs.choices import Priority
from handoffs.rules.evaluate import evaluate, suggest
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLEAN = {"price_variance_percent": "0.4", "po_number": "PO-881", "amount": "1200.00"}
ODD = CLEAN | {"price_variance_percent": "4.2"}
NO_FAILURES = FailureHistory()
TWO_FAILURES = FailureHistory(
    attempts=2, case_failures=((NOON - timedelta(minutes=2), "timeout"), (NOON - timedelta(minutes=1), "timeout"))
)


def _evaluate(data=CLEAN, *, history=NO_FAILURES, sections=None, **facts):
    policy = load(invoice_matching(**(sections or {})))
    attempt = AttemptFacts(reference=facts.pop("reference", "INV-1"), data=data, **facts)
    return evaluate(attempt, policy, history, at=NOON)


@pytest.mark.parametrize(
    ("given", "verdict", "reason", "primary"),
    [
        ({}, "proceed", "no_trigger", None),
        ({"data": ODD}, "handoff", None, "price_variance"),
        ({"data": ODD | {"po_number": None}}, "handoff", None, "price_variance"),
        ({"request_reason": "two orders fit"}, "handoff", None, "requested"),
        ({"error_type": "timeout"}, "retry", None, None),
        ({"error_type": "bad_scan"}, "proceed", "no_trigger", None),
        ({"error_type": "timeout", "history": TWO_FAILURES}, "stop", None, "repeated_failure"),
        ({"data": ODD, "error_type": "timeout", "history": TWO_FAILURES}, "handoff", None, "price_variance"),
        ({"data": ODD, "sections": {"rollout": {"percent": 0}}}, "proceed", "outside_rollout", None),
        ({"sections": {"rollout": {"percent": 0}}}, "proceed", "no_trigger", None),
        ({"error_type": "timeout", "sections": {"rollout": {"percent": 0}}}, "retry", None, None),
    ],
    ids=str,
)
def test_the_verdict(given, verdict, reason, primary):
    found = _evaluate(**given)
    assert (found.verdict, found.proceed_reason, found.primary and found.primary.key) == (verdict, reason, primary)
    assert found.opens_handoff == (found.routing is not None) == (verdict in ("handoff", "stop"))


def test_every_trigger_is_judged_whatever_the_verdict():
    keys = [trigger["key"] for trigger in invoice_matching()["triggers"]]
    outside = _evaluate(ODD, sections={"rollout": {"percent": 0}})
    assert ([result.key for result in _evaluate().triggers], [result.key for result in outside.triggers]) == (
        keys,
        keys,
    )


def test_a_retry_says_when_and_how_many_more():
    retry = _evaluate(error_type="timeout").retry
    assert (retry.retry_after_seconds, retry.failures, retry.limit) == (30, 1, 3)


def test_a_handoff_says_to_whom_and_why():
    routing = _evaluate(ODD | {"amount": "5000.01"}).routing
    assert (routing.role, routing.priority, "5,000.01" in routing.because) == (
        "Procurement analyst",
        Priority.HIGH,
        True,
    )


def test_the_same_facts_give_the_same_evaluation():
    assert _evaluate(ODD) == _evaluate(ODD)


@pytest.mark.parametrize(
    ("variance", "proposed", "outcome"),
    [
        ("3", "", "approve_and_pay"),
        ("3.01", "", ""),
        ("9", "reject", "reject"),
        ("3", "reject", "reject"),
        ("3", "pay_twice", "approve_and_pay"),
        (None, "", ""),
    ],
)
def test_what_is_suggested_first(variance, proposed, outcome):
    attempt = AttemptFacts(reference="INV-1", data={"price_variance_percent": variance}, proposed_outcome=proposed)
    assert suggest(load(invoice_matching()), attempt, NO_FAILURES) == outcome
