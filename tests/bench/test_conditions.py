"""How many conditions a second one core evaluates: 20,000 simple ones, and a policy of 200 triggers within 5 ms."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from handoffs.rules.evaluate import evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy_loading import load
from tests.policies import invoice_matching
from tests.rules.invoices import YES, compiled

pytestmark = pytest.mark.bench

CONDITIONS = {
    "simple": {"field": "data.price_variance_percent", "is": ">", "value": 2},
    "simple expression": "data.price_variance_percent > 2",
    "text": {"field": "data.vendor", "is": "in", "value": ["ACME", "Bolt", "Coil"]},
    "pattern": {"field": "data.vendor", "is": "matches", "value": "^AC"},
    "odd case": "data.vendor_age_days < 30 && decimal(data.amount).isRound(100)",
    "list of 20 lines": "data.lines.exists(line, line.price > 19)",
}
DATA = {
    "vendor": "ACME",
    "vendor_age_days": 3,
    "amount": "1200.00",
    "price_variance_percent": Decimal("4.2"),
    "lines": [{"price": price} for price in range(1, 21)],
}
FACTS = AttemptFacts(reference="INV-1", data=DATA).names()
POLICY_SECONDS = 0.005


@pytest.mark.parametrize("name", CONDITIONS)
def test_evaluate(benchmark, name):
    condition = compiled(CONDITIONS[name])
    assert benchmark(condition.evaluate, FACTS).truth is YES


@pytest.mark.parametrize("name", CONDITIONS)
def test_compile(benchmark, name):
    assert benchmark(compiled, CONDITIONS[name]).fields


@pytest.mark.benchmark(timer=time.process_time)
def test_a_policy_of_200_triggers(benchmark):
    both = [{"field": "data.amount", "is": ">", "value": 9000}, {"field": "data.price_variance_percent", "is": ">"}]
    triggers = [
        {"key": f"t{number}", "when": {"all": [both[0], both[1] | {"value": 50 + number}]}} for number in range(200)
    ]
    policy, attempt = load(invoice_matching(triggers=triggers)), AttemptFacts(reference="INV-1", data=DATA)
    evaluation = benchmark(evaluate, attempt, policy, FailureHistory(), at=datetime.now(UTC))
    assert len(evaluation.triggers) == 200
    if benchmark.enabled:
        assert benchmark.stats.stats.min <= POLICY_SECONDS
