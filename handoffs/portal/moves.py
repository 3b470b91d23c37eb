"""The buttons: each reads its form, calls one action, and leads to the page that shows what became of it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from handoffs import access
from handoffs.actions import context, decisions, lifecycle
from handoffs.models import Handoff
from handoffs.portal.doors import move
from handoffs.portal.feedback_view import read as read_feedback


@move
def take_next(request: HttpRequest) -> HttpResponse:
    """Accept what is due first, and open it."""
    scope = {name: request.POST.get(name, "") for name in ("workflow", "role")}
    taken = lifecycle.take_next(reviewer=_person(request), now=timezone.now(), **scope)
    if taken is None:
        messages.info(request, "Nothing is waiting for you right now.")
        return redirect("queue")
    return redirect("case", taken.pk)


@move
def accept(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Hold it."""
    handoff = context.as_it_stands(_person(request), handoff_id)
    lifecycle.accept(handoff, reviewer=_person(request), now=timezone.now())
    return redirect("case", handoff_id)


@move
def release(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Give it back to its role."""
    handoff = lifecycle.release(_handoff(request, handoff_id), actor=_person(request), now=timezone.now())
    messages.success(request, f"{handoff.case.reference} is back in the queue of {handoff.role.name}.")
    return redirect("queue")


@move
def return_(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Send it back to its automation with questions, one per line."""
    questions = request.POST.get("questions", "").splitlines()
    handoff, reason = _handoff(request, handoff_id), _reason(request)
    lifecycle.return_(handoff, reviewer=_person(request), reason=reason, questions=questions, now=timezone.now())
    return redirect("case", handoff_id)


@move
def escalate(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Move it up."""
    handoff = _handoff(request, handoff_id)
    handoff = lifecycle.escalate(handoff, actor=_person(request), reason=_reason(request), now=timezone.now())
    messages.success(request, f"{handoff.case.reference} is now with {handoff.role.name}.")
    return redirect("case", handoff_id)


@move
def decide(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Resolve or propose, bound to the context that the page showed."""
    handoff = context.as_it_stands(_person(request), handoff_id, with_callers=True)
    decisions.decide(handoff, _choice(request), reviewer=_person(request), now=timezone.now())
    return redirect("case", handoff_id)


@move
def confirm(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Make somebody else's proposal final."""
    decisions.confirm(_handoff(request, handoff_id), reviewer=_person(request), now=timezone.now())
    return redirect("case", handoff_id)


@move
def object_(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Send a proposal back to its proposer."""
    handoff = _handoff(request, handoff_id)
    decisions.object_(handoff, reviewer=_person(request), reason=_reason(request), now=timezone.now())
    return redirect("case", handoff_id)


@move
def reopen(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Ask a person again."""
    handoff = _handoff(request, handoff_id)
    lifecycle.reopen(handoff, actor=_person(request), reason=_reason(request), now=timezone.now())
    return redirect("case", handoff_id)


@move
def note(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Leave a remark."""
    handoff = _handoff(request, handoff_id)
    context.add_note(handoff, author=_person(request), text=request.POST.get("text", ""), now=timezone.now())
    return redirect(f"{request.path.removesuffix('note/')}#notes")


def _handoff(request: HttpRequest, handoff_id: uuid.UUID | str) -> Handoff:
    return access.handoff_for(_person(request), handoff_id)


def _person(request: HttpRequest) -> Any:
    return request.user


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()


def _choice(request: HttpRequest) -> decisions.Choice:
    sent = request.POST
    return decisions.Choice(
        outcome=sent.get("outcome", ""),
        context_digest=sent.get("context_digest", ""),
        reason=_reason(request),
        feedback=read_feedback(sent),
    )
