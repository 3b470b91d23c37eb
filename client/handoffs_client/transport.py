"""One HTTP exchange with the desk, patiently: again while it is away or busy, as long as it asks to wait."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests

from handoffs_client import exact
from handoffs_client.errors import AnswerUnclear, DeskUnreachable, refusal

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_WISH_SECONDS = 3600.0
NOTHING_NEW = 304
TRY_AGAIN_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to keep trying one call (None: until stopped), and what ends the wait early."""

    seconds: float | None = 300.0
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the desk answered: status, JSON object (empty with 304), entity tag, and when to ask again if it says so."""

    status: int
    told: dict[str, Any]
    tag: str = ""
    retry_after_seconds: float = 0.0


@dataclass(frozen=True)
class _Later:
    why: str
    wish_seconds: float | None = None


class Transport:
    """One desk and one token. Threads may share it: each has a connection of its own."""

    def __init__(
        self, url: str, token: str, *, patience: Patience, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.base = url.rstrip("/")
        self._token, self._patience, self._monotonic = token, patience, monotonic
        self._own = threading.local()
        self._sessions: list[requests.Session] = []

    def call(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        key: str = "",
        known_tag: str = "",
        read_seconds: float = READ_SECONDS,
        **more: Any,
    ) -> Reply:
        """What the desk answers; calls again while it cannot answer. With `known_tag` it may be 304: nothing new.

        Pauses double from half a second to half a minute, or last as long as `Retry-After` asks. Raises Refused,
        DeskUnreachable when patience ends, AnswerUnclear.
        """
        headers = _headers(has_body=body is not None, key=key, known_tag=known_tag)
        given = {"headers": headers, "timeout": (CONNECT_SECONDS, read_seconds), **more}
        if body is not None:
            given["data"] = body.encode()
        started, pause = self._monotonic(), FIRST_PAUSE_SECONDS
        while True:
            outcome = self._once(method, path, given)
            if not isinstance(outcome, _Later):
                return outcome
            self._pause(outcome, pause if outcome.wish_seconds is None else outcome.wish_seconds, started)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def close(self) -> None:
        """Close every connection; a later call opens a new one."""
        for session in self._sessions:
            session.close()

    def _once(self, method: str, path: str, given: Mapping[str, Any]) -> Reply | _Later:
        try:
            answer = self._session.request(method, f"{self.base}/api/v1/{path}", allow_redirects=False, **given)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            return _Later(f"{self.base} cannot be reached ({type(error).__name__})")
        if answer.status_code in TRY_AGAIN_STATUSES:
            return _Later(f"{self.base} answers {answer.status_code}", _retry_after_seconds(answer))
        if answer.status_code >= 400:
            raise refusal(answer.status_code, _object(answer, {"detail": answer.text[:200]}))
        if not answer.ok or answer.is_redirect:
            raise AnswerUnclear(f"{self.base} answers {answer.status_code}: is this the desk's address?")
        wish = _retry_after_seconds(answer) or 0.0
        told = {} if answer.status_code == NOTHING_NEW else _object(answer)
        return Reply(status=answer.status_code, told=told, tag=answer.headers.get("ETag", ""), retry_after_seconds=wish)

    def _pause(self, later: _Later, seconds: float, started: float) -> None:
        limit = self._patience.seconds
        if limit is not None and self._monotonic() - started + seconds > limit:
            raise DeskUnreachable(f"{later.why}; gave up after {self._monotonic() - started:.0f} s")
        log.warning("%s; trying again in %.1f s", later.why, seconds)
        if self._patience.stopping.wait(seconds):
            raise DeskUnreachable(f"{later.why}; stopped while waiting for it")

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            self._sessions.append(session)
            session.headers.update({"Authorization": f"Bearer {self._token}", "User-Agent": "handoffs-client"})
            session.trust_env = not _is_loopback(self.base)
        return session


def _headers(*, has_body: bool, key: str, known_tag: str) -> dict[str, str]:
    said = {
        "Content-Type": "application/json" if has_body else "",
        "Idempotency-Key": key,
        "If-None-Match": known_tag,
    }
    return {name: value for name, value in said.items() if value}


def _object(answer: requests.Response, otherwise: Mapping[str, Any] | None = None) -> dict[str, Any]:
    try:
        found = exact.loads(answer.content)
    except ValueError:
        found = otherwise
    if not isinstance(found, Mapping):
        raise AnswerUnclear(f"{answer.url} answers {answer.status_code} with something that is no JSON object")
    return dict(found)


def _retry_after_seconds(answer: requests.Response) -> float | None:
    """The header as seconds or as a date, at most an hour; None where it says nothing that can be read."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WISH_SECONDS)
    try:
        wished = parsedate_to_datetime(text).timestamp() - parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
    return min(max(wished, 0.0), LONGEST_WISH_SECONDS)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
