"""The invoice fields that tests of conditions are written against."""

from decimal import Decimal
from typing import Any

from handoffs.rules.conditions import Condition, ConditionInvalid, ConditionResult, DataSchema, Truth, compile_condition
from handoffs.rules.facts import AttemptFacts

YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN
DECIMAL = {"type": ["number", "string"], "format": "decimal"}
LINE = {
    "type": "object",
    "properties": {
        "price": {**DECIMAL, "title": "Price"},
        "sku": {"type": "string"},
        "parts": {"type": "array", "items": {"type": "object", "properties": {"weight": {"type": "number"}}}},
    },
}
INVOICES = DataSchema.of(
    {
        "type": "object",
        "properties": {
            "vendor": {"type": "string", "title": "Vendor"},
            "vendor_age_days": {"type": "integer"},
            "amount": {**DECIMAL, "title": "Amount"},
            "order_amount": {**DECIMAL, "title": "Order amount"},
            "price_variance_percent": {**DECIMAL, "title": "Price variance"},
            "currency": {"enum": ["EUR", "USD"], "type": "string", "title": "Currency"},
            "po_number": {"type": ["string", "null"], "title": "Purchase order"},
            "urgent": {"type": "boolean", "title": "Urgent"},
            "due_on": {"type": "string", "format": "date", "title": "Due date"},
            "received_at": {"type": "string", "format": "date-time", "title": "Received"},
            "tags": {"type": "array", "items": {"type": "string"}, "title": "Tags"},
            "lines": {"type": "array", "items": LINE, "title": "Lines"},
            "address": {"type": "object", "properties": {"city": {"type": "string"}}},
            "extra": {"type": "object"},
        },
    }
)
UNTYPED = DataSchema.of({})


def compiled(source: Any, schema: DataSchema = INVOICES) -> Condition:
    return compile_condition(source, schema, place="triggers[1].when")


def judged(
    source: Any, schema: DataSchema = INVOICES, *, facts: AttemptFacts | None = None, **data: Any
) -> ConditionResult:
    """The condition on an attempt that reported `data`."""
    facts = facts or AttemptFacts(reference="INV-1", data=data, confidence=Decimal("0.7"))
    return compiled(source, schema).evaluate(facts.names())


def truth(source: Any, schema: DataSchema = INVOICES, **data: Any) -> Truth:
    return judged(source, schema, **data).truth


def problems(source: Any, schema: DataSchema = INVOICES) -> list[str]:
    """Every mistake found, as `place: message`; none if the condition is fine."""
    try:
        compiled(source, schema)
    except ConditionInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []
