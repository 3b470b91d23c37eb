"""The bot's book: every transfer and how it stands, in SQLite, so that a crash loses nothing."""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from .records import Transfer

_TABLES = """
CREATE TABLE IF NOT EXISTS transfers (
  number INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, payee TEXT NOT NULL, account TEXT NOT NULL,
  amount TEXT NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
  requests INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL DEFAULT 0,
  handoff TEXT, in_outage INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT ''
);
"""
_COLUMNS = "reference, payee, account, amount, currency, state, requests, due_at, handoff, in_outage, note"


class State(StrEnum):
    """Where a transfer is: to be sent, held because the desk said stop, or settled in one of three ways."""

    WAITING = "waiting"
    STOPPED = "stopped"
    SENT = "sent"
    BY_HAND = "by hand"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A transfer in the book. `requests` counts what was sent to the bank; `due_at` is in seconds since 1970."""

    transfer: Transfer
    state: State
    requests: int
    due_at: float
    handoff: str | None
    in_outage: bool
    note: str

    @property
    def reference(self) -> str:
        return self.transfer.reference


class Book:
    """The book in the file at `path`; used by one thread."""

    def __init__(self, path: Path) -> None:
        self._rows = sqlite3.connect(path, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        self._rows.close()

    def take_in(self, transfers: list[Transfer], *, every_seconds: float, now: float) -> None:
        """Write down the transfers that are not there yet, each due a little later than the one before."""
        for position, transfer in enumerate(transfers):
            self._rows.execute(
                "INSERT INTO transfers (reference, payee, account, amount, currency, due_at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (
                    transfer.reference,
                    transfer.payee,
                    transfer.account,
                    str(transfer.amount),
                    transfer.currency,
                    now + position * every_seconds,
                ),
            )

    def entries(self, *states: State) -> list[Entry]:
        """The entries in these states, or all, in the order in which they came."""
        wanted = states or tuple(State)
        marks = ", ".join("?" * len(wanted))
        found = self._rows.execute(
            f"SELECT {_COLUMNS} FROM transfers WHERE state IN ({marks}) ORDER BY number",  # noqa: S608 - only marks
            wanted,
        )
        return [_entry(row) for row in found]

    def due(self, now: float) -> Entry | None:
        """The transfer to send now: the one that waits longest."""
        row = self._rows.execute(
            f"SELECT {_COLUMNS} FROM transfers WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, number LIMIT 1",  # noqa: S608
            (now,),
        ).fetchone()
        return _entry(row) if row else None

    def note_request(self, reference: str) -> int:
        """A request goes out now; which one it is."""
        row = self._rows.execute(
            "UPDATE transfers SET requests = requests + 1 WHERE reference = ? RETURNING requests", (reference,)
        ).fetchone()
        return int(row[0])

    def wait(self, reference: str, *, until: float, note: str) -> None:
        """Send it at `until`."""
        self._move(reference, State.WAITING, note, due_at=until)

    def stop(self, reference: str, *, handoff: str, in_outage: bool, note: str) -> None:
        """Hold it: a person has it."""
        self._move(reference, State.STOPPED, note, handoff=handoff, in_outage=in_outage)

    def settle(self, reference: str, state: State, note: str) -> None:
        """It is over for this transfer."""
        self._move(reference, state, note)

    def of_handoff(self, handoff: str) -> list[Entry]:
        """The held transfers that wait for this handoff."""
        return [entry for entry in self.entries(State.STOPPED) if entry.handoff == handoff]

    def handoffs(self) -> set[str]:
        """The handoffs that held transfers wait for."""
        return {entry.handoff for entry in self.entries(State.STOPPED) if entry.handoff}

    def _move(
        self,
        reference: str,
        state: State,
        note: str,
        *,
        due_at: float = 0,
        handoff: str | None = None,
        in_outage: bool = False,
    ) -> None:
        self._rows.execute(
            "UPDATE transfers SET state = ?, note = ?, due_at = ?, handoff = ?, in_outage = ? WHERE reference = ?",
            (state, note, due_at, handoff, in_outage, reference),
        )


def _entry(row: tuple[str, str, str, str, str, str, int, float, str | None, int, str]) -> Entry:
    reference, payee, account, amount, currency, state, requests, due_at, handoff, in_outage, note = row
    return Entry(
        transfer=Transfer(reference=reference, payee=payee, account=account, amount=Decimal(amount), currency=currency),
        state=State(state),
        requests=requests,
        due_at=due_at,
        handoff=handoff,
        in_outage=bool(in_outage),
        note=note,
    )
