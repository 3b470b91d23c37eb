"""The body of an attempt: what the desk is told about a match. Amounts travel as strings, exactly."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .matching import Match, percent_text
from .money import line_amount, plain, price_text, round_money
from .records import Line


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the desk can reach this matcher, and people its ledger; empty where nothing listens."""

    callback_url: str = ""
    ledger_url: str = ""


def body(
    match: Match, *, workflow: str, addresses: Addresses, documents: list[str], vendor_notes: str
) -> dict[str, Any]:
    """Return the JSON object for `POST /api/v1/cases/`; `vendor_notes` grow with every answer."""
    number = match.invoice.invoice_number
    report = {
        "workflow": workflow,
        "reference": number,
        "data": _data(match, vendor_notes),
        "confidence": match.confidence,
        "proposed_outcome": match.proposed_outcome.value,
        "context": _context(match, addresses, documents),
        "correlation_id": f"invoice-{number}"[:100],
    }
    if match.asks:
        report["request_handoff"] = {"reason": match.asks}
    if addresses.callback_url:
        report["callback_url"] = addresses.callback_url
    return report


def _data(match: Match, vendor_notes: str) -> dict[str, Any]:
    invoice = match.invoice
    data: dict[str, Any] = {
        "invoice_number": invoice.invoice_number,
        "vendor": invoice.vendor.name,
        "amount": f"{round_money(match.amount, invoice.currency):f}",
        "currency": invoice.currency,
        "po_number": match.order.po_number if match.order else None,
        "po_line": [_row(line.ordered, match.order.currency) for line in match.lines if line.ordered and match.order],
        "lines": [_row(line, invoice.currency) for line in invoice.lines],
        "vendor_notes": vendor_notes,
    }
    if match.variance is not None:
        data["price_variance_percent"] = percent_text(match.variance)
    if invoice.invoice_date:
        data["invoice_date"] = invoice.invoice_date.isoformat()
    if invoice.vendor.bank_account:
        data["bank_account"] = invoice.vendor.bank_account
    return data


def _row(line: Line, currency: str) -> dict[str, str]:
    return {
        "item": line.sku,
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit_price": price_text(line.unit_price, currency),
        "amount": f"{line_amount(line.quantity, line.unit_price, currency):f}",
    }


def _context(match: Match, addresses: Addresses, documents: list[str]) -> dict[str, Any]:
    context: dict[str, Any] = {"links": _links(match, addresses), "documents": documents}
    if match.headline:
        invoice = match.invoice
        context["summary"] = f"Invoice {invoice.invoice_number} from {invoice.vendor.name[:200]} {match.headline}"
    if match.root_cause:
        context["root_cause"] = match.root_cause
    return context


def _links(match: Match, addresses: Addresses) -> list[dict[str, str]]:
    if not addresses.ledger_url:
        return []
    page = f"{addresses.ledger_url}/invoices/{quote(match.invoice.invoice_number, safe='')}"
    return [{"label": "Invoice in the payment ledger", "url": page}]
