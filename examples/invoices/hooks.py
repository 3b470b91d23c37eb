"""The webhook receiver and the ledger's pages, on a port of this machine that is chosen once and kept.

A webhook is believed only with a valid Standard Webhooks signature. It is answered as soon as the decision is in the
ledger; receipts are posted by the matcher, not from here.
"""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from standardwebhooks import Webhook, WebhookVerificationError

from .decisions import Delivery, NotYet, take
from .ledger import Ledger
from .pages import invoice_page, ledger_page

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
HOOK_PATH = "/hooks/desk"
MAX_BODY_BYTES = 1024 * 1024
IDLE_SECONDS = 10
NOT_YET_SECONDS = 5
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Receiver(ThreadingHTTPServer):
    """Serves one ledger. Without a secret every webhook is refused and only the pages are shown."""

    daemon_threads = True

    def __init__(self, ledger: Ledger, *, secret: str, port: int, on_news: Callable[[], None]) -> None:
        self.ledger, self.on_news = ledger, on_news
        self.webhook = Webhook(secret) if secret else None
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"

    def start(self) -> None:
        """Serve in the background until `shutdown`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="hooks", daemon=True).start()


def open_receiver(ledger: Ledger, *, secret: str, on_news: Callable[[], None]) -> Receiver:
    """Listen on the port of last time, or on a free one if that is taken: polling covers what goes to the old one."""
    with ledger.books() as books:
        kept = int(books.fact("port") or 0)
    try:
        receiver = Receiver(ledger, secret=secret, port=kept, on_news=on_news)
    except OSError as error:
        log.warning("port %d is taken (%s); choosing another", kept, error.strerror)
        receiver = Receiver(ledger, secret=secret, port=0, on_news=on_news)
    with ledger.books() as books:
        books.keep_fact("port", str(receiver.server_port))
    return receiver


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = IDLE_SECONDS
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "invoice-matcher", ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._page(HTTPStatus.OK, ledger_page(self.server.ledger))
            return
        number = unquote(path.removeprefix("/invoices/")) if path.startswith("/invoices/") else ""
        page = invoice_page(self.server.ledger, number) if number else None
        self._page(HTTPStatus.OK if page else HTTPStatus.NOT_FOUND, page or "<p>There is no such page.</p>")

    def do_POST(self) -> None:
        if urlsplit(self.path).path != HOOK_PATH:
            self._say(HTTPStatus.NOT_FOUND, "no such address")
            return
        body = self._body()
        if body is not None:
            status, words, wait_seconds = self._take(body)
            self._say(status, words, wait_seconds)

    def _take(self, body: bytes) -> tuple[HTTPStatus, str, int]:
        try:
            message = _verified(self.server.webhook, body, self.headers)
            said = self._applied(message)
        except _Unsigned as error:
            log.warning("a webhook was refused: %s", error)
            return HTTPStatus.UNAUTHORIZED, str(error), 0
        except NotYet:
            return HTTPStatus.SERVICE_UNAVAILABLE, "our own report is still under way", NOT_YET_SECONDS
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("a signed webhook was not understood: %r", error)
            return HTTPStatus.BAD_REQUEST, "not a handoff as the API describes it", 0
        self.server.on_news()
        return HTTPStatus.OK, said, 0

    def _applied(self, message: dict[str, Any]) -> str:
        handoff, kind = message["data"], str(message["type"])
        delivery = Delivery(webhook_id=str(self.headers["webhook-id"]), kind=kind)
        said = take(self.server.ledger, handoff, now=datetime.now(UTC), delivery=delivery)
        log.info("%s  webhook %s: %s", handoff.get("reference"), kind, said)
        return said

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self._say(HTTPStatus.LENGTH_REQUIRED, "the length is missing")
            return None
        if int(length) > MAX_BODY_BYTES:
            self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
            return None
        return self.rfile.read(int(length))

    def _say(self, status: HTTPStatus, words: str, wait_seconds: int = 0) -> None:
        if status >= HTTPStatus.BAD_REQUEST:
            self.close_connection = True
        self._send(status, json.dumps({"detail": words}).encode(), "application/json", wait_seconds)

    def _page(self, status: HTTPStatus, page: str) -> None:
        self._send(status, page.encode("utf-8", "replace"), "text/html; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str, wait_seconds: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if wait_seconds:
            self.send_header("Retry-After", str(wait_seconds))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it
        log.debug(format, *args)


class _Unsigned(Exception):
    """The webhook does not prove that it comes from the desk."""


def _verified(webhook: Webhook | None, body: bytes, headers: Any) -> dict[str, Any]:
    if webhook is None:
        raise _Unsigned("DESK_WEBHOOK_SECRET is not set")
    try:
        webhook.verify(body, dict(headers.items()), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        raise _Unsigned(f"bad signature ({error})") from error
    return dict(json.loads(body))
