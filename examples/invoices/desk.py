"""The HTTP client for the desk: its calls, its errors in words, and patience while it is away or busy."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import requests

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
TRY_AGAIN = {429, 500, 502, 503, 504}


class DeskError(Exception):
    """The desk did not do what it was asked."""


class DeskUnreachable(DeskError):
    """No answer within the time that this program is willing to wait."""


class BadToken(DeskError):
    """The desk does not know the token, or the token may not do this."""


class Stopped(DeskError):
    """The program is being stopped while it waits for the desk."""


class Refused(DeskError):
    """The desk answered with a problem document; the same request again would be refused again."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status, self.code = status, str(problem.get("code", ""))
        self.problem = problem
        super().__init__(_problem_text(status, problem))

    def mentions(self, word: str) -> bool:
        """Tell whether the problem names something, such as the documents that are missing."""
        return word in json.dumps(self.problem).casefold()


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to keep trying while the desk is away or busy (None: until stopped), and what ends the wait early."""

    seconds: float | None
    stopping: threading.Event


class Desk:
    """One desk and one token. Not shared between threads: each makes its own."""

    def __init__(self, url: str, token: str, *, patience: Patience) -> None:
        self._base = url.rstrip("/")
        self._patience = patience
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {token}", "User-Agent": "invoice-matcher"})
        self._session.trust_env = not _is_loopback(url)

    def check(self, workflow: str) -> None:
        """See that the desk is there, knows the token and has the workflow. Raises DeskError."""
        try:
            self._call("GET", f"workflows/{quote(workflow, safe='')}/")
        except Refused as refusal:
            raise BadToken(
                f"the token may not work with {workflow}, or there is no such workflow ({refusal})"
            ) from refusal

    def report(self, body: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Report an attempt; the same key and body get the same answer however often they are sent."""
        return self._call("POST", "cases/", json=body, headers={"Idempotency-Key": key})

    def upload(self, content: bytes, *, name: str, title: str, workflow: str) -> str:
        """Upload a PDF and return its id."""
        files = {"file": (name, content, "application/pdf")}
        answer = self._call("POST", "documents/", files=files, data={"workflow": workflow, "title": title})
        return str(answer["id"])

    def handoff(self, handoff_id: str, *, wait_seconds: int = 0) -> dict[str, Any]:
        """Fetch a handoff, after waiting for its state to change if `wait_seconds` is given."""
        params = {"wait": str(wait_seconds)} if wait_seconds else None
        path = f"handoffs/{quote(handoff_id, safe='')}/"
        return self._call("GET", path, params=params, timeout=(CONNECT_SECONDS, READ_SECONDS + wait_seconds))

    def receipt(self, handoff_id: str, *, status: str, detail: str, context_digest: str) -> None:
        """Tell the desk what became of a decision."""
        body = {"status": status, "detail": detail, "context_digest": context_digest}
        self._call("POST", f"handoffs/{quote(handoff_id, safe='')}/receipt/", json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Call until there is an answer; waits are doubled from half a second to half a minute, or as the desk asks."""
        pause, waited = FIRST_PAUSE_SECONDS, 0.0
        while True:
            outcome = self._once(method, path, arguments)
            if isinstance(outcome, dict):
                return outcome
            wait = outcome.seconds or pause
            self._pause(wait, waited, outcome.why)
            waited += wait
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _once(self, method: str, path: str, arguments: dict[str, Any]) -> "dict[str, Any] | _Later":
        timeout = arguments.get("timeout", (CONNECT_SECONDS, READ_SECONDS))
        try:
            answer = self._session.request(
                method, f"{self._base}/api/v1/{path}", **arguments | {"timeout": timeout, "allow_redirects": False}
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            return _Later(f"the desk at {self._base} cannot be reached ({_cause(error)})")
        except requests.RequestException as error:
            raise DeskError(f"{self._base} cannot be called: {error}") from error
        if answer.status_code in TRY_AGAIN:
            said = _problem_text(answer.status_code, _object(answer))
            return _Later(f"the desk cannot answer now ({said})", seconds=_retry_after(answer))
        return _read(answer, self._base)

    def _pause(self, wait: float, waited: float, why: str) -> None:
        limit = self._patience.seconds
        if limit is not None and waited + wait > limit:
            raise DeskUnreachable(f"{why}; gave up after {waited:.0f} s. Is it running, and is DESK_URL right?")
        log.warning("%s; trying again in %.1f s", why, wait)
        if self._patience.stopping.wait(wait):
            raise Stopped(why)


@dataclass(frozen=True)
class _Later:
    why: str
    seconds: float | None = None


def _read(answer: requests.Response, base: str) -> dict[str, Any]:
    problem = _object(answer)
    if answer.status_code == 401:
        said = _problem_text(answer.status_code, problem)
        raise BadToken(f"the desk at {base} refused the token ({said}). Check DESK_TOKEN.")
    if not answer.ok or answer.is_redirect:
        raise Refused(answer.status_code, problem)
    return problem


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = {"title": answer.reason, "detail": answer.text[:200]}
    return found if isinstance(found, dict) else {"detail": str(found)[:200]}


def _problem_text(status: int, problem: dict[str, Any]) -> str:
    errors = [f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in problem.get("errors") or ()]
    parts = [f"{status} {problem.get('title', '')}".strip(), str(problem.get("detail") or ""), *errors]
    return " – ".join(part for part in parts if part)


def _retry_after(answer: requests.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return min(float(value), 3600.0) if value.isascii() and value.isdigit() and int(value) else None


def _cause(error: Exception) -> str:
    text: Callable[[BaseException], str] = lambda found: str(getattr(found, "strerror", None) or type(found).__name__)  # noqa: E731
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    return text(cause)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
