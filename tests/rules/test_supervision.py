"""What a person reviews of what the automation did by itself: always what is large, and a stable sample of the rest."""

from datetime import UTC, datetime

import pytest

from handoffs.choices import ProceedReason, TriggerKind, Verdict
from handoffs.rules.evaluate import evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LARGE = {"field": "data.amount", "is": ">", "value": 100}
NOBODY = {"sample": {"percent": 0}}


def judged(supervision=None, *, acted=True, pattern="supervised", reference="R-1", triggers=(), **data):
    sections = {"supervision": supervision} if supervision else {}
    policy = load(invoice_matching(pattern=pattern, triggers=list(triggers), **sections))
    return evaluate(AttemptFacts(reference=reference, acted=acted, data=data), policy, FailureHistory(), at=AT)


def test_what_was_done_is_reviewed_by_default():
    evaluation = judged()
    assert (evaluation.verdict, evaluation.primary.key) == (Verdict.HANDOFF, "supervision")
    assert evaluation.primary.kind is TriggerKind.SUPERVISION


def test_what_the_sample_leaves_out_proceeds_and_is_still_recorded():
    evaluation = judged(NOBODY)
    assert (evaluation.verdict, evaluation.proceed_reason) == (Verdict.PROCEED, ProceedReason.NO_TRIGGER)
    assert [(result.key, result.fired) for result in evaluation.triggers] == [("supervision", False)]


@pytest.mark.parametrize(("amount", "reviewed"), [("100.00", False), ("100.01", True), (None, True)])
def test_what_is_large_or_cannot_be_known_is_always_reviewed(amount, reviewed):
    data = {} if amount is None else {"amount": amount}
    result = judged(NOBODY | {"always_when": LARGE}, **data).triggers[0]
    assert (result.fired, result.unknown, result.fields) == (reviewed, amount is None, ("data.amount",))


def test_the_sample_is_the_same_for_the_same_reference_and_close_to_its_share():
    half = {"sample": {"percent": 50}}
    references = [f"R-{number}" for number in range(400)]
    first, again = ([judged(half, reference=name).opens_handoff for name in references] for _ in range(2))
    assert first == again
    assert 150 < sum(first) < 250


def test_what_was_not_done_yet_is_left_to_the_triggers():
    assert judged(acted=False).triggers == ()
    large = {"key": "too_large", "when": LARGE}
    assert judged(acted=False, triggers=[large], amount="500").primary.key == "too_large"


def test_other_patterns_are_not_supervised():
    assert judged(pattern="alert_and_wait").verdict is Verdict.PROCEED


def test_a_sensitive_value_is_not_told():
    secret = {"field": "data.bank_account", "is": "present"}
    result = judged(NOBODY | {"always_when": secret}, bank_account="DE89").triggers[0]
    assert result.fired
    assert "DE89" not in result.because + result.sentence
