"""The same error over many cases is one outage: what counts, what fires, and what the reviewer is shown of it."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs.choices import TriggerKind, Verdict
from handoffs.rules import outages
from handoffs.rules.detection import Sighting
from handoffs.rules.evaluate import evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PER_CASE = {"key": "repeated_failure", "failures": {"count": 3, "within": "1h", "retry_after": ["2s", "4s"]}}
OUTAGE = {
    "key": "erp_away",
    "title": "The ERP is away",
    "failures": {"count": 3, "within": "5m", "errors": ["timeout"], "across_cases": True, "retry_after": ["9s"]},
}
LARGE = {"key": "large", "when": {"field": "data.amount", "is": ">", "value": 5000}}


def policy(*triggers):
    return load(invoice_matching(triggers=list(triggers)))


def failed(reference="INV-9", error="timeout", **data):
    return AttemptFacts(reference=reference, error_type=error, error_message="No answer", data=data)


def others(*references, ago_seconds=10, error="timeout"):
    """The history of a first attempt after each of these cases failed once."""
    at = AT - timedelta(seconds=ago_seconds)
    return FailureHistory(workflow_failures=tuple((at, error, reference) for reference in references))


def judged(*triggers, attempt=None, history=None):
    return evaluate(attempt or failed(), policy(*triggers), history or FailureHistory(), at=AT)


@pytest.mark.parametrize(
    ("history", "count", "fired"),
    [
        (others(), 1, False),
        (others("INV-1"), 2, False),
        (others("INV-1", "INV-2"), 3, True),
        (others("INV-1", "INV-1", "INV-1"), 2, False),
        (others("INV-9", "INV-9", "INV-1"), 2, False),
        (others("INV-1", "INV-2", ago_seconds=299), 3, True),
        (others("INV-1", "INV-2", ago_seconds=300), 1, False),
        (others("INV-1", "INV-2", error="erp_down"), 1, False),
    ],
)
def test_cases_count_once_each_for_the_same_error_within_the_window(history, count, fired):
    (result,) = judged(OUTAGE, history=history).triggers
    assert (result.because, result.fired, result.kind) == (f"cases failed = {count}", fired, TriggerKind.FAILURES)


def test_an_error_that_is_not_named_never_makes_an_outage():
    evaluation = judged(OUTAGE, attempt=failed(error="rejected"), history=others("INV-1", "INV-2", error="rejected"))
    assert evaluation.verdict is Verdict.PROCEED


def test_the_case_that_fills_the_outage_is_stopped_and_the_handoff_is_not_its_own():
    evaluation = judged(PER_CASE, OUTAGE, history=others("INV-1", "INV-2"))
    assert (evaluation.verdict, evaluation.is_outage, evaluation.primary.key) == (Verdict.STOP, True, "erp_away")
    assert evaluation.routing.role == "AP clerk"


def test_while_the_outage_is_with_a_person_one_failure_is_enough():
    evaluation = judged(PER_CASE, OUTAGE, history=FailureHistory(outage_is_open=True))
    assert (evaluation.verdict, evaluation.is_outage) == (Verdict.STOP, True)


def test_a_case_at_its_own_limit_joins_the_outage_instead_of_a_handoff_of_its_own():
    times = tuple((AT - timedelta(seconds=second), "timeout") for second in (30, 20))
    full = FailureHistory(attempts=2, case_failures=times, outage_is_open=True)
    assert judged(PER_CASE, OUTAGE, history=full).is_outage
    alone = FailureHistory(attempts=2, case_failures=times)
    evaluation = judged(PER_CASE, OUTAGE, history=alone)
    assert (evaluation.verdict, evaluation.is_outage) == (Verdict.STOP, False)


def test_what_another_trigger_hands_off_goes_its_own_way():
    evaluation = judged(OUTAGE, LARGE, attempt=failed(amount="6000"), history=others("INV-1", "INV-2"))
    assert (evaluation.verdict, evaluation.is_outage, evaluation.primary.key) == (Verdict.HANDOFF, False, "large")
    assert evaluation.routing.role == "Procurement analyst"


def test_an_outage_is_routed_by_what_it_is_and_not_by_the_case_that_showed_it():
    evaluation = judged(OUTAGE, attempt=failed(amount="6000"), history=others("INV-1", "INV-2"))
    assert evaluation.routing.role == "AP clerk"


@pytest.mark.parametrize("triggers", [(PER_CASE, OUTAGE), (OUTAGE, PER_CASE)])
def test_until_then_the_delays_of_the_case_s_own_limit_apply(triggers):
    retry = judged(*triggers, history=others("INV-1")).retry
    assert (retry.key, retry.retry_after_seconds, retry.failures, retry.limit) == ("repeated_failure", 2, 1, 3)


def test_without_a_limit_of_the_case_the_outage_s_delay_applies():
    assert judged(OUTAGE).retry.retry_after_seconds == 9


def test_the_reviewer_sees_the_error_and_the_cases_newest_first():
    history = FailureHistory(
        workflow_failures=(
            (AT - timedelta(seconds=20), "timeout", "INV-1"),
            (AT - timedelta(seconds=10), "timeout", "INV-2"),
        )
    )
    result = judged(OUTAGE, history=history).primary
    sighting = Sighting(attempt=failed(amount="10"), history=history, at=AT)
    package = outages.build(policy(OUTAGE), sighting, result, suggested_outcome="reject")
    assert package["summary"] == "The ERP is away: 3 cases failed with timeout within 5 m"
    assert (package["reference"], package["root_cause"]) == ("outage:timeout", "No answer")
    assert [field["value"] for field in package["fields"]] == [
        "timeout",
        "No answer",
        [
            {"case": "INV-9", "failed_at": "2026-11-20T09:00:00Z"},
            {"case": "INV-2", "failed_at": "2026-11-20T08:59:50Z"},
            {"case": "INV-1", "failed_at": "2026-11-20T08:59:40Z"},
        ],
    ]


def test_a_policy_names_the_cases_that_stand_for_its_outages():
    both = OUTAGE | {"key": "b", "failures": {**OUTAGE["failures"], "errors": ["timeout", "erp_down"]}}
    assert outages.references(policy(OUTAGE, both, PER_CASE)) == ["outage:erp_down", "outage:timeout"]
