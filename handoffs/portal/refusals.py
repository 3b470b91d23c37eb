"""Every refusal of the domain as a page: what happened, who and when, and what to do next. Nothing was changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from handoffs import access
from handoffs.errors import (
    AlreadyAccepted,
    ContextChanged,
    DeadlinePassed,
    DeskError,
    Invalid,
    NotAllowed,
    NotHolder,
    NotPossibleNow,
    NotThere,
    SecondPersonRequired,
    TooLarge,
    WrongState,
)
from handoffs.portal import wording
from handoffs.portal.case_view import render_case

STATUSES: tuple[tuple[type[DeskError], int], ...] = (
    (NotThere, 404),
    (NotAllowed, 403),
    (NotPossibleNow, 409),
    (TooLarge, 413),
    (Invalid, 400),
)
NEXT: Mapping[type[DeskError], str] = {
    AlreadyAccepted: "Nothing was changed. Read along here, or take the next one.",
    NotHolder: "Nothing was changed. What you wrote was not sent.",
    WrongState: "Nothing was changed. Below is how it stands now.",
    ContextChanged: "Your choice and reason are kept below. Look at what changed, then decide again.",
    DeadlinePassed: "The policy's own outcome was applied at the cut-off.",
    SecondPersonRequired: "Ask a colleague of the role to look at it.",
    NotAllowed: "Nothing was changed.",
}
FIELDS = {"/reason": "reason", "/outcome": "outcome", "/text": "text"}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What the page says on top."""

    title: str
    text: str
    next: str = ""
    changes: list[Mapping[str, Any]] = field(default_factory=list)


def answer(request: HttpRequest, error: DeskError, handoff_id: Any = None) -> HttpResponse:
    """The case as it stands with the refusal on top, or a page of its own where there is no case to show."""
    status = status_of(error)
    handoff = _seen(request, handoff_id) if status != 404 else None
    if handoff is None:
        return render(request, f"{status if status in (403, 404) else 400}.html", {"error": error}, status=status)
    refusal = refusal_of(error, now=timezone.now())
    return render_case(request, handoff, status=status, refusal=refusal, form=_kept(request, error))


def status_of(error: DeskError) -> int:
    """The HTTP status that stands for this kind of error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


def refusal_of(error: DeskError, *, now: datetime) -> Refusal:
    """The words of the page for an error."""
    moment = error.details.get("accepted_at") or error.details.get("changed_at")
    when = f" That was {wording.ago(datetime.fromisoformat(moment), now=now)}." if moment else ""
    mistakes = " ".join(mistake.detail for mistake in error.mistakes) if isinstance(error, Invalid) else ""
    return Refusal(
        title=_title(error),
        text=(mistakes or error.message) + when,
        next=next((words for kind, words in NEXT.items() if isinstance(error, kind)), ""),
        changes=list(error.details.get("changes") or ()),
    )


def _title(error: DeskError) -> str:
    if isinstance(error, AlreadyAccepted):
        return f"{error.details['holder']} was faster"
    return "The case changed while you were looking" if isinstance(error, ContextChanged) else error.title


def _seen(request: HttpRequest, handoff_id: Any) -> Any:
    if handoff_id is None:
        return None
    try:
        return access.handoff_for(request.user, handoff_id)  # type: ignore[arg-type]
    except NotThere:
        return None


def _kept(request: HttpRequest, error: DeskError) -> dict[str, Any]:
    """What was typed, for the form that it was typed into."""
    verb = request.resolver_match.url_name if request.resolver_match else ""
    typed = {name: request.POST.get(name, "") for name in request.POST if name != "csrfmiddlewaretoken"}
    if verb != "decide":
        typed |= {f"{verb}_reason": typed.pop("reason", "")}
    mistakes = error.mistakes if isinstance(error, Invalid) else ()
    errors = {FIELDS[mistake.pointer]: mistake.detail for mistake in mistakes if mistake.pointer in FIELDS}
    scored = any(typed.get(name) for name in ("context_sufficed", "context_missing", "person_needed", "comment"))
    return typed | {"open": verb, "errors": errors, "scored": scored}
