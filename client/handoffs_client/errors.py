"""What can go wrong between an automation and the desk, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing to correct in what was sent: a JSON pointer (`/data/amount`) and what to do."""

    pointer: str
    detail: str


class DeskError(Exception):
    """The desk did not do what it was asked."""


class DeskUnreachable(DeskError):
    """No answer within the time that the caller was willing to wait; what was journalled is sent again by `resume`."""


class AnswerUnclear(DeskError):
    """Something answered that is not the desk: a redirect, or a body that is no JSON object."""


class NotDecided(DeskError):
    """Nobody decided within the seconds that the caller was willing to wait."""


class WebhookRefused(DeskError):
    """The message does not prove that it comes from the desk, or is no message of the desk."""


class Refused(DeskError):
    """A problem document (RFC 9457): the same request would be refused again.

    `code` is stable, such as `already_accepted`; `mistakes` name what to correct; `problem` is the whole document.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or problem.get("title") or "")
        self.mistakes = tuple(_mistakes(problem.get("errors")))
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        told = "; ".join(f"{mistake.pointer}: {mistake.detail}" for mistake in self.mistakes)
        return " – ".join(part for part in (f"{self.status} {self.code}".strip(), self.detail, told) if part)


class TokenRefused(Refused):
    """The desk does not know the token, or the token may not do this (401, 403)."""


class NotThere(Refused):
    """It does not exist, or the token may not see it (404)."""


class NotPossibleNow(Refused):
    """The state of things does not allow it now; `code` says why (409)."""


class KeyReused(Refused):
    """The idempotency key was used for another body before (422)."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: TokenRefused,
    403: TokenRefused,
    404: NotThere,
    409: NotPossibleNow,
    422: KeyReused,
}


def refusal(status: int, problem: Mapping[str, Any]) -> Refused:
    """The exception for a problem document."""
    return _BY_STATUS.get(status, Refused)(status, problem)


def _mistakes(listed: Any) -> list[Mistake]:
    found = listed if isinstance(listed, list) else []
    return [
        Mistake(pointer=str(each.get("pointer", "")), detail=str(each.get("detail", "")))
        for each in found
        if isinstance(each, Mapping)
    ]
