"""How many conditions a second one core evaluates; 20,000 simple ones is the budget."""

from decimal import Decimal

import pytest

from handoffs.rules.facts import AttemptFacts
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
FACTS = AttemptFacts(
    reference="INV-1",
    data={
        "vendor": "ACME",
        "vendor_age_days": 3,
        "amount": "1200.00",
        "price_variance_percent": Decimal("4.2"),
        "lines": [{"price": price} for price in range(1, 21)],
    },
).names()


@pytest.mark.parametrize("name", CONDITIONS)
def test_evaluate(benchmark, name):
    condition = compiled(CONDITIONS[name])
    assert benchmark(condition.evaluate, FACTS).truth is YES


@pytest.mark.parametrize("name", CONDITIONS)
def test_compile(benchmark, name):
    assert benchmark(compiled, CONDITIONS[name]).fields
