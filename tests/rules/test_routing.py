"""Which role gets a handoff, and which comes next."""

import pytest

from handoffs.choices import Priority
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.policy_loading import load
from handoffs.rules.routing import escalation_key, next_escalation, route
from tests.policies import invoice_matching

POLICY = load(invoice_matching())


@pytest.mark.parametrize(
    ("amount", "role", "priority"),
    [
        ("5000", "AP clerk", Priority.NORMAL),
        ("5000.00", "AP clerk", Priority.NORMAL),
        ("5000.01", "Procurement analyst", Priority.HIGH),
        (6200, "Procurement analyst", Priority.HIGH),
        (None, "AP clerk", Priority.NORMAL),
        ("a lot", "AP clerk", Priority.NORMAL),
    ],
)
def test_the_first_route_that_holds_counts_and_the_unknown_does_not(amount, role, priority):
    found = route(POLICY, AttemptFacts(reference="INV-1", data={"amount": amount}).names())
    assert (found.role, found.priority) == (role, priority)


def test_a_route_says_why_unless_it_is_the_last():
    why = [route(POLICY, AttemptFacts(reference="x", data={"amount": n}).names()).because for n in ("6200", "1")]
    assert ("6,200" in why[0], why[1]) == (True, "")


CHAIN = [
    {"when": "not_accepted", "after": "2h", "role": "AP manager"},
    {"when": "not_resolved", "after": "8h", "role": "Procurement analyst"},
    {"when": "not_resolved", "after": "9h", "role": "AP manager"},
]


@pytest.mark.parametrize(
    ("role", "done", "index"),
    [
        ("AP clerk", [], 0),
        ("AP manager", [], 1),
        ("AP manager", [0], 1),
        ("Procurement analyst", [0, 1], 2),
        ("AP manager", [0, 1], None),
        ("AP clerk", [0, 1, 2], None),
    ],
)
def test_the_next_step_of_the_chain_is_the_first_that_leads_elsewhere(role, done, index):
    policy = load(invoice_matching(sla=invoice_matching()["sla"] | {"escalation": CHAIN}))
    found = next_escalation(policy, role=role, steps_done=frozenset(map(escalation_key, done)))
    assert found == (None if index is None else (index, policy.sla.escalation[index]))
