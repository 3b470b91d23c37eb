"""The payment ledger in SQLite: what was reported, decided, paid, written and acknowledged.

Everything that must not happen twice has a unique key here, and every step is one transaction.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from .entries import FIRST, RETURNED, Attempt, Entry, Receipt, State

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS invoices (
    number TEXT PRIMARY KEY, position INTEGER NOT NULL, vendor TEXT NOT NULL, amount TEXT NOT NULL,
    currency TEXT NOT NULL, bank_account TEXT NOT NULL, state TEXT NOT NULL, note TEXT NOT NULL DEFAULT '',
    handoff_id TEXT, handoff_number INTEGER, context_digest TEXT, context_revision INTEGER,
    next_cause TEXT, next_at TEXT, questions TEXT NOT NULL DEFAULT '', updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS invoices_to_report ON invoices (next_at) WHERE next_cause IS NOT NULL;
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT PRIMARY KEY, number TEXT NOT NULL REFERENCES invoices, cause TEXT NOT NULL, body TEXT NOT NULL,
    answer TEXT, reported_at TEXT, UNIQUE (number, cause)
);
-- An invoice is paid at most once, whatever is decided how often.
CREATE TABLE IF NOT EXISTS payments (
    number TEXT PRIMARY KEY REFERENCES invoices, amount TEXT NOT NULL, currency TEXT NOT NULL,
    bank_account TEXT NOT NULL, because TEXT NOT NULL, paid_at TEXT NOT NULL, reversed_at TEXT
);
-- A decision is applied at most once; its receipt is posted until the desk acknowledges it.
CREATE TABLE IF NOT EXISTS receipts (
    handoff_id TEXT NOT NULL, decided_at TEXT NOT NULL, number TEXT NOT NULL REFERENCES invoices,
    outcome TEXT NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL, context_digest TEXT NOT NULL,
    applied_at TEXT NOT NULL, acknowledged_at TEXT, complaint TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (handoff_id, decided_at)
);
CREATE TABLE IF NOT EXISTS letters (
    handoff_id TEXT NOT NULL, decided_at TEXT NOT NULL, number TEXT NOT NULL REFERENCES invoices, body TEXT NOT NULL,
    PRIMARY KEY (handoff_id, decided_at)
);
CREATE TABLE IF NOT EXISTS deliveries (webhook_id TEXT PRIMARY KEY, type TEXT NOT NULL, received_at TEXT NOT NULL);
"""


_ENTRY = ", ".join(Entry.__dataclass_fields__)
_RECEIPT = ", ".join(Receipt.__dataclass_fields__)


class Ledger:
    """The file on disk. Every thread and process gets its own connection through `books`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)

    @contextmanager
    def books(self) -> Iterator["Books"]:
        """Open one transaction: everything done to the books inside is kept together, or not at all."""
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Books(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


class Books:
    """The ledger inside one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def fact(self, name: str) -> str | None:
        row = self._run("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else None

    def keep_fact(self, name: str, value: str) -> None:
        self._run("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def add(self, *, number: str, vendor: str, amount: str, currency: str, bank_account: str, now: datetime) -> None:
        """Take an invoice in, to be reported; one that is known already is left as it is."""
        self._run(
            "INSERT OR IGNORE INTO invoices (number, position, vendor, amount, currency, bank_account, state,"
            " next_cause, next_at, updated_at)"
            " VALUES (?, (SELECT COUNT(*) FROM invoices), ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, vendor, amount, currency, bank_account, State.SEEN, FIRST, _text(now), _text(now)),
        )

    def entry(self, number: str) -> Entry | None:
        return _entry(self._run(f"SELECT {_ENTRY} FROM invoices WHERE number = ?", (number,)).fetchone())  # noqa: S608

    def entries(self) -> list[Entry]:
        rows = self._run(f"SELECT {_ENTRY} FROM invoices ORDER BY position").fetchall()  # noqa: S608
        return [entry for row in rows if (entry := _entry(row))]

    def to_report(self, *, first: bool, now: datetime) -> list[Entry]:
        """Return the invoices that are due to be reported for the first time, or again."""
        which = "=" if first else "<>"
        rows = self._run(
            f"SELECT {_ENTRY} FROM invoices WHERE next_cause {which} ? AND next_at <= ? ORDER BY position",  # noqa: S608
            (FIRST, _text(now)),
        )
        return [entry for row in rows if (entry := _entry(row))]

    def waiting_count(self) -> int:
        return self._count("SELECT COUNT(*) FROM invoices WHERE state = ?", State.WAITING)

    def open_handoff_ids(self) -> list[str]:
        rows = self._run(
            "SELECT handoff_id FROM invoices WHERE state = ? AND handoff_id IS NOT NULL ORDER BY position",
            (State.WAITING,),
        )
        return [row["handoff_id"] for row in rows]

    def attempt(self, number: str, cause: str) -> Attempt | None:
        """Return the attempt that was written down for this cause, whether the desk has answered it or not."""
        row = self._run("SELECT * FROM attempts WHERE number = ? AND cause = ?", (number, cause)).fetchone()
        return _attempt(row) if row else None

    def last_body(self, number: str) -> dict[str, Any] | None:
        """Return what the desk was last told about an invoice."""
        row = self._row("SELECT body FROM attempts WHERE number = ? ORDER BY rowid DESC LIMIT 1", number)
        return dict(json.loads(row["body"])) if row else None

    def return_count(self, number: str) -> int:
        return self._count("SELECT COUNT(*) FROM attempts WHERE number = ? AND cause LIKE ?", number, f"{RETURNED} %")

    def add_attempt(self, number: str, cause: str, body: dict[str, Any]) -> Attempt:
        """Write an attempt down before it is sent, with the key that makes sending it twice harmless."""
        key = str(uuid.uuid4())
        self._run(
            "INSERT INTO attempts (key, number, cause, body) VALUES (?, ?, ?, ?)",
            (key, number, cause, json.dumps(body)),
        )
        return Attempt(key=key, number=number, cause=cause, body=body)

    def answered(self, attempt: Attempt, answer: dict[str, Any], *, now: datetime) -> None:
        """Note the desk's answer; nothing is left to report unless something is asked for after this."""
        self._run(
            "UPDATE attempts SET answer = ?, reported_at = ? WHERE key = ?",
            (json.dumps(answer), _text(now), attempt.key),
        )
        self._run(
            "UPDATE invoices SET next_cause = NULL, next_at = NULL WHERE number = ? AND next_cause = ?",
            (attempt.number, attempt.cause),
        )

    def in_flight(self, number: str) -> bool:
        """Tell whether an attempt was written down that the desk may have seen and we have no answer to."""
        return bool(self._count("SELECT COUNT(*) FROM attempts WHERE number = ? AND answer IS NULL", number))

    def ask_again(self, number: str, cause: str, *, at: datetime, questions: str = "") -> bool:
        """Have an invoice reported again, once for each cause."""
        if self.attempt(number, cause) or self._count(
            "SELECT COUNT(*) FROM invoices WHERE number = ? AND next_cause = ?", number, cause
        ):
            return False
        self._run(
            "UPDATE invoices SET next_cause = ?, next_at = ?, questions = ? WHERE number = ?",
            (cause, _text(at), questions, number),
        )
        return True

    def attempt_count(self, number: str) -> int:
        return self._count("SELECT COUNT(*) FROM attempts WHERE number = ?", number)

    def ask_nothing(self, number: str) -> None:
        """Drop what was still to be reported: said after a decision it would open the case anew."""
        self._run("UPDATE invoices SET next_cause = NULL, next_at = NULL WHERE number = ?", (number,))

    def attempts(self, number: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self._run("SELECT * FROM attempts WHERE number = ? ORDER BY rowid", (number,))]

    def move(self, number: str, state: State, *, note: str, now: datetime) -> None:
        self._run(
            "UPDATE invoices SET state = ?, note = ?, updated_at = ? WHERE number = ?",
            (state, note, _text(now), number),
        )

    def keep_handoff(self, number: str, handoff: dict[str, Any]) -> None:
        """Remember the handoff and the context that the desk answered with; decisions are held against it."""
        self._run(
            "UPDATE invoices SET handoff_id = ?, handoff_number = ?, context_digest = ?, context_revision = ?"
            " WHERE number = ?",
            (handoff["id"], handoff.get("number"), handoff["context_digest"], handoff.get("context_revision"), number),
        )

    def pay(self, entry: Entry, *, because: str, now: datetime) -> bool:
        """Pay an invoice; False when it was paid before."""
        done = self._run(
            "INSERT OR IGNORE INTO payments VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (entry.number, entry.amount, entry.currency, entry.bank_account, because, _text(now)),
        )
        return done.rowcount == 1

    def reverse_payment(self, number: str, *, now: datetime) -> bool:
        """Take a payment back; False when there is none, or it was taken back before."""
        done = self._run(
            "UPDATE payments SET reversed_at = ? WHERE number = ? AND reversed_at IS NULL", (_text(now), number)
        )
        return done.rowcount == 1

    def payment(self, number: str) -> dict[str, Any] | None:
        return self._row("SELECT * FROM payments WHERE number = ?", number)

    def payments(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._run("SELECT * FROM payments ORDER BY paid_at, number")]

    def note_delivery(self, webhook_id: str, kind: str, *, now: datetime) -> bool:
        """Note a webhook; False when it came before."""
        done = self._run("INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?)", (webhook_id, kind, _text(now)))
        return done.rowcount == 1

    def latest_decided_at(self, handoff_id: str) -> str | None:
        row = self._row("SELECT MAX(decided_at) AS latest FROM receipts WHERE handoff_id = ?", handoff_id)
        return row["latest"] if row else None

    def owe_receipt(self, receipt: Receipt, *, outcome: str, now: datetime) -> None:
        self._run(
            f"INSERT INTO receipts ({_RECEIPT}, outcome, applied_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (*(getattr(receipt, name) for name in Receipt.__dataclass_fields__), outcome, _text(now)),
        )

    def next_receipt(self) -> Receipt | None:
        row = self._run(
            f"SELECT {_RECEIPT} FROM receipts WHERE acknowledged_at IS NULL AND complaint = '' ORDER BY applied_at"  # noqa: S608
        ).fetchone()
        return Receipt(**dict(row)) if row else None

    def acknowledged(self, receipt: Receipt, *, now: datetime, complaint: str = "") -> None:
        """Close a receipt: the desk took it, or refused it for good with a complaint."""
        self._run(
            "UPDATE receipts SET acknowledged_at = ?, complaint = ? WHERE handoff_id = ? AND decided_at = ?",
            (None if complaint else _text(now), complaint, receipt.handoff_id, receipt.decided_at),
        )

    def receipts(self, number: str) -> list[dict[str, Any]]:
        return [
            dict(row) for row in self._run("SELECT * FROM receipts WHERE number = ? ORDER BY applied_at", (number,))
        ]

    def add_letter(self, handoff_id: str, decided_at: str, number: str, body: str) -> None:
        self._run("INSERT OR IGNORE INTO letters VALUES (?, ?, ?, ?)", (handoff_id, decided_at, number, body))

    def letters(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._run("SELECT * FROM letters ORDER BY decided_at")]

    def _count(self, query: str, *values: str) -> int:
        return int(self._run(query, values).fetchone()[0])

    def _row(self, query: str, *values: str) -> dict[str, Any] | None:
        row = self._run(query, values).fetchone()
        return dict(row) if row else None


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _entry(row: sqlite3.Row | None) -> Entry | None:
    return Entry(**{**dict(row), "state": State(row["state"])}) if row else None


def _attempt(row: sqlite3.Row) -> Attempt:
    return Attempt(key=row["key"], number=row["number"], cause=row["cause"], body=json.loads(row["body"]))
