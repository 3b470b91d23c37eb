"""Decisions are applied once, to the context that they were made on, and every one owes a receipt."""

from datetime import datetime
from typing import Any

import pytest
from invoices.decisions import Delivery, NotYet, take
from invoices.entries import FIRST, Entry, State
from invoices.ledger import Ledger

HANDOFF = {"id": "h-1", "number": 7, "reference": "INV-1", "context_digest": "sha256:one", "context_revision": 1}


@pytest.fixture
def waiting(ledger: Ledger, now: datetime) -> Ledger:
    """A ledger with INV-1 over 6200.00 USD, reported and with a person."""
    with ledger.books() as books:
        books.add(number="INV-1", vendor="Acme", amount="6200.00", currency="USD", bank_account="NL00", now=now)
        attempt = books.add_attempt("INV-1", FIRST, {"reference": "INV-1"})
        books.answered(attempt, {"verdict": "handoff"}, now=now)
        books.keep_handoff("INV-1", HANDOFF)
        books.move("INV-1", State.WAITING, note="", now=now)
    return ledger


def decided(
    outcome: str, *, at: str = "2026-11-20T10:00:00.000000Z", digest: str = "sha256:one", reason: str = ""
) -> dict[str, Any]:
    decision = {"outcome": outcome, "decided_at": at, "context_digest": digest, "context_revision": 1, "reason": reason}
    return HANDOFF | {"state": "resolved", "root_cause": "Too dear.", "decision": decision}


def entry(ledger: Ledger) -> Entry:
    with ledger.books() as books:
        found = books.entry("INV-1")
    assert found
    return found


def receipts(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.books() as books:
        return [(receipt["status"], receipt["outcome"]) for receipt in books.receipts("INV-1")]


def payments(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.books() as books:
        return books.payments()


def letters(ledger: Ledger) -> list[str]:
    with ledger.books() as books:
        return [letter["body"] for letter in books.letters()]


@pytest.mark.parametrize(
    ("outcome", "state", "status", "paid", "written"),
    [
        ("approve_and_pay", State.PAID, "applied", 1, 0),
        ("request_vendor_correction", State.LETTER_SENT, "applied", 0, 1),
        ("reject", State.ROLLED_BACK, "rolled_back", 0, 0),
        ("dance", State.WAITING, "failed", 0, 0),
    ],
)
def test_each_outcome_does_its_own_and_owes_its_receipt(
    waiting: Ledger, now: datetime, outcome: str, state: State, status: str, paid: int, written: int
) -> None:
    take(waiting, decided(outcome), now=now)
    assert entry(waiting).state is state
    assert receipts(waiting) == [(status, outcome)]
    assert (len(payments(waiting)), len(letters(waiting))) == (paid, written)


def test_what_is_paid_is_what_the_ledger_has(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("approve_and_pay"), now=now)
    (payment,) = payments(waiting)
    assert (payment["amount"], payment["currency"], payment["bank_account"]) == ("6200.00", "USD", "NL00")


def test_a_decision_that_comes_again_in_any_way_is_applied_once(waiting: Ledger, now: datetime) -> None:
    first = Delivery(webhook_id="msg_1", kind="handoff.resolved")
    told = decided("approve_and_pay")
    take(waiting, told, now=now, delivery=first)
    assert take(waiting, told, now=now, delivery=first) == "came before"
    assert (
        take(waiting, told, now=now, delivery=Delivery(webhook_id="msg_2", kind="handoff.resolved")) == "applied before"
    )
    assert take(waiting, decided("approve_and_pay", at="2026-11-20T11:00:00+01:00"), now=now) == "applied before"
    assert (len(payments(waiting)), receipts(waiting)) == (1, [("applied", "approve_and_pay")])


def test_a_decision_on_another_context_is_refused_and_the_case_reported_again(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("approve_and_pay", digest="sha256:two"), now=now)
    assert payments(waiting) == []
    assert receipts(waiting) == [("failed", "approve_and_pay")]
    found = entry(waiting)
    assert found.state is State.WAITING
    assert "sha256:two" in found.note
    assert "sha256:one" in found.note
    assert found.next_cause
    assert found.next_cause.startswith("other context")


def test_a_payment_after_a_reopening_is_not_made_again(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("approve_and_pay"), now=now)
    take(waiting, decided("approve_and_pay", at="2026-11-20T12:00:00Z"), now=now)
    assert len(payments(waiting)) == 1
    assert receipts(waiting) == [("applied", "approve_and_pay")] * 2


def test_a_rejection_after_a_payment_takes_it_back_and_it_is_not_paid_again(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("approve_and_pay"), now=now)
    take(waiting, decided("reject", at="2026-11-20T12:00:00Z"), now=now)
    take(waiting, decided("approve_and_pay", at="2026-11-20T13:00:00Z"), now=now)
    (payment,) = payments(waiting)
    assert payment["reversed_at"]
    assert [status for status, _ in receipts(waiting)] == ["applied", "rolled_back", "failed"]


def test_an_older_decision_that_comes_late_changes_nothing(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("reject", at="2026-11-20T12:00:00Z"), now=now)
    assert take(waiting, decided("approve_and_pay", at="2026-11-20T11:00:00Z"), now=now) == "applied before"
    assert payments(waiting) == []


def test_nothing_is_applied_while_our_own_report_is_unanswered(waiting: Ledger, now: datetime) -> None:
    with waiting.books() as books:
        books.add_attempt("INV-1", "documents", {"reference": "INV-1"})
    delivery = Delivery(webhook_id="msg_1", kind="handoff.resolved")
    with pytest.raises(NotYet):
        take(waiting, decided("approve_and_pay"), now=now, delivery=delivery)
    assert (payments(waiting), receipts(waiting)) == ([], [])
    with waiting.books() as books:
        assert books.note_delivery("msg_1", "handoff.resolved", now=now), (
            "the delivery must count as new when it comes again"
        )


@pytest.mark.parametrize(
    "change", [{"reference": "INV-9"}, {"id": "h-9"}, {"decision": None}, {"state": "in_progress"}]
)
def test_news_about_something_else_changes_nothing(waiting: Ledger, now: datetime, change: dict[str, Any]) -> None:
    take(waiting, decided("approve_and_pay") | change, now=now)
    assert (payments(waiting), receipts(waiting), entry(waiting).state) == ([], [], State.WAITING)


def test_a_return_is_answered_once(waiting: Ledger, now: datetime) -> None:
    returned = HANDOFF | {
        "state": "returned",
        "returned": {"reason": "Unclear", "questions": ["Which order?", "Whose?"]},
    }
    take(waiting, returned, now=now)
    found = entry(waiting)
    assert (found.next_cause, found.questions) == ("returned h-1 1", "Which order?\nWhose?")
    assert take(waiting, returned, now=now) == "returned before"


def test_a_withdrawal_ends_the_waiting_and_not_what_is_settled(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("approve_and_pay"), now=now)
    take(waiting, HANDOFF | {"state": "withdrawn"}, now=now)
    assert entry(waiting).state is State.PAID


def test_a_withdrawal_pays_nothing(waiting: Ledger, now: datetime) -> None:
    take(waiting, HANDOFF | {"state": "withdrawn"}, now=now)
    assert (entry(waiting).state, payments(waiting)) == (State.WITHDRAWN, [])


def test_the_letter_gives_cause_and_reason(waiting: Ledger, now: datetime) -> None:
    take(waiting, decided("request_vendor_correction", reason="Use the agreed price."), now=now)
    (letter,) = letters(waiting)
    assert all(words in letter for words in ("Acme", "INV-1", "6200.00 USD", "Too dear.", "Use the agreed price."))


@pytest.mark.parametrize("news", [decided("reject"), HANDOFF | {"state": "withdrawn"}])
def test_what_was_still_to_be_said_is_not_said_after_the_end(
    waiting: Ledger, now: datetime, news: dict[str, Any]
) -> None:
    with waiting.books() as books:
        assert books.ask_again("INV-1", "documents", at=now)
    take(waiting, news, now=now)
    assert entry(waiting).next_cause is None
