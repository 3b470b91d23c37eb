"""What the ledger keeps, as frozen values: an invoice's entry, an attempt, a receipt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where an invoice stands with us."""

    SEEN = "seen"
    REPORTED = "reported"
    WAITING = "waiting"
    PAID = "paid"
    LETTER_SENT = "letter sent"
    ROLLED_BACK = "rolled back"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


# Why an invoice is reported: each cause once per invoice. Further ones start with these words.
FIRST, RETURNED, DOCUMENTS, RETRY = "first", "returned", "documents", "retry"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An invoice as the ledger keeps it; `next_cause` says why it has to be reported again, if it has."""

    number: str
    vendor: str
    amount: str
    currency: str
    bank_account: str
    state: State
    note: str
    handoff_id: str | None
    handoff_number: int | None
    context_digest: str | None
    context_revision: int | None
    next_cause: str | None
    questions: str
    updated_at: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    key: str
    number: str
    cause: str
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    handoff_id: str
    decided_at: str
    number: str
    status: str
    detail: str
    context_digest: str
