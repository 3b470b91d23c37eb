"""What went outside, failures first: to look at, and to send again. In the demo nothing leaves the desk."""

import uuid
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs import access
from handoffs.actions import mailing
from handoffs.choices import MessageState
from handoffs.errors import NotAllowed, NotThere
from handoffs.models import Message
from handoffs.portal.doors import move, page
from handoffs.queries import notices

PAGE_SIZE = 50
TONES = {"queued": "", "sent": "is-good", "parked": "is-bad", "superseded": ""}
KEPT_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
LETTER_POLICY = {"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "frame-ancestors": ["'self'"]}


@page
def messages_page(request: HttpRequest) -> HttpResponse:
    """Messages, parked and failing first."""
    number = int(request.GET["page"]) if request.GET.get("page", "").isdecimal() else 1
    first = (max(number, 1) - 1) * PAGE_SIZE
    found = notices.failing_first(_visible(request)).select_related("person", "address").defer("text", "html")
    rows = list(found[first : first + PAGE_SIZE + 1])
    values = {
        "rows": [_row(message) for message in rows[:PAGE_SIZE]],
        "older": f"?page={number + 1}" if len(rows) > PAGE_SIZE else "",
        "is_kept": _is_kept(),
        "now": timezone.now(),
    }
    return render(request, "messages.html", values)


@page
def message_page(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """One message as it was sent."""
    message = _message(request, message_id)
    values = {
        **_row(message),
        "can_send_again": message.state in (MessageState.PARKED, MessageState.QUEUED),
        "message_id": mailing.message_id(message),
        "thread": mailing.thread_id(message.handoff_id) if message.handoff_id else "",
        "is_kept": _is_kept(),
        "now": timezone.now(),
    }
    return render(request, "message.html", values)


@csp_replace(LETTER_POLICY)
@page
def message_html(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """The HTML of a mail, for a frame that may run nothing and load nothing."""
    return HttpResponse(_message(request, message_id).html)


@move
def send_again(request: HttpRequest, message_id: uuid.UUID) -> HttpResponse:
    """Put a parked message back into the queue."""
    if mailing.send_again(_message(request, message_id), now=timezone.now()):
        messages.success(request, "It goes out again within seconds.")
    return redirect("message", message_id)


def _visible(request: HttpRequest) -> Any:
    user: Any = request.user
    if user.is_superuser:
        return Message.objects.all()
    if not access.is_manager(user):
        raise NotAllowed("Only managers and administrators see what was sent.")
    return notices.messages_about(access.managed_workflows(user))


def _message(request: HttpRequest, message_id: uuid.UUID) -> Message:
    found: Message | None = _visible(request).select_related("person", "address").filter(pk=message_id).first()
    if found is None:
        raise NotThere("There is no such message, or it is about a workflow that you do not manage.")
    return found


def _row(message: Message) -> dict[str, Any]:
    failing = message.state == MessageState.QUEUED and message.attempts_made > 0
    return {
        "message": message,
        "tone": "is-warn" if failing else TONES[message.state],
        "words": f"failing, tried {message.attempts_made} times" if failing else message.state,
    }


def _is_kept() -> bool:
    return str(settings.EMAIL_BACKEND) == KEPT_BACKEND
