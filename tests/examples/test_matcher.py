"""The matcher against a desk on the wire: what it sends, and what it does with the verdicts."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from invoices.decisions import take
from invoices.desk import BadToken, Desk, DeskUnreachable, Patience, Refused
from invoices.entries import Entry, State
from invoices.ledger import Ledger
from invoices.matcher import Matcher, Setup
from invoices.polling import Poller
from invoices.report import Addresses
from invoices.table import BadFile

from tests.examples.paperwork import invoice, line, order, orders
from tests.examples.stand_in_desk import TOKEN, StandInDesk, answer, problem

ADDRESSES = Addresses(callback_url="http://127.0.0.1:1/hooks/desk", ledger_url="http://127.0.0.1:1")
CLEAN = invoice(line("595.00"), number="INV-1")
OVER = invoice(
    line("620.00", quantity="9"), number="INV-2", vendor_notes="Note.", vendor_desk_answer="Agreed.", po_number="PO-2"
)
LOST = invoice(line("5.00"), number="INV-3", po_number="", vendor_desk_po="PO-3")
KNOWN = orders(order(line("595.00")), order(line("595.00"), number="PO-2"), order(line("5.00"), number="PO-3"))


def a_desk(stand_in: StandInDesk, *, seconds: float = 5, token: str = TOKEN) -> Desk:
    return Desk(stand_in.url, token, patience=Patience(seconds=seconds, stopping=threading.Event()))


@pytest.fixture
def matcher(ledger: Ledger, stand_in: StandInDesk, now: datetime, tmp_path: Path) -> Matcher:
    return a_matcher(ledger, stand_in, now, tmp_path)


def a_matcher(ledger: Ledger, stand_in: StandInDesk, now: datetime, tmp_path: Path) -> Matcher:
    setup = Setup(workflow="invoice-matching", addresses=ADDRESSES, letters_directory=tmp_path / "letters")
    made = Matcher(ledger, a_desk(stand_in), setup, orders=KNOWN)
    made.take_in([CLEAN, OVER, LOST], limit=None, now=now)
    return made


def report_all(matcher: Matcher, now: datetime) -> None:
    while entry := matcher.next_entry(first=False, now=now) or matcher.next_entry(first=True, now=now):
        matcher.report(entry, now=now)


def entry(ledger: Ledger, number: str) -> Entry:
    with ledger.books() as books:
        found = books.entry(number)
    assert found
    return found


def states(ledger: Ledger) -> list[str]:
    with ledger.books() as books:
        return [found.state for found in books.entries()]


def paid(ledger: Ledger) -> list[str]:
    with ledger.books() as books:
        return [payment["number"] for payment in books.payments()]


def test_what_matches_is_paid_and_what_does_not_waits(matcher: Matcher, ledger: Ledger, now: datetime) -> None:
    report_all(matcher, now)
    assert states(ledger) == [State.PAID, State.WAITING, State.WAITING]
    assert paid(ledger) == ["INV-1"]
    assert entry(ledger, "INV-2").context_digest == "sha256:INV-2-1"


def test_a_report_carries_exact_decimals_as_strings(matcher: Matcher, stand_in: StandInDesk, now: datetime) -> None:
    report_all(matcher, now)
    (body,) = stand_in.bodies("INV-2")
    row = {"item": "A-1", "description": "Thing A-1", "unit_price": "595.00", "quantity": "10", "amount": "5950.00"}
    assert body == {
        "workflow": "invoice-matching",
        "reference": "INV-2",
        "data": {
            "invoice_number": "INV-2",
            "invoice_date": "2026-10-03",
            "vendor": "Acme",
            "amount": "5580.00",
            "currency": "USD",
            "price_variance_percent": "4.201681",
            "po_number": "PO-2",
            "po_line": [row],
            "lines": [row | {"unit_price": "620.00", "quantity": "9", "amount": "5580.00"}],
            "vendor_notes": "Note.",
            "bank_account": "NL91 0417 1643 00",
        },
        "confidence": 0.9,
        "proposed_outcome": "request_vendor_correction",
        "context": {
            "root_cause": "Unit price of Thing A-1: 620.00 against 595.00 USD on the order, 4.201681 % more.",
            "links": [{"label": "Invoice in the payment ledger", "url": "http://127.0.0.1:1/invoices/INV-2"}],
            "documents": ["d-1", "d-2"],
        },
        "callback_url": "http://127.0.0.1:1/hooks/desk",
        "correlation_id": "invoice-INV-2",
    }


def test_documents_are_sent_only_where_a_person_is_expected(
    matcher: Matcher, stand_in: StandInDesk, now: datetime
) -> None:
    report_all(matcher, now)
    assert stand_in.uploads == [
        {"name": "invoice.pdf", "title": "Invoice", "head": "%PDF-"},
        {"name": "purchase-order.pdf", "title": "Purchase order", "head": "%PDF-"},
        {"name": "invoice.pdf", "title": "Invoice", "head": "%PDF-"},
    ]
    (lost,) = stand_in.bodies("INV-3")
    assert lost["data"]["po_number"] is None
    assert lost["context"]["summary"] == "Invoice INV-3 from Acme names no purchase order"
    assert "price_variance_percent" not in lost["data"]


def test_a_handoff_that_was_not_expected_gets_its_documents_after_it(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    sampled = {"id": "h-9", "number": 9, "reference": "INV-1", "context_digest": "sha256:a", "context_revision": 1}
    stand_in.handoffs["h-9"] = sampled | {"state": "pending", "decision": None}
    stand_in.troubles = [answer({"verdict": "handoff", "handoff": sampled})]
    report_all(matcher, now)
    (after,) = stand_in.bodies("INV-1")
    assert after["context"]["documents"] == ["d-1", "d-2"]
    assert entry(ledger, "INV-1").context_digest == "sha256:INV-1-2"
    assert "INV-1" not in paid(ledger)


def test_an_attempt_interrupted_anywhere_is_sent_again_with_its_key_and_body(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime, tmp_path: Path
) -> None:
    class Crash(BaseException):
        pass

    def crashing(*_: object, **__: object) -> None:
        raise Crash

    due = matcher.next_entry(first=True, now=now)
    assert due
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoices.ledger.Books.answered", crashing)
        with pytest.raises(Crash):
            matcher.report(due, now=now)
    assert paid(ledger) == []
    restarted = a_matcher(ledger, stand_in, now, tmp_path)
    report_all(restarted, now)
    assert len(stand_in.bodies("INV-1")) == 2
    first, second = (post for post in stand_in.posts if post[1]["reference"] == "INV-1")
    assert first == second
    assert paid(ledger) == ["INV-1"]


def test_a_returned_case_comes_back_with_the_vendor_desks_answer(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    report_all(matcher, now)
    take(ledger, stand_in.give_back("INV-2", ["Who agreed?"]), now=now)
    report_all(matcher, now)
    assert stand_in.bodies("INV-2")[1]["data"]["vendor_notes"] == "Note.\nAsked: Who agreed?\nVendor desk: Agreed."
    take(ledger, stand_in.give_back("INV-2", ["Sure?"]), now=now)
    report_all(matcher, now)
    notes = stand_in.bodies("INV-2")[2]["data"]["vendor_notes"].splitlines()
    assert notes[2:] == [
        "Vendor desk: Agreed.",
        "Asked: Sure?",
        "Vendor desk: The vendor desk knows no more than the invoice and its order say.",
    ]
    assert entry(ledger, "INV-2").context_digest == "sha256:INV-2-3"


def test_a_returned_case_without_order_comes_back_with_the_order_that_was_found(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    report_all(matcher, now)
    take(ledger, stand_in.give_back("INV-3", ["Which order?"]), now=now)
    report_all(matcher, now)
    again = stand_in.bodies("INV-3")[1]
    assert (again["data"]["po_number"], again["data"]["price_variance_percent"]) == ("PO-3", "0")
    assert len(again["context"]["documents"]) == 2


def test_a_returned_case_of_files_that_are_gone_is_answered_from_what_was_said(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime, tmp_path: Path
) -> None:
    report_all(matcher, now)
    take(ledger, stand_in.give_back("INV-2", ["Who?"]), now=now)
    setup = Setup(workflow="invoice-matching", addresses=ADDRESSES, letters_directory=tmp_path)
    report_all(Matcher(ledger, a_desk(stand_in), setup, orders={}), now)
    first, again = stand_in.bodies("INV-2")
    assert again["data"] == first["data"] | {"vendor_notes": again["data"]["vendor_notes"]}
    assert "Asked: Who?" in again["data"]["vendor_notes"]


def test_a_retry_is_made_when_its_time_has_come(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    stand_in.troubles = [answer({"verdict": "retry", "retry_after_seconds": 30, "failures": 1, "limit": 3})]
    report_all(matcher, now)
    assert (entry(ledger, "INV-1").state, stand_in.bodies("INV-1")) == (State.REPORTED, [])
    report_all(matcher, now + timedelta(seconds=31))
    assert paid(ledger) == ["INV-1"]


def test_a_stop_waits_for_the_decision(matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime) -> None:
    handoff = {"id": "h-9", "reference": "INV-1", "context_digest": "sha256:a", "context_revision": 1}
    stand_in.handoffs["h-9"] = handoff | {"state": "pending"}
    stand_in.troubles = [answer({"verdict": "stop", "handoff": handoff})]
    report_all(matcher, now)
    assert entry(ledger, "INV-1").state is State.WAITING


def test_a_refused_report_is_kept_with_the_reason_and_the_others_go_on(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    stand_in.troubles = [problem(400, "invalid", "data.amount is not a number")]
    report_all(matcher, now)
    assert states(ledger) == [State.REFUSED, State.WAITING, State.WAITING]
    assert "data.amount is not a number" in entry(ledger, "INV-1").note


def test_a_report_refused_for_missing_documents_is_made_with_them(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    stand_in.troubles = [problem(400, "context_invalid", "The document “invoice” is missing")]
    report_all(matcher, now)
    (again,) = stand_in.bodies("INV-1")
    assert again["context"]["documents"] == ["d-1", "d-2"]


def test_receipts_are_posted_until_acknowledged_and_letters_written(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime, tmp_path: Path
) -> None:
    report_all(matcher, now)
    take(ledger, stand_in.decide("INV-2", "request_vendor_correction", reason="Too dear"), now=now)
    stand_in.troubles = [problem(503, "away", "later", **{"Retry-After": "1"})]
    matcher.post_receipts(now=now)
    matcher.write_letters()
    matcher.post_receipts(now=now)
    detail = "A letter asks the vendor for a corrected invoice."
    assert stand_in.receipts == [("h-1", {"status": "applied", "detail": detail, "context_digest": "sha256:INV-2-1"})]
    (letter,) = (tmp_path / "letters").iterdir()
    assert "Too dear" in letter.read_text()


def test_a_receipt_that_the_desk_refuses_for_good_is_shown_and_not_repeated(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    report_all(matcher, now)
    take(ledger, stand_in.decide("INV-2", "reject"), now=now)
    stand_in.troubles = [problem(409, "wrong_state", "not resolved")]
    matcher.post_receipts(now=now)
    matcher.post_receipts(now=now)
    with ledger.books() as books:
        (receipt,) = books.receipts("INV-2")
    assert "not resolved" in receipt["complaint"]
    assert stand_in.receipts == []


@pytest.mark.parametrize("kind", ["resolved", "returned"])
def test_polling_finds_what_no_webhook_told(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime, kind: str
) -> None:
    report_all(matcher, now)
    if kind == "resolved":
        stand_in.decide("INV-2", "approve_and_pay")
    else:
        stand_in.give_back("INV-2", [])
    news: list[bool] = []
    poller = Poller(ledger, a_desk(stand_in), every_seconds=60, long_poll=False, on_news=lambda: news.append(True))
    poller.look(wait=False)
    poller.look(wait=False)
    assert news[:1] == [True]
    assert paid(ledger) == (["INV-1", "INV-2"] if kind == "resolved" else ["INV-1"])
    assert bool(entry(ledger, "INV-2").next_cause) is (kind == "returned")


def test_a_handoff_that_the_desk_has_lost_does_not_keep_polling_from_the_others(
    matcher: Matcher, stand_in: StandInDesk, ledger: Ledger, now: datetime
) -> None:
    report_all(matcher, now)
    del stand_in.handoffs["h-1"]
    stand_in.decide("INV-3", "approve_and_pay")
    Poller(ledger, a_desk(stand_in), every_seconds=60, long_poll=False, on_news=lambda: None).look(wait=False)
    assert paid(ledger) == ["INV-1", "INV-3"]


def test_a_file_that_contradicts_the_ledger_is_refused(matcher: Matcher, ledger: Ledger, now: datetime) -> None:
    with pytest.raises(BadFile, match=r"INV-1 is in the ledger already: 5950\.00 USD from Acme, and now 10\.00 USD"):
        matcher.take_in([CLEAN, invoice(line("1"), number="INV-1")], limit=None, now=now)


def test_a_busy_desk_is_asked_again_after_the_time_that_it_names(stand_in: StandInDesk) -> None:
    stand_in.troubles = [problem(429, "busy", "slow down", **{"Retry-After": "1"}), problem(500, "bug", "oh")]
    began = datetime.now(UTC)
    a_desk(stand_in).receipt("h", status="applied", detail="", context_digest="")
    assert datetime.now(UTC) - began >= timedelta(seconds=1.5)
    assert len(stand_in.receipts) == 1


@pytest.mark.parametrize(
    ("trouble", "error", "words"),
    [
        (problem(401, "token_expired", "expired"), BadToken, "Check DESK_TOKEN"),
        (problem(403, "not_allowed", "no such grant"), Refused, "no such grant"),
        (problem(422, "key_reused", "another body"), Refused, "another body"),
    ],
)
def test_errors_say_what_is_wrong(stand_in: StandInDesk, trouble: object, error: type[Exception], words: str) -> None:
    stand_in.troubles = [trouble]  # type: ignore[list-item]
    with pytest.raises(error, match=words):
        a_desk(stand_in).report({}, key="k")


def test_a_wrong_token_and_an_absent_desk_are_told_apart(stand_in: StandInDesk) -> None:
    with pytest.raises(BadToken, match="401"):
        a_desk(stand_in, token="wrong").check("invoice-matching")
    with pytest.raises(BadToken, match="may not work with payroll, or there is no such workflow"):
        a_desk(stand_in).check("payroll")
    away = Desk("http://127.0.0.1:9", TOKEN, patience=Patience(seconds=0.6, stopping=threading.Event()))
    with pytest.raises(DeskUnreachable, match="Connection refused"):
        away.check("invoice-matching")
