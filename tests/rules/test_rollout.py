"""Inside the stage or not: stable, even, and only ever widening."""

import pytest

from handoffs.rules.facts import AttemptFacts
from handoffs.rules.policy_loading import load
from handoffs.rules.rollout import is_inside, is_sampled, share_of
from tests.policies import invoice_matching

REFERENCES = [f"INV-{number}" for number in range(4000)]


def test_a_share_is_a_percentage_that_depends_on_nothing_but_salt_and_reference():
    shares = [share_of("stage", reference) for reference in REFERENCES]
    assert shares == [share_of("stage", reference) for reference in REFERENCES]
    assert (min(shares) >= 0, max(shares) < 100) == (True, True)
    assert share_of("stage", "INV-1") != share_of("other", "INV-1")


def test_salt_and_reference_do_not_run_into_each_other():
    assert share_of("a", "b\nc") != share_of("a\nb", "d")
    assert share_of("ab", "c") != share_of("a", "bc")


@pytest.mark.parametrize("percent", [1, 20, 50, 80])
def test_a_sample_is_about_as_large_as_it_says(percent):
    found = sum(is_sampled(percent=percent, salt="stage", reference=reference) for reference in REFERENCES)
    assert abs(found / len(REFERENCES) * 100 - percent) < 2.5


def test_none_and_all_mean_none_and_all():
    counts = [sum(is_sampled(percent=p, salt="stage", reference=r) for r in REFERENCES) for p in (0, 100)]
    assert counts == [0, len(REFERENCES)]


def test_a_wider_stage_keeps_everybody_who_was_inside():
    stages = [
        {reference for reference in REFERENCES if is_sampled(percent=percent, salt="stage", reference=reference)}
        for percent in (5, 25, 60)
    ]
    assert stages[0] < stages[1] < stages[2]


@pytest.mark.parametrize(("amount", "inside"), [("999", True), ("1000", False), (None, False)])
def test_a_condition_keeps_out_whom_it_does_not_hold_for_and_whom_nobody_can_tell(amount, inside):
    rollout = {"percent": 100, "when": {"field": "data.amount", "is": "<", "value": 1000}}
    policy = load(invoice_matching(rollout=rollout))
    names = AttemptFacts(reference="INV-1", data={"amount": amount}).names()
    assert is_inside(policy.rollout, workflow="invoice-matching", reference="INV-1", names=names) is inside


def test_the_stages_of_two_workflows_are_drawn_apart():
    rollout = load(invoice_matching(rollout={"percent": 50})).rollout
    names = AttemptFacts(reference="INV-1").names()
    sides = [
        tuple(is_inside(rollout, workflow=key, reference=reference, names=names) for key in ("one", "two"))
        for reference in REFERENCES[:50]
    ]
    assert set(sides) == {(True, True), (True, False), (False, True), (False, False)}
