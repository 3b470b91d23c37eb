"""Shadow by the decision core: the same answer but for its effect, and nothing in it that tells the proposal."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from handoffs.choices import ProceedReason, Verdict
from handoffs.rules.evaluate import evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from handoffs.rules.shadow import veil_for, veiled
from tests.policies import invoice_matching

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIVE = {percent: load(invoice_matching(rollout={"percent": percent})) for percent in (0, 30, 100)}
SHADOW = {percent: load(invoice_matching(rollout={"percent": percent, "shadow": True})) for percent in LIVE}
POLICY = LIVE[100]

AMOUNTS = some.one_of(some.none(), some.decimals(0, 99_999, places=2).map(str), some.just("no number"))
DATA = some.fixed_dictionaries(
    {},
    optional={
        "amount": AMOUNTS,
        "price_variance_percent": some.one_of(some.none(), some.decimals(0, 9, places=2).map(str)),
        "po_number": some.sampled_from([None, "PO-1"]),
    },
)
ATTEMPTS = some.builds(
    AttemptFacts,
    reference=some.integers(1, 500).map("INV-{}".format),
    data=DATA,
    confidence=some.one_of(some.none(), some.decimals(0, 1, places=2)),
    error_type=some.sampled_from(["", "", "timeout", "bad_scan"]),
    request_reason=some.sampled_from([None, None, "two orders fit"]),
    proposed_outcome=some.sampled_from(["", "approve_and_pay", "reject", "unheard_of"]),
)
HISTORIES = some.builds(
    FailureHistory,
    attempts=some.integers(0, 4),
    case_failures=some.lists(some.just((NOON, "timeout")), max_size=4).map(tuple),
)


@given(attempt=ATTEMPTS, history=HISTORIES, percent=some.sampled_from([0, 30, 100]))
def test_live_and_shadow_judge_the_same_facts_the_same_and_differ_in_effect_alone(attempt, history, percent):
    live = evaluate(attempt, LIVE[percent], history, at=NOON)
    shadow = evaluate(attempt, SHADOW[percent], history, at=NOON)
    assert (shadow.triggers, shadow.primary, shadow.routing, shadow.suggested_outcome, shadow.retry) == (
        live.triggers,
        live.primary,
        live.routing,
        live.suggested_outcome,
        live.retry,
    )
    assert shadow.opens_handoff is False
    assert shadow.opens_shadow == live.opens_handoff
    if live.opens_handoff:
        assert (shadow.verdict, shadow.proceed_reason) == (Verdict.PROCEED, ProceedReason.SHADOW)
    else:
        assert (shadow.verdict, shadow.proceed_reason) == (live.verdict, live.proceed_reason)


@given(attempt=ATTEMPTS, history=HISTORIES)
def test_the_pilot_role_gets_what_the_routes_would_have_shared_out(attempt, history):
    pilot = load(invoice_matching(rollout={"percent": 100, "reviewers": "AP manager"}))
    live, piloted = (evaluate(attempt, policy, history, at=NOON) for policy in (POLICY, pilot))
    assert (piloted.verdict, piloted.triggers) == (live.verdict, live.triggers)
    assert (piloted.routing is None) == (live.routing is None)
    if piloted.routing:
        assert (piloted.routing.role, piloted.routing.priority) == ("AP manager", live.routing.priority)


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("I would approve and pay this", True),
        ("approve_and_pay", True),
        ("my-Approve-AND-pay.pdf", True),
        ("Unit price 620.00 against 595.00", False),
        ("approve", False),
        ("disapprove and pay", False),
        ("", False),
        (None, False),
    ],
)
def test_a_text_that_names_the_proposal_is_hidden(said, hidden):
    assert veil_for(POLICY, "approve_and_pay").hides(said) is hidden


def test_without_a_proposal_nothing_is_hidden():
    assert veil_for(POLICY, "").hides("approve and pay") is False


def test_what_tells_the_proposal_is_taken_out_of_the_package_and_kept():
    fact = {"key": "vendor", "label": "Vendor", "type": "text", "value": "Acme", "sensitive": False}
    opinion = fact | {"key": "opinion", "value": "Approve and pay"}
    papers = [
        {"id": "1", "name": "invoice.pdf", "title": "Invoice"},
        {"id": "2", "name": "approve-and-pay.pdf", "title": ""},
    ]
    package = {
        "summary": "Approve and pay INV-1",
        "root_cause": "I propose to approve and pay",
        "fields": [fact, opinion],
        "links": [{"label": "Approve and pay here", "url": "https://erp.example/1"}],
        "documents": papers,
        "suggested_outcome": "approve_and_pay",
    }
    shown, held = veiled(package, veil_for(POLICY, "approve_and_pay"), summary="Invoice INV-1")
    assert shown == {
        "summary": "Invoice INV-1",
        "root_cause": "",
        "fields": [fact],
        "links": [],
        "documents": papers[:1],
        "suggested_outcome": None,
    }
    assert held == {
        "summary": "Approve and pay INV-1",
        "root_cause": "I propose to approve and pay",
        "fields": [opinion],
        "links": package["links"],
        "documents": papers[1:],
    }
