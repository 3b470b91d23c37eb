"""One HTTP POST to a receiver that nobody trusts, with hard limits on time and size; it decides nothing."""

import http.client
import socket
import ssl
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

import urllib3

from handoffs.actions import wire
from handoffs.rules.addresses import CallbackRefused, Target, target_of
from handoffs.rules.deliveries import Exchange

MAX_ERROR_CHARS = 300
MAX_RETRY_AFTER_CHARS = 100
TROUBLE = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)

Line = wire.PlainLine | wire.TlsLine


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how much one exchange may take.

    `total_seconds` is wall time from the resolution of the name to the last byte; `connect_seconds`, within it, covers
    resolution, connection and TLS. `reuse_seconds` is how long a connection is trusted to lead where it was vetted.
    """

    total_seconds: float = 15
    connect_seconds: float = 5
    body_bytes: int = 16 * 1024
    snippet_chars: int = 2000
    reuse_seconds: float = 60


def post(
    url: str, *, headers: Mapping[str, str], body: bytes, allow_private: bool, limits: Limits = Limits()
) -> Exchange:
    """POST `body` and report what happened; trouble on the way is part of the report and never raised.

    Redirects are not followed, no proxy and no stored password of the machine is used, answers are not decompressed.
    `allow_private` opens private and loopback addresses, for development and for networks that trust the desk.
    """
    started_at = monotonic()
    report = _attempt(url, _Message(headers=headers, body=body, allow_private=allow_private, limits=limits))
    return Exchange(
        status=report.status,
        error=_clean(report.error)[:MAX_ERROR_CHARS],
        duration_ms=round((monotonic() - started_at) * 1000),
        response_snippet=report.snippet,
        retry_after=report.retry_after,
        refused=report.refused,
    )


@dataclass(frozen=True, kw_only=True)
class _Report:
    status: int | None = None
    error: str = ""
    snippet: str = ""
    retry_after: str | None = None
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class _Message:
    headers: Mapping[str, str]
    body: bytes
    allow_private: bool
    limits: Limits


def _attempt(url: str, message: _Message) -> _Report:
    try:
        line, response = _ask(target_of(url), message)
    except CallbackRefused as error:
        return _Report(error=str(error), refused=True)
    except TROUBLE as error:
        return _Report(error=_in_words(error))
    return _listen(line, response, message.limits)


def _ask(target: Target, message: _Message) -> tuple[Line, urllib3.HTTPResponse]:
    limits, allow_private = message.limits, message.allow_private
    deadline = wire.Deadline(limits.total_seconds)
    kept = wire.kept_lines.take(target, allow_private=allow_private, reuse_seconds=limits.reuse_seconds)
    if kept is not None:
        try:
            return kept, _send(kept, message, deadline)
        except (ConnectionError, ssl.SSLError):
            pass  # the receiver closed the idle connection at this moment; the webhook-id makes a second sending safe
    line = wire.new_line(target, allow_private=allow_private, connect_seconds=limits.connect_seconds)
    return line, _send(line, message, deadline)


def _send(line: Line, message: _Message, deadline: wire.Deadline) -> urllib3.HTTPResponse:
    headers = _outgoing(message.headers)
    line.begin(deadline)
    try:
        try:
            line.request("POST", line.target.path, body=message.body, headers=headers, preload_content=False)
        except BrokenPipeError:
            pass  # the receiver stopped reading; its answer may be there all the same
        return line.getresponse()
    except BaseException:
        line.close()
        raise


def _outgoing(headers: Mapping[str, str]) -> dict[str, str]:
    return {"User-Agent": "HandoffDesk", "Accept-Encoding": "identity", **headers}


def _listen(line: Line, response: urllib3.HTTPResponse, limits: Limits) -> _Report:
    content, error, is_whole = _read(response, limits.body_bytes)
    if is_whole and response.status >= 200:
        wire.kept_lines.keep(line)
    else:
        line.close()
    return _Report(
        status=response.status,
        error=error,
        snippet=_snippet(content, response.headers.get("Content-Encoding", ""), limits.snippet_chars),
        retry_after=_retry_after(response),
    )


def _read(response: urllib3.HTTPResponse, limit: int) -> tuple[bytes, str, bool]:
    """The start of the body as it came over the wire, what broke it off, and whether it was read to its end."""
    content = bytearray()
    try:
        while len(content) < limit:
            piece = response.read1(limit - len(content), decode_content=False)
            if not piece:
                return bytes(content), "", True
            content += piece
        return bytes(content), "", response.length_remaining == 0
    except TROUBLE as error:
        return bytes(content), f"The answer broke off. {_in_words(error)}", False


def _snippet(content: bytes, encoding: str, max_chars: int) -> str:
    if encoding.strip().lower() not in ("", "identity"):
        return _clean(f"({len(content)} bytes encoded as {encoding[:40]}, not unpacked)")
    return _clean(content.decode("utf-8", errors="replace"))[:max_chars]


def _retry_after(response: urllib3.HTTPResponse) -> str | None:
    header = response.headers.get("Retry-After")
    return None if header is None else _clean(header)[:MAX_RETRY_AFTER_CHARS]


def _clean(text: str) -> str:
    """`text` without what a database refuses or a page would obey: control, format and surrogate characters."""
    return "".join(char if _is_harmless(char) else "�" for char in text)


def _is_harmless(char: str) -> bool:
    return char in "\n\r\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def _in_words(error: BaseException) -> str:
    """What the operator reads; the most telling kinds by name, the rest as the library says it."""
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return "No answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate is not accepted: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "The name does not resolve"
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused"
    if isinstance(error, ConnectionError):
        return "The connection was closed before the answer came"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, http.client.HTTPException):
        return f"What came back is not HTTP: {type(error).__name__} {error}"
    return f"{type(error).__name__}: {error}"
