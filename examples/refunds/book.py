"""The bot's book: every refund and how it stands, in SQLite, so that a crash loses nothing."""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from .records import Refund

_TABLES = """
CREATE TABLE IF NOT EXISTS refunds (
  number INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, customer TEXT NOT NULL, order_name TEXT NOT NULL,
  amount TEXT NOT NULL, currency TEXT NOT NULL, cause TEXT NOT NULL, earlier_refunds INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'asked', due_at REAL NOT NULL, handoff TEXT, note TEXT NOT NULL DEFAULT ''
);
"""
_COLUMNS = "reference, customer, order_name, amount, currency, cause, earlier_refunds, state, handoff, note"


class State(StrEnum):
    """Where a refund is: asked for, paid (and perhaps reviewed), confirmed by a review, or taken back."""

    ASKED = "asked"
    PAID = "paid"
    IN_REVIEW = "in review"
    CONFIRMED = "confirmed"
    TAKEN_BACK = "taken back"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A refund in the book."""

    refund: Refund
    state: State
    handoff: str | None
    note: str


class Book:
    """The book in the file at `path`; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._rows = sqlite3.connect(path, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        self._rows.close()

    def take_in(self, refunds: list[Refund], *, every_seconds: float, now: float) -> None:
        """Write down the refunds that are not there yet, each asked for a little later than the one before."""
        for position, refund in enumerate(refunds):
            self._rows.execute(
                "INSERT INTO refunds"
                " (reference, customer, order_name, amount, currency, cause, earlier_refunds, due_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    refund.reference,
                    refund.customer,
                    refund.order,
                    str(refund.amount),
                    refund.currency,
                    refund.cause,
                    refund.earlier_refunds,
                    now + position * every_seconds,
                ),
            )

    def entries(self, *states: State) -> list[Entry]:
        """The entries in these states, or all, in the order in which they came."""
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        found = self._rows.execute(
            f"SELECT {_COLUMNS} FROM refunds WHERE state IN ({marks}) ORDER BY number",  # noqa: S608 - only marks
            wanted,
        )
        return [_entry(row) for row in found]

    def due(self, now: float) -> Entry | None:
        """The refund to pay now."""
        row = self._rows.execute(
            f"SELECT {_COLUMNS} FROM refunds WHERE state = 'asked' AND due_at <= ? ORDER BY due_at, number LIMIT 1",  # noqa: S608
            (now,),
        ).fetchone()
        return _entry(row) if row else None

    def put_off(self, reference: str, *, until: float, note: str) -> None:
        """Pay it at `until`."""
        self._rows.execute("UPDATE refunds SET due_at = ?, note = ? WHERE reference = ?", (until, note, reference))

    def move(self, reference: str, state: State, note: str, *, handoff: str | None = None) -> None:
        """Where the refund is now; the handoff stays unless another is named."""
        self._rows.execute(
            "UPDATE refunds SET state = ?, note = ?, handoff = coalesce(?, handoff) WHERE reference = ?",
            (state, note, handoff, reference),
        )

    def of_handoff(self, handoff: str) -> Entry | None:
        """The refund that this handoff is about."""
        row = self._rows.execute(f"SELECT {_COLUMNS} FROM refunds WHERE handoff = ?", (handoff,)).fetchone()  # noqa: S608
        return _entry(row) if row else None

    def handoffs(self) -> set[str]:
        """The handoffs that are not settled."""
        return {entry.handoff for entry in self.entries(State.IN_REVIEW) if entry.handoff}


def _entry(row: tuple[str, str, str, str, str, str, int, str, str | None, str]) -> Entry:
    reference, customer, order, amount, currency, cause, earlier_refunds, state, handoff, note = row
    refund = Refund(
        reference=reference,
        customer=customer,
        order=order,
        amount=Decimal(amount),
        currency=currency,
        cause=cause,
        earlier_refunds=earlier_refunds,
    )
    return Entry(refund=refund, state=State(state), handoff=handoff, note=note)
