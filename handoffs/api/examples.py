"""Examples in the OpenAPI document: the invoice that two purchase orders fit."""

from drf_spectacular.utils import OpenApiExample

REPORT = {
    "workflow": "invoice-matching",
    "reference": "INV-10042",
    "data": {
        "vendor": "Acme",
        "amount": "6200.00",
        "currency": "USD",
        "price_variance_percent": "4.2",
        "po_number": "PO-881",
    },
    "confidence": 0.71,
    "proposed_outcome": "approve_and_pay",
    "callback_url": "https://erp.example/hooks/handoff",
    "correlation_id": "run-5512",
}
PROCEED = {
    "verdict": "proceed",
    "case": {"workflow": "invoice-matching", "reference": "INV-10043"},
    "attempt": "0197a3c8-6f0e-7cc3-98c4-dc0c0c07398f",
    "policy_version": 3,
    "triggers": [{"key": "price_variance", "fired": False, "because": "data.price_variance_percent = 0.4"}],
    "reason": "no_trigger",
}
ATTEMPT = (
    OpenApiExample("An invoice over its order", value=REPORT, request_only=True),
    OpenApiExample("Nobody is needed", value=PROCEED, response_only=True, status_codes=["200"]),
)
BATCH = (OpenApiExample("One invoice", value={"attempts": [REPORT]}, request_only=True),)
DECIDE = (
    OpenApiExample(
        "Approve what was seen",
        value={
            "outcome": "approve_and_pay",
            "context_digest": "sha256:90fedd341c22a9810f72639ad7e9737b49fe73ee1627cdecb7eb9761c3ff1a51",
            "reason": "Agreed with the vendor by phone",
        },
        request_only=True,
    ),
)
RECEIPT = (
    OpenApiExample("Done", value={"status": "applied", "detail": "Paid as P-77"}, request_only=True),
    OpenApiExample("It did not work", value={"status": "failed", "detail": "ERP refused"}, request_only=True),
)
