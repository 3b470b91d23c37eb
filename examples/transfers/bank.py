"""A bank on a port of this machine: real HTTP, made-up money. It loses requests, and is away at times.

PUT /transfers/{reference}      make the transfer; the same again is the same transfer
GET /transfers/{reference}      the statement: 200 where it was made, 404 where not
DELETE /transfers/{reference}   cancel what was not made yet; 409 where it was
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .records import Transfer

HANGS_SECONDS = 2.0
"""How long a request that is lost keeps its caller waiting."""
REFUSED_ACCOUNTS = "XX"

_TABLES = """
CREATE TABLE IF NOT EXISTS transfers (
  reference TEXT PRIMARY KEY, body TEXT, requests INTEGER NOT NULL DEFAULT 0, made_at REAL, cancelled INTEGER DEFAULT 0
)
"""


class Bank(ThreadingHTTPServer):
    """Keeps its books in `path`, and the moods of `transfers`; `outage` says at a moment whether it is away."""

    daemon_threads = True

    def __init__(
        self,
        path: Path,
        transfers: list[Transfer],
        *,
        clock: Callable[[], float] = time.time,
        hangs_seconds: float = HANGS_SECONDS,
        port: int = 0,
    ) -> None:
        self.path, self.clock, self.hangs_seconds = path, clock, hangs_seconds
        self.moods = {transfer.reference: transfer for transfer in transfers}
        self.is_away: Callable[[], bool] = lambda: False
        self.one_at_a_time = threading.Lock()
        with closing(self.books()) as books:
            books.execute(_TABLES)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> "Bank":
        """Open the counter, in the background, until `shutdown`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="bank", daemon=True).start()
        return self

    def books(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    def made(self) -> list[str]:
        """The references of every transfer that was made, in order."""
        with closing(self.books()) as books:
            rows = books.execute(
                "SELECT reference FROM transfers WHERE made_at <= ? ORDER BY made_at", (self.clock(),)
            ).fetchall()
        return [row[0] for row in rows]


def outage(every_seconds: float, lasts_seconds: float, clock: Callable[[], float]) -> Callable[[], bool]:
    """Away for the last `lasts_seconds` of every `every_seconds` since now."""
    started = clock()
    return lambda: (clock() - started) % every_seconds >= every_seconds - lasts_seconds


class _Handler(BaseHTTPRequestHandler):
    server: Bank
    timeout = 10
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "bank", ""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with self.server.one_at_a_time, closing(self.server.books()) as books:
            status = self._made(books, body)
        self._answer(status)

    def do_GET(self) -> None:
        with closing(self.server.books()) as books:
            row = books.execute("SELECT made_at FROM transfers WHERE reference = ?", (self.reference,)).fetchone()
        made = bool(row and row[0] is not None and row[0] <= self.server.clock())
        self._answer(HTTPStatus.OK if made else HTTPStatus.NOT_FOUND)

    def do_DELETE(self) -> None:
        with self.server.one_at_a_time, closing(self.server.books()) as books:
            gone = books.execute(
                "UPDATE transfers SET cancelled = 1, made_at = NULL"
                " WHERE reference = ? AND (made_at IS NULL OR made_at > ?)",
                (self.reference, self.server.clock()),
            ).rowcount
        self._answer(HTTPStatus.NO_CONTENT if gone else HTTPStatus.CONFLICT)

    @property
    def reference(self) -> str:
        return unquote(self.path.removeprefix("/transfers/"))

    def _made(self, books: sqlite3.Connection, body: str) -> HTTPStatus | None:
        """Make the transfer once; None where the request is lost."""
        now, mood = self.server.clock(), self.server.moods.get(self.reference)
        books.execute(
            "INSERT INTO transfers (reference, body, requests) VALUES (?, ?, 1)"
            " ON CONFLICT (reference) DO UPDATE SET requests = requests + 1",
            (self.reference, body),
        )
        first_body, requests, made_at, cancelled = books.execute(
            "SELECT body, requests, made_at, cancelled FROM transfers WHERE reference = ?", (self.reference,)
        ).fetchone()
        if first_body != body or cancelled:
            return HTTPStatus.CONFLICT
        if made_at is not None and made_at <= now:
            return HTTPStatus.OK
        if self._is_lost(requests, mood):
            self._make_later(books, made_at, now, mood)
            return None
        if str(json.loads(body)["account"]).startswith(REFUSED_ACCOUNTS):
            return HTTPStatus.UNPROCESSABLE_ENTITY
        books.execute("UPDATE transfers SET made_at = ? WHERE reference = ?", (now, self.reference))
        return HTTPStatus.CREATED

    def _is_lost(self, requests: int, mood: Transfer | None) -> bool:
        return self.server.is_away() or bool(mood and requests <= mood.lost_requests)

    def _make_later(self, books: sqlite3.Connection, made_at: float | None, now: float, mood: Transfer | None) -> None:
        if mood and mood.late_seconds and made_at is None and not self.server.is_away():
            books.execute(
                "UPDATE transfers SET made_at = ? WHERE reference = ?", (now + mood.late_seconds, self.reference)
            )

    def _answer(self, status: HTTPStatus | None) -> None:
        if status is None:
            time.sleep(self.server.hangs_seconds)
            self.close_connection = True
            return
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """The bank keeps its own counsel."""
