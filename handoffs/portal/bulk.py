"""What is done to several selected handoffs at once."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle
from handoffs.errors import DeskError, Invalid
from handoffs.portal.doors import move
from handoffs.portal.preferences import came_from

MAX_BULK = 100


@move
def bulk(request: HttpRequest) -> HttpResponse:
    """Accept or escalate what was selected, one by one, and say what could not be done and why."""
    do = {"accept": _accept_one, "escalate": _escalate_one}.get(request.POST.get("do", ""))
    if do is None:
        raise Invalid("Choose what to do with the selected handoffs.")
    refused: list[str] = []
    picked = request.POST.getlist("handoff")[:MAX_BULK]
    for handoff_id in picked:
        try:
            do(request, handoff_id)
        except DeskError as error:
            refused.append(error.message)
    _tell(request, done=len(picked) - len(refused), refused=refused)
    return redirect(came_from(request))


def _accept_one(request: HttpRequest, handoff_id: str) -> None:
    lifecycle.accept(access.handoff_for(_person(request), handoff_id), reviewer=_person(request), now=timezone.now())


def _escalate_one(request: HttpRequest, handoff_id: str) -> None:
    handoff = access.handoff_for(_person(request), handoff_id)
    reason = request.POST.get("reason", "").strip()
    lifecycle.escalate(handoff, actor=_person(request), reason=reason, now=timezone.now())


def _tell(request: HttpRequest, *, done: int, refused: list[str]) -> None:
    verb = "accepted" if request.POST["do"] == "accept" else "escalated"
    if done:
        messages.success(request, f"{done} {verb}.")
    for message in dict.fromkeys(refused):
        messages.warning(request, f"{refused.count(message)} not {verb}: {message}")


def _person(request: HttpRequest) -> Any:
    return request.user
