"""Applying what people decided: one local transaction per decision, from a webhook or a poll alike.

The same decision comes more than once and from both sides; it is applied once. The receipt is owed from the moment of
that transaction on, and posted by whoever runs next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .entries import RETURNED, Entry, Receipt, State
from .ledger import Books, Ledger
from .letters import correction_letter
from .matching import Outcome


class NotYet(Exception):
    """Our own report on this case has not been answered yet, so there is nothing to hold the decision against."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The webhook that brought the news."""

    webhook_id: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class _Result:
    status: str
    detail: str
    state: State


def take(ledger: Ledger, handoff: dict[str, Any], *, now: datetime, delivery: Delivery | None = None) -> str:
    """Take in a handoff as the desk shows it and return what was done, in words.

    Raises NotYet when it has to be brought again a little later.
    """
    with ledger.books() as books:
        if delivery and not books.note_delivery(delivery.webhook_id, delivery.kind, now=now):
            return "came before"
        entry = books.entry(str(handoff.get("reference", "")))
        if entry is None:
            return "not an invoice of this ledger"
        if entry.handoff_id is None or books.in_flight(entry.number):
            raise NotYet(entry.number)
        if entry.handoff_id != handoff.get("id"):
            return "about an earlier handoff"
        return _BY_STATE.get(str(handoff.get("state")), _nothing)(books, entry, handoff, now)


def _resolved(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> str:
    decision = handoff.get("decision")
    if not decision:
        return "resolved without a decision to apply"
    decided_at = _moment(decision["decided_at"])
    latest = books.latest_decided_at(handoff["id"])
    if latest and decided_at <= latest:
        return "applied before"
    books.ask_nothing(entry.number)
    result = _result(books, entry, handoff, now)
    books.move(entry.number, result.state, note=result.detail, now=now)
    books.owe_receipt(_receipt(entry, handoff, result, decided_at), outcome=decision["outcome"], now=now)
    return f"{decision['outcome']}: {result.detail}"


def _result(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> _Result:
    decision = handoff["decision"]
    if decision["context_digest"] != entry.context_digest:
        return _other_context(books, entry, decision, now)
    apply = _BY_OUTCOME.get(decision["outcome"])
    if apply is None:
        detail = f"The matcher does not know the outcome “{decision['outcome']}”; nothing was done."
        return _Result(status="failed", detail=detail, state=State.WAITING)
    return apply(books, entry, handoff, now)


def _other_context(books: Books, entry: Entry, decision: dict[str, Any], now: datetime) -> _Result:
    """Refuse, and report the case again so that the desk shows what we know."""
    books.ask_again(entry.number, f"other context {_moment(decision['decided_at'])}", at=now)
    detail = (
        f"Decided on context {decision['context_digest']}, but the matcher's last is {entry.context_digest}; "
        "nothing was done."
    )
    return _Result(status="failed", detail=detail, state=State.WAITING)


def _pay(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> _Result:
    sum_text = f"{entry.amount} {entry.currency}"
    if books.pay(entry, because=f"decision on handoff {handoff.get('number', handoff['id'])}", now=now):
        return _Result(status="applied", detail=f"Cleared and paid: {sum_text}.", state=State.PAID)
    payment = books.payment(entry.number) or {}
    if payment.get("reversed_at"):
        detail = "The payment was taken back earlier; pay it by hand. Nothing was paid."
        return _Result(status="failed", detail=detail, state=State.ROLLED_BACK)
    detail = f"Was paid on {payment['paid_at']} already; nothing was paid again."
    return _Result(status="applied", detail=detail, state=State.PAID)


def _correct(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> _Result:
    taken_back = books.reverse_payment(entry.number, now=now)
    decision = handoff["decision"]
    letter = correction_letter(
        entry, cause=handoff.get("root_cause") or "", reason=decision.get("reason") or "", day=now.date()
    )
    books.add_letter(handoff["id"], _moment(decision["decided_at"]), entry.number, letter)
    detail = "A letter asks the vendor for a corrected invoice." + (
        " The payment was taken back." if taken_back else ""
    )
    return _Result(status="applied", detail=detail, state=State.LETTER_SENT)


def _roll_back(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> _Result:
    taken_back = books.reverse_payment(entry.number, now=now)
    detail = "Rolled back; the payment was taken back." if taken_back else "Rolled back; nothing had been paid."
    return _Result(status="rolled_back", detail=detail, state=State.ROLLED_BACK)


def _receipt(entry: Entry, handoff: dict[str, Any], result: _Result, decided_at: str) -> Receipt:
    return Receipt(
        handoff_id=handoff["id"],
        decided_at=decided_at,
        number=entry.number,
        status=result.status,
        detail=result.detail,
        context_digest=handoff["decision"]["context_digest"],
    )


def _returned(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> str:
    cause = f"{RETURNED} {handoff['id']} {handoff.get('context_revision')}"
    if books.ask_again(entry.number, cause, at=now, questions=_questions(handoff)):
        books.move(entry.number, State.WAITING, note="Returned with questions; the vendor desk is asked.", now=now)
        return "returned: will be answered"
    return "returned before"


def _questions(handoff: dict[str, Any]) -> str:
    """Return the reviewer's words; they may be one text or a list."""
    said = handoff.get("returned") or {}
    asked = said.get("questions") or said.get("reason") or ""
    return "\n".join(str(question) for question in asked) if isinstance(asked, list) else str(asked)


def _withdrawn(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> str:
    if entry.state is not State.WAITING:
        return "withdrawn after it was settled"
    books.ask_nothing(entry.number)
    books.move(entry.number, State.WITHDRAWN, note="Withdrawn at the desk; nothing was paid.", now=now)
    return "withdrawn"


def _nothing(books: Books, entry: Entry, handoff: dict[str, Any], now: datetime) -> str:
    return f"still {handoff.get('state')}"


def _moment(text: str) -> str:
    """Write a time so that later times compare greater as text."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")


_Step = Callable[[Books, Entry, dict[str, Any], datetime], str]
_BY_STATE: dict[str, _Step] = {"resolved": _resolved, "returned": _returned, "withdrawn": _withdrawn}
_BY_OUTCOME: dict[str, Callable[[Books, Entry, dict[str, Any], datetime], _Result]] = {
    Outcome.PAY: _pay,
    Outcome.CORRECT: _correct,
    Outcome.REJECT: _roll_back,
}
