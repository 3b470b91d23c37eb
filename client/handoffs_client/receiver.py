"""A small web server for the desk's messages, for programs that have none of their own."""

import logging
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from handoffs_client.errors import WebhookRefused
from handoffs_client.webhooks import MAX_BODY_BYTES, Inbox, News

log = logging.getLogger(__name__)

HOOK_PATH = "/hooks/desk"
IDLE_SECONDS = 10


class Receiver(ThreadingHTTPServer):
    """Calls `handle` with each message, once, before it answers; what `handle` raises makes the desk send it again.

    Port 0 takes a free one. Give `url` to the desk as the attempts' `callback_url`.
    """

    daemon_threads = True

    def __init__(self, inbox: Inbox, handle: Callable[[News], None], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.inbox, self.handle = inbox, handle
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}{HOOK_PATH}"

    def start(self) -> "Receiver":
        """Serve in the background until `shutdown`."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="hooks", daemon=True).start()
        return self


def on_kept_port(inbox: Inbox, handle: Callable[[News], None], kept_in: Path, *, host: str = "127.0.0.1") -> Receiver:
    """A receiver on the port that is written in the file `kept_in`, or on a free one where that is taken or new.

    So what the desk was told before a restart still leads here.
    """
    text = kept_in.read_text() if kept_in.exists() else ""
    try:
        receiver = Receiver(inbox, handle, host=host, port=int(text) if text.isdigit() else 0)
    except OSError as error:
        log.warning("port %s is taken (%s); taking another", text, error.strerror)
        receiver = Receiver(inbox, handle, host=host)
    kept_in.write_text(str(receiver.server_port))
    return receiver


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = IDLE_SECONDS
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "handoffs-client", ""

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        if self.path != HOOK_PATH:
            self._say(HTTPStatus.NOT_FOUND)
            return
        try:
            with self.server.inbox.taking(body, dict(self.headers.items())) as news:
                if news is not None:
                    self.server.handle(news)
        except WebhookRefused as refused:
            log.warning("a webhook was refused: %s", refused)
            self._say(HTTPStatus.UNAUTHORIZED)
        except Exception:
            log.exception("a webhook could not be dealt with; it will come again")
            self._say(HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._say(HTTPStatus.NO_CONTENT)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length) <= MAX_BODY_BYTES:
            return self.rfile.read(int(length))
        self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE if length else HTTPStatus.LENGTH_REQUIRED)
        return None

    def _say(self, status: HTTPStatus) -> None:
        self.close_connection = status >= HTTPStatus.BAD_REQUEST
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        log.debug(format, *args)
