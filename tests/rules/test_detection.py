"""Which triggers fire on an attempt, and why: one table per kind of trigger."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from handoffs.rules.detection import Sighting, detect
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLEAN = {"price_variance_percent": "0.4", "po_number": "PO-881"}
FAILURES = {"count": 3, "within": "1h", "errors": ["timeout", "erp_down"], "retry_after": ["30s", "5m"]}


def _policy(*triggers, **sections):
    return load(invoice_matching(**({"triggers": list(triggers)} if triggers else {}), **sections))


def _detect(policy, data=None, *, failures=(), **facts):
    attempt = AttemptFacts(**({"reference": "INV-1", "data": CLEAN | (data or {})} | facts))
    past = tuple((NOON - timedelta(minutes=minutes), kind) for minutes, kind in failures)
    history = FailureHistory(attempts=len(past), case_failures=past)
    names = attempt.names(attempts=history.attempts + 1)
    return detect(policy, Sighting(attempt=attempt, history=history, at=NOON, names=names))


def _fired(results):
    return [result.key for result in results if result.fired]


INVOICES = _policy()


@pytest.mark.parametrize(
    ("data", "facts", "fired"),
    [
        ({}, {}, []),
        ({"price_variance_percent": "2"}, {}, []),
        ({"price_variance_percent": "2.000000000000000001"}, {}, ["price_variance"]),
        ({"price_variance_percent": Decimal("4.2")}, {}, ["price_variance"]),
        ({"price_variance_percent": -9}, {}, []),
        ({"price_variance_percent": None}, {}, ["price_variance"]),
        ({"price_variance_percent": "much"}, {}, ["price_variance"]),
        ({"po_number": None}, {}, ["missing_po"]),
        ({"po_number": None, "price_variance_percent": "3"}, {}, ["price_variance", "missing_po"]),
        ({}, {"confidence": Decimal("0.8")}, []),
        ({}, {"confidence": Decimal("0.79")}, ["low_confidence"]),
        ({}, {"request_reason": "two orders fit"}, ["requested"]),
        ({}, {"request_reason": ""}, ["requested"]),
    ],
    ids=str,
)
def test_conditions_and_requests(data, facts, fired):
    assert _fired(_detect(INVOICES, data, **facts)) == fired


def test_every_trigger_is_kept_with_its_reason_whether_it_fired_or_not():
    results = _detect(INVOICES, {"price_variance_percent": "4.2"}, confidence=Decimal("0.9"))
    assert [(result.key, result.fired, result.because) for result in results] == [
        ("price_variance", True, "data.price_variance_percent = 4.2"),
        ("missing_po", False, 'data.po_number = "PO-881"'),
        ("low_confidence", False, "confidence = 0.9"),
        ("repeated_failure", False, "failures = 0"),
        ("quality_sample", False, "sample of 5 %"),
    ]


@pytest.mark.parametrize(("unknown", "fires"), [("hand_off", True), ("ignore", False)])
def test_the_policy_says_what_the_unknown_means(unknown, fires):
    when = {"field": "data.vendor_age_days", "is": "<", "value": 30}
    (result,) = _detect(_policy({"key": "new_vendor", "when": when, "unknown": unknown}))
    assert (result.fired, result.unknown, result.because) == (fires, True, "data.vendor_age_days is missing")


@pytest.mark.parametrize(
    ("error", "failures", "fires", "retry_after_seconds", "counted"),
    [
        ("", [(1, "timeout")] * 5, False, None, 5),
        ("timeout", [], False, 30, 1),
        ("timeout", [(10, "timeout")], False, 300, 2),
        ("timeout", [(20, "timeout"), (10, "erp_down")], True, None, 3),
        ("timeout", [(59, "timeout"), (10, "timeout")], True, None, 3),
        ("timeout", [(60, "timeout"), (10, "timeout")], False, 300, 2),
        ("timeout", [(20, "bad_scan"), (10, "timeout")], False, 300, 2),
        ("bad_scan", [(20, "timeout"), (10, "timeout")], False, None, 2),
        ("timeout", [(3, "timeout"), (2, "timeout"), (1, "timeout")], True, None, 4),
    ],
)
def test_repeated_failure(error, failures, fires, retry_after_seconds, counted):
    (result,) = _detect(_policy({"key": "down", "failures": FAILURES}), error_type=error, failures=failures)
    assert (result.fired, result.retry_after_seconds, result.failures, result.limit) == (
        fires,
        retry_after_seconds,
        counted,
        3,
    )


def test_without_a_list_every_kind_of_error_counts():
    limit = {name: value for name, value in FAILURES.items() if name != "errors"}
    (result,) = _detect(_policy({"key": "down", "failures": limit}), error_type="bad_scan", failures=[(1, "timeout")])
    assert result.failures == 2


def test_the_last_delay_is_the_delay_of_all_that_follow():
    policy = _policy({"key": "down", "failures": FAILURES | {"count": 9}})
    delays = [
        _detect(policy, error_type="timeout", failures=[(1, "timeout")] * before)[0].retry_after_seconds
        for before in range(5)
    ]
    assert delays == [30, 300, 300, 300, 300]


def test_a_sample_takes_the_same_references_every_time_and_about_its_share():
    policy = _policy({"key": "look", "sample": {"percent": 5}})
    passes = [
        [number for number in range(2000) if _fired(_detect(policy, reference=f"INV-{number}"))] for _ in range(2)
    ]
    assert passes[0] == passes[1]
    assert 60 < len(passes[0]) < 140


def test_two_samples_of_one_policy_take_different_references():
    policy = _policy({"key": "one", "sample": {"percent": 50}}, {"key": "two", "sample": {"percent": 50}})
    pairs = {tuple(_fired(_detect(policy, reference=f"INV-{number}"))) for number in range(50)}
    assert pairs == {(), ("one",), ("two",), ("one", "two")}


def test_a_trigger_that_read_a_sensitive_field_says_that_it_did_and_not_what():
    when = {"field": "data.bank_account", "is": "matches", "value": "^DE"}
    (result,) = _detect(_policy({"key": "german", "title": "German account", "when": when}), {"bank_account": "DE8937"})
    assert (result.fired, result.because, result.sentence) == (
        True,
        "data.bank_account = •••",
        "German account (•••)",
    )
    assert "DE8937" not in str(result)


def test_what_is_stored_of_a_result():
    (result,) = _detect(
        _policy({"key": "dear", "when": {"field": "data.amount", "is": ">", "value": 1}}), {"amount": 5}
    )
    assert result.stored() == {
        "key": "dear",
        "title": result.title,
        "kind": "condition",
        "fired": True,
        "because": "data.amount = 5",
        "sentence": result.sentence,
        "unknown": False,
        "fields": ["data.amount"],
    }
