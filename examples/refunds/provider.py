"""A payment provider on a port of this machine: real HTTP, made-up money.

PUT /refunds/{request}        pay a refund; the same request again is the same refund, `{"payment": …}`
DELETE /refunds/{request}     take it back; 409 once the customer has collected it
"""

import json
import sqlite3
import threading
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_TABLES = """
CREATE TABLE IF NOT EXISTS refunds (
  number INTEGER PRIMARY KEY, request TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
  taken_back INTEGER NOT NULL DEFAULT 0, collected INTEGER NOT NULL DEFAULT 0
)
"""


class Provider(ThreadingHTTPServer):
    """Keeps its books in `path`."""

    daemon_threads = True

    def __init__(self, path: Path, *, port: int = 0) -> None:
        self.path, self.one_at_a_time = path, threading.Lock()
        with closing(self.books()) as books:
            books.execute(_TABLES)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def start(self) -> "Provider":
        """Serve in the background until `shutdown`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="provider", daemon=True).start()
        return self

    def books(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    def paid(self) -> list[str]:
        """The requests that are paid and not taken back, in order."""
        with closing(self.books()) as books:
            return [row[0] for row in books.execute("SELECT request FROM refunds WHERE NOT taken_back ORDER BY number")]

    def collect(self, request: str) -> None:
        """The customer takes the money out: from now on it cannot be taken back."""
        with closing(self.books()) as books:
            books.execute("UPDATE refunds SET collected = 1 WHERE request = ?", (request,))


class _Handler(BaseHTTPRequestHandler):
    server: Provider
    timeout = 10
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "provider", ""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with self.server.one_at_a_time, closing(self.server.books()) as books:
            books.execute(
                "INSERT INTO refunds (request, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (self.request_name, body)
            )
            number, known = books.execute(
                "SELECT number, body FROM refunds WHERE request = ?", (self.request_name,)
            ).fetchone()
        if known != body:
            self._answer(HTTPStatus.CONFLICT, {"detail": "This request was paid with another amount"})
        else:
            self._answer(HTTPStatus.OK, {"payment": f"pay-{number:05d}"})

    def do_DELETE(self) -> None:
        with self.server.one_at_a_time, closing(self.server.books()) as books:
            books.execute("UPDATE refunds SET taken_back = 1 WHERE request = ? AND NOT collected", (self.request_name,))
            row = books.execute("SELECT taken_back FROM refunds WHERE request = ?", (self.request_name,)).fetchone()
        if row is None:
            self._answer(HTTPStatus.NOT_FOUND, {"detail": "There is no such refund"})
        elif not row[0]:
            self._answer(HTTPStatus.CONFLICT, {"detail": "The customer has collected it"})
        else:
            self._answer(HTTPStatus.OK, {})

    @property
    def request_name(self) -> str:
        return unquote(self.path.removeprefix("/refunds/"))

    def _answer(self, status: HTTPStatus, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """The provider keeps its own counsel."""
