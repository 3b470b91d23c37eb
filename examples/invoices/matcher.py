"""The matcher at work: what to report next, what to do with the verdict, which receipts are owed.

Every step is written down before and after it is taken, so it can be killed anywhere and goes on where it was.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import letters, report
from .desk import Desk, Refused
from .documents import draw_invoice, draw_order
from .entries import DOCUMENTS, FIRST, RETRY, RETURNED, Attempt, Entry, Receipt, State
from .ledger import Books, Ledger
from .matching import Billing, Compare, Match, match, match_all
from .money import money_text, round_money
from .records import Invoice, Order
from .table import BadFile

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 12  # on one invoice, when the desk keeps refusing its documents
NO_ANSWER = "The vendor desk knows no more than the invoice and its order say."


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the matcher works with and on."""

    workflow: str
    addresses: report.Addresses
    letters_directory: Path
    compare: Compare = Compare.UNIT


class Matcher:
    def __init__(self, ledger: Ledger, desk: Desk, setup: Setup, *, orders: Mapping[str, Order]) -> None:
        self._ledger, self._desk, self._setup, self._orders = ledger, desk, setup, orders
        self._billing = Billing()
        self._matches: dict[str, Match] = {}

    def take_in(self, invoices: list[Invoice], *, limit: int | None, now: datetime) -> None:
        """Match invoices and note them in the ledger. Raises BadFile if one contradicts what the ledger has."""
        found = match_all(invoices, self._orders, billing=self._billing, compare=self._setup.compare)[:limit]
        with self._ledger.books() as books:
            for one in found:
                _take_in(books, one, now)
        self._matches = {one.invoice.invoice_number: one for one in found}

    def next_entry(self, *, first: bool, now: datetime) -> Entry | None:
        """Return the next invoice that is due: again wherever it came from, first only out of the present files."""
        with self._ledger.books() as books:
            due = books.to_report(first=first, now=now)
        return next((entry for entry in due if not first or entry.number in self._matches), None)

    def report(self, entry: Entry, *, now: datetime) -> None:
        """Report one invoice for the cause that the ledger gives, and do what the verdict says."""
        attempt = self._attempt(entry)
        try:
            answer = self._desk.report(attempt.body, key=attempt.key)
        except Refused as refusal:
            self._refused(attempt, refusal, now)
            return
        with self._ledger.books() as books:
            books.answered(attempt, answer, now=now)
            said = _VERDICTS.get(str(answer.get("verdict")), _unknown_verdict)(books, entry, attempt, answer, now)
        log.info("%s  %s  %s %s  → %s", entry.number, entry.vendor, entry.amount, entry.currency, said)

    def post_receipts(self, *, now: datetime) -> int:
        """Post every receipt that is owed and return how many the desk took."""
        taken = 0
        while receipt := self._next_receipt():
            complaint = ""
            try:
                self._desk.receipt(
                    receipt.handoff_id,
                    status=receipt.status,
                    detail=receipt.detail,
                    context_digest=receipt.context_digest,
                )
                taken += 1
                log.info("%s  receipt: %s. %s", receipt.number, receipt.status, receipt.detail)
            except Refused as refusal:
                complaint = str(refusal)
                log.error("%s  the desk refused the receipt “%s”: %s", receipt.number, receipt.status, refusal)
            with self._ledger.books() as books:
                books.acknowledged(receipt, now=now, complaint=complaint)
        return taken

    def write_letters(self) -> None:
        """Write the letters of applied decisions to their files."""
        for path in letters.write_missing(self._ledger, self._setup.letters_directory):
            log.info("wrote %s", path)

    def _next_receipt(self) -> Receipt | None:
        with self._ledger.books() as books:
            return books.next_receipt()

    def _attempt(self, entry: Entry) -> Attempt:
        """Return the attempt written down for the entry's cause, or write it down now."""
        cause = entry.next_cause or FIRST
        with self._ledger.books() as books:
            known, last = books.attempt(entry.number, cause), books.last_body(entry.number)
            returns = books.return_count(entry.number)
        if known:
            return known
        body = self._body(entry, cause, last, returns)
        with self._ledger.books() as books:
            return books.add_attempt(entry.number, cause, body)

    def _body(self, entry: Entry, cause: str, last: dict[str, Any] | None, returns: int) -> dict[str, Any]:
        returned = cause.startswith(RETURNED)
        found = self._match(entry, corrected=returned or returns > 0)
        notes = last["data"]["vendor_notes"] if last else found.invoice.vendor_notes if found else ""
        if returned:
            notes = _answered(notes, entry.questions, _answer(found, returns))
        if found is None:  # an invoice of files that are not at hand any more: say again what was said
            return {**(last or {}), "data": {**(last or {}).get("data", {}), "vendor_notes": notes}}
        return report.body(
            found,
            workflow=self._setup.workflow,
            addresses=self._setup.addresses,
            documents=self._documents(found, cause, last),
            vendor_notes=notes,
        )

    def _match(self, entry: Entry, *, corrected: bool) -> Match | None:
        """Return the match of an entry; once somebody asked, against the order that the vendor desk found."""
        found = self._matches.get(entry.number)
        if found is None or not corrected or found.invoice.vendor_desk_po not in self._orders:
            return found
        invoice = replace(found.invoice, po_number=found.invoice.vendor_desk_po)
        return match(invoice, self._orders, billing=self._billing, compare=self._setup.compare)

    def _documents(self, found: Match, cause: str, last: dict[str, Any] | None) -> list[str]:
        """Return the ids of the documents to show: fresh ones where a person is expected, else those shown before."""
        if cause.startswith((DOCUMENTS, RETURNED)) or (cause == FIRST and found.findings):
            return self._upload(found)
        return list(last["context"]["documents"]) if last else []

    def _upload(self, found: Match) -> list[str]:
        papers = [("invoice.pdf", "Invoice", draw_invoice(found.invoice))]
        if found.order:
            papers.append(("purchase-order.pdf", "Purchase order", draw_order(found.order)))
        return [
            self._desk.upload(content, name=name, title=title, workflow=self._setup.workflow)
            for name, title, content in papers
        ]

    def _refused(self, attempt: Attempt, refusal: Refused, now: datetime) -> None:
        """Report again with fresh documents if those are what is missing; else leave the invoice to people here."""
        with self._ledger.books() as books:
            books.answered(attempt, {"refused": refusal.problem}, now=now)
            count = books.attempt_count(attempt.number)
            if refusal.mentions("document") and attempt.number in self._matches and count < MOST_ATTEMPTS:
                books.ask_again(attempt.number, f"{DOCUMENTS} {count}", at=now)
                return
            books.move(attempt.number, State.REFUSED, note=str(refusal), now=now)
        log.error("%s  the desk refused the report: %s", attempt.number, refusal)


def _take_in(books: Books, one: Match, now: datetime) -> None:
    invoice = one.invoice
    amount = f"{round_money(one.amount, invoice.currency):f}"
    number, vendor = invoice.invoice_number, invoice.vendor
    known = books.entry(number)
    if known and (known.vendor, known.amount, known.currency) != (vendor.name, amount, invoice.currency):
        raise BadFile(
            f"Invoice {number} is in the ledger already: {known.amount} {known.currency} from {known.vendor}, "
            f"and now {amount} {invoice.currency} from {vendor.name}. Use another INVOICES_DIR or another number."
        )
    books.add(
        number=number,
        vendor=vendor.name,
        amount=amount,
        currency=invoice.currency,
        bank_account=vendor.bank_account,
        now=now,
    )


def _answer(found: Match | None, returns: int) -> str:
    answer = found.invoice.vendor_desk_answer if found else ""
    return answer if answer and not returns else NO_ANSWER


def _answered(notes: str, questions: str, answer: str) -> str:
    asked = [f"Asked: {questions}"] if questions else []
    return "\n".join(line for line in (notes, *asked, f"Vendor desk: {answer}") if line)


def _proceed(books: Books, entry: Entry, attempt: Attempt, answer: dict[str, Any], now: datetime) -> str:
    because = f"the desk let it proceed ({str(answer.get('reason') or 'no reason given').replace('_', ' ')})"
    paid = books.pay(entry, because=because, now=now)
    payment = books.payment(entry.number) or {}
    if payment.get("reversed_at"):
        books.move(entry.number, State.ROLLED_BACK, note="Its payment was taken back earlier.", now=now)
        return "may proceed, but its payment was taken back earlier"
    books.move(entry.number, State.PAID, note=f"Cleared and paid: {because}.", now=now)
    return "proceed: cleared and paid" if paid else "proceed: was paid before"


def _wait(books: Books, entry: Entry, attempt: Attempt, answer: dict[str, Any], now: datetime) -> str:
    """A person has it. Where we expected none to, the documents are sent after it."""
    handoff = answer["handoff"]
    books.keep_handoff(entry.number, handoff)
    note = f"With a person ({handoff.get('role', 'role unknown')}), handoff {handoff.get('number', handoff['id'])}."
    books.move(entry.number, State.WAITING, note=note, now=now)
    if not attempt.body["context"]["documents"]:
        books.ask_again(entry.number, DOCUMENTS, at=now)
    cause = attempt.body["context"].get("root_cause") or "the policy wants a person"
    return f"{answer['verdict']} {handoff.get('number', '')} to {handoff.get('role', '?')}: {cause}"


def _retry(books: Books, entry: Entry, attempt: Attempt, answer: dict[str, Any], now: datetime) -> str:
    seconds = float(answer.get("retry_after_seconds") or 1)
    books.ask_again(entry.number, f"{RETRY} {books.attempt_count(entry.number)}", at=now + timedelta(seconds=seconds))
    books.move(entry.number, State.REPORTED, note=f"To be tried again after {seconds:g} s.", now=now)
    return f"retry in {seconds:g} s"


def _unknown_verdict(books: Books, entry: Entry, attempt: Attempt, answer: dict[str, Any], now: datetime) -> str:
    said = f"verdict “{answer.get('verdict')}”, which the matcher does not know; nothing was paid"
    books.move(entry.number, State.REFUSED, note=said, now=now)
    return said


_VERDICTS = {"proceed": _proceed, "handoff": _wait, "wait": _wait, "stop": _wait, "retry": _retry}


def describe(one: Match) -> str:
    """Return a match as one line for people."""
    invoice = one.invoice
    amount = money_text(one.amount, invoice.currency)
    return f"{invoice.invoice_number}  {invoice.vendor.name}  {amount}  {one.root_cause or 'matches'}"
