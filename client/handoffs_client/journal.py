"""What was said and heard, on disk: calls that may not have arrived, messages that were dealt with, places in feeds.

SQLite, one small file per automation. A call is written down before it is sent, so that after a crash the same call is
sent again under the same key; and the answer is kept, so that the same key is not even sent a second time.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
  number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, path TEXT NOT NULL, body TEXT NOT NULL,
  answer TEXT, refused INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS calls_under_way ON calls (number) WHERE answer IS NULL;
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS places (name TEXT PRIMARY KEY, place TEXT NOT NULL);
"""
KEPT_COUNT = 100_000
"""So many finished calls and messages are remembered; older ones are forgotten."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A POST: its idempotency key, its path below `/api/v1/`, its JSON body, and the JSON answer once there is one.

    `refused` is the HTTP status of a refusal, 0 where it was answered.
    """

    key: str
    path: str
    body: str
    answer: str | None = None
    refused: int = 0


class Journal:
    """A journal in the file at `path`, or in memory (and lost with the process) where there is none.

    Threads of one process may share it.
    """

    def __init__(self, path: Path | str | None = None) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._database.close()

    def begin(self, call: Call) -> Call:
        """Write `call` down before it is sent; what was written under its key before is returned and stays."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO calls (key, path, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (call.key, call.path, call.body),
            )
            row = database.execute(
                "SELECT key, path, body, answer, refused FROM calls WHERE key = ?", (call.key,)
            ).fetchone()
        return _call(row)

    def finish(self, key: str, *, answer: str, refused: int = 0) -> None:
        """Keep the answer of a call; it is not under way any more."""
        with self._writing() as database:
            database.execute("UPDATE calls SET answer = ?, refused = ? WHERE key = ?", (answer, refused, key))
            _forget(database, "calls", "AND answer IS NOT NULL")

    def forget(self, key: str) -> None:
        """Drop a call, so that its key may be used for another body."""
        with self._writing() as database:
            database.execute("DELETE FROM calls WHERE key = ?", (key,))

    def under_way(self) -> list[Call]:
        """The calls without an answer, oldest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT key, path, body, answer, refused FROM calls WHERE answer IS NULL ORDER BY number"
            ).fetchall()
        return [_call(row) for row in rows]

    def was_taken(self, message_id: str) -> bool:
        """Whether a message was dealt with before."""
        with self._lock:
            found = self._database.execute("SELECT 1 FROM messages WHERE id = ?", (message_id,)).fetchone()
        return found is not None

    def note_taken(self, message_id: str) -> None:
        """A message was dealt with."""
        with self._writing() as database:
            database.execute("INSERT INTO messages (id) VALUES (?) ON CONFLICT DO NOTHING", (message_id,))
            _forget(database, "messages")

    def place(self, name: str) -> str:
        """How far the feed `name` was read; empty where it never was."""
        with self._lock:
            found = self._database.execute("SELECT place FROM places WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def keep_place(self, name: str, place: str) -> None:
        """The feed `name` was read up to `place`."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO places (name, place) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET place = excluded.place",
                (name, place),
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def _forget(database: sqlite3.Connection, table: str, only: str = "") -> None:
    """Rows are numbered as they come, so the oldest go first and nothing is counted."""
    newest = database.execute(f"SELECT max(number) FROM {table}").fetchone()[0] or 0  # noqa: S608 - our own names
    database.execute(f"DELETE FROM {table} WHERE number <= ? {only}", (newest - KEPT_COUNT,))  # noqa: S608


def _call(row: tuple[str, str, str, str | None, int]) -> Call:
    key, path, body, answer, refused = row
    return Call(key=key, path=path, body=body, answer=answer, refused=refused)
