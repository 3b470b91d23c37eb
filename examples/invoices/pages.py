"""The ledger for people: as a table in the terminal and as plain HTML; everything that came from outside is escaped."""

import unicodedata
from collections import Counter
from decimal import Decimal
from html import escape
from typing import Any
from urllib.parse import quote

from .entries import Entry, State
from .ledger import Ledger
from .money import money_text

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { white-space: pre-wrap; border: 1px solid #8884; padding: 1rem; } small { opacity: .75; }
"""


def ledger_page(ledger: Ledger) -> str:
    """Return the whole ledger as one page."""
    with ledger.books() as books:
        entries, paid = books.entries(), [row for row in books.payments() if not row["reversed_at"]]
    counts = Counter(entry.state for entry in entries)
    summary = " · ".join(f"{counts[state]} {state}" for state in State if counts[state]) or "nothing yet"
    rows = "".join(_row(entry) for entry in entries)
    table = (
        "<thead><tr><th scope=col>Invoice<th scope=col>Vendor<th scope=col class=number>Amount"
        f"<th scope=col>State<th scope=col>What happened</tr></thead><tbody>{rows}</tbody>"
    )
    return _page(
        "Payment ledger",
        f"<p>{len(entries)} invoices: {escape(summary)}. {len(paid)} payments stand.</p>"
        f"<div class=scroll><table>{table}</table></div>",
    )


def invoice_page(ledger: Ledger, number: str) -> str | None:
    """Return one invoice with its reports, decisions, payment and letters, or None if the ledger does not have it."""
    with ledger.books() as books:
        entry = books.entry(number)
        if entry is None:
            return None
        attempts, receipts, payment = books.attempts(number), books.receipts(number), books.payment(number)
        letters = [letter for letter in books.letters() if letter["number"] == number]
    parts = [
        f"<p>{escape(entry.vendor)}, {_sum(entry)}</p>",
        f"<p><strong>{escape(entry.state)}</strong>. {escape(entry.note)}</p>",
        _section("Payment", [payment] if payment else [], ("amount", "currency", "because", "paid_at", "reversed_at")),
        _section("Reports to the desk", attempts, ("cause", "reported_at", "key")),
        _section("Decisions", receipts, ("outcome", "status", "detail", "decided_at", "acknowledged_at", "complaint")),
        *(f"<h2>Letter</h2><pre>{escape(letter['body'])}</pre>" for letter in letters),
        "<p><a href='/'>All invoices</a></p>",
    ]
    return _page(f"Invoice {number}", "".join(parts))


def ledger_text(ledger: Ledger) -> str:
    """Return the ledger as lines for a terminal, with the sums paid per currency at the end."""
    with ledger.books() as books:
        entries, payments = books.entries(), books.payments()
    lines = [
        f"{e.number:<14} {_cut(e.vendor, 30)} {e.amount:>14} {e.currency}  {e.state:<12} {_safe(e.note)}"
        for e in entries
    ]
    counts = Counter(entry.state for entry in entries)
    summary = ", ".join(f"{counts[state]} {state}" for state in State if counts[state]) or "no invoices yet"
    standing = sum(not payment["reversed_at"] for payment in payments)
    return "\n".join([*lines, f"{len(entries)} invoices: {summary}; {standing} payments stand."])


def _row(entry: Entry) -> str:
    link = f"<a href='/invoices/{quote(entry.number, safe='')}'>{escape(entry.number)}</a>"
    return (
        f"<tr id='{escape(quote(entry.number, safe=''))}'><td>{link}<td><bdi>{escape(entry.vendor)}</bdi>"
        f"<td class=number>{_sum(entry)}<td>{escape(entry.state)}"
        f"<td><small>{escape(entry.note)}</small></tr>"
    )


def _section(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    if not rows:
        return f"<h2>{title}</h2><p>None.</p>"
    head = "".join(f"<th scope=col>{name.replace('_', ' ')}" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(name, row[name])}" for name in columns) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{title}</h2><div class=scroll>{table}</div>"


def _cell(name: str, value: str | None) -> str:
    if name.endswith("_at") and value:
        return f"<time class=number datetime='{escape(value)}'>{escape(value[:19].replace('T', ' '))}</time>"
    return escape(value or "")


def _sum(entry: Entry) -> str:
    return escape(money_text(Decimal(entry.amount), entry.currency))


def _page(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def _cut(text: str, width: int) -> str:
    text = _safe(text)
    return f"{text[: width - 1] + '…' if len(text) > width else text:<{width}}"


def _safe(text: str) -> str:
    """Drop characters that could steer a terminal or turn its writing direction."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf") else " " for c in text)
