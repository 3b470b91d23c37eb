"""Which outcomes may be decided for several cases at once, over the policies that the cases are pinned to."""

import pytest

from handoffs.choices import ReasonRule
from handoffs.rules.policy_loading import load
from handoffs.rules.together import offered_by_all
from tests.policies import changed

CORRECTION, REJECT = ("outcomes.1.together", True), ("outcomes.2.together", True)
EXPLAINED = ("outcomes.1.explain", "The vendor is written to")


def offered(*documents):
    return [outcome.key for outcome in offered_by_all([load(changed(*changes)) for changes in documents])]


@pytest.mark.parametrize(
    ("documents", "keys"),
    [
        ([], []),
        ([[]], []),
        ([[CORRECTION, REJECT]], ["request_vendor_correction", "reject"]),
        ([[CORRECTION, REJECT], [REJECT]], ["reject"]),
        ([[REJECT], [CORRECTION, REJECT]], ["reject"]),
        ([[CORRECTION], [REJECT]], []),
        ([[CORRECTION], []], []),
        ([[CORRECTION], [CORRECTION, ("outcomes.1.title", "Ask the vendor")]], []),
        ([[CORRECTION], [CORRECTION, ("outcomes.1.recovery", "retry")]], []),
        ([[CORRECTION], [CORRECTION, ("outcomes.1.key", "other")]], []),
        ([[CORRECTION], [CORRECTION, EXPLAINED]], ["request_vendor_correction"]),
    ],
)
def test_what_every_policy_offers_for_several_cases_at_once_and_means_alike(documents, keys):
    assert offered(*documents) == keys


def test_the_strictest_terms_hold_for_all():
    lenient = load(changed(REJECT, ("outcomes.2.reason", "optional"), ("outcomes.2.second_person", False)))
    strict = load(changed(REJECT, ("outcomes.2.explain", "Nothing is paid")))
    for policies in ([lenient, strict], [strict, lenient]):
        (outcome,) = offered_by_all(policies)
        assert (outcome.reason, bool(outcome.second_person), outcome.explain) == (ReasonRule.REQUIRED, True, "")
