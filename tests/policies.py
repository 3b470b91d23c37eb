"""The policy of the invoice matcher, as the tests of every layer use it."""

from typing import Any

from handoffs.rules.policy_reading import read_yaml

INVOICE_MATCHING = """
workflow: invoice-matching
title: Invoice matching
pattern: alert_and_wait
data:
  type: object
  properties:
    vendor: {type: string, title: Vendor}
    vendor_age_days: {type: integer, title: Days since the vendor was added}
    amount: {type: [number, string], format: decimal, title: Amount}
    currency: {type: string, title: Currency}
    price_variance_percent: {type: [number, string], format: decimal, title: Price variance}
    po_number: {type: [string, "null"], title: Purchase order}
    po_line:
      type: array
      title: Lines of the purchase order
      items:
        type: object
        properties:
          item: {type: string, title: Item}
          quantity: {type: [number, string], format: decimal, title: Quantity}
          price: {type: [number, string], format: decimal, title: Price}
    vendor_notes: {type: string, title: Vendor notes}
    bank_account: {type: string, title: Bank account}
context:
  summary: >-
    Invoice {reference} from {data.vendor} is {data.price_variance_percent} % over {data.po_number|no purchase order}
  fields:
    - {field: data.amount, as: money, currency: data.currency}
    - {field: data.price_variance_percent, as: percent}
    - {field: data.po_line, as: table}
    - {field: data.vendor_notes, as: text}
    - {field: data.bank_account, as: text, sensitive: true}
  require: {documents: [invoice], fields: [data.amount]}
triggers:
  - key: price_variance
    title: Price variance above 2 %
    when: {field: data.price_variance_percent, is: ">", value: 2}
    root_cause: "Unit price differs from the purchase order"
  - key: missing_po
    title: No purchase order
    when: {field: data.po_number, is: missing}
  - key: low_confidence
    when: {field: confidence, is: "<", value: 0.8}
    unknown: ignore
  - key: repeated_failure
    failures: {count: 3, within: 1h, errors: [timeout, erp_down], retry_after: [30s, 5m]}
  - key: quality_sample
    sample: {percent: 5}
routes:
  - {when: {field: data.amount, is: ">", value: 5000}, role: Procurement analyst, priority: high}
  - {role: AP clerk}
outcomes:
  - key: approve_and_pay
    title: Approve and pay
    kind: approve
    recovery: resume
    reversible: false
    explain: The invoice is cleared and payment goes out
    reason: optional
  - key: request_vendor_correction
    title: Request vendor correction
    kind: correct
    recovery: mark_resolved
    reason: required
  - key: reject
    title: Reject
    kind: reject
    recovery: roll_back
    reason: required
    second_person: {when: {field: data.amount, is: ">", value: 50000}}
suggest:
  - {when: {field: data.price_variance_percent, is: "<=", value: 3}, outcome: approve_and_pay}
sla:
  calendar: always
  accept_within: 1h
  resolve_within: 8h
  reminders: [{before: resolve, by: 2h, to: holder}, {after: accept, by: 0m, to: role}]
  escalation:
    - {when: not_accepted, after: 2h, role: AP manager, priority: high}
    - {when: not_resolved, after: 8h, role: AP manager}
  cut_off: {after: 3d, outcome: request_vendor_correction}
  idle_release: 30m
recovery: {receipt_within: 15m, on_failure: reopen}
rollout: {percent: 100, when: null, reviewers: null, shadow: false}
"""
INVOICE_ROLES = frozenset({"AP clerk", "AP manager", "Procurement analyst"})


class _Gone:
    """Stands for "take this place away"; its name is the same in every process, as parallel runs of tests want it."""

    def __repr__(self) -> str:
        return "GONE"


GONE = _Gone()


def for_several(*keys: str) -> list[dict[str, Any]]:
    """The outcomes of the invoice matching, those of `keys` for several cases at once."""
    return [outcome | {"together": outcome["key"] in keys} for outcome in invoice_matching()["outcomes"]]


def invoice_matching(**changes: Any) -> dict[str, Any]:
    """A fresh document with every section of a policy; `changes` replace whole sections, None leaves one out."""
    document: dict[str, Any] = read_yaml(INVOICE_MATCHING) | changes
    return {name: section for name, section in document.items() if section is not None}


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The document with values put at places such as `triggers.0.when`; the value GONE removes what is there."""
    document = invoice_matching()
    for place, value in changes:
        *way, last = (int(part) if part.isdigit() else part for part in place.split("."))
        section: Any = document
        for part in way:
            section = section[part]
        if value is GONE:
            del section[last]
        else:
            section[last] = value
    return document
