"""One endpoint: how it fares, a test delivery, off and on, and a new secret."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs.actions import endpoints
from handoffs.models import Endpoint
from handoffs.portal.deliveries import workflows_of
from handoffs.portal.doors import move, page
from handoffs.queries import deliveries

CHANGES_SHOWN = 20


@page
def endpoint_page(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """How it fares, and what can be done with it."""
    return _shown(request, _endpoint(request, endpoint_id))


@move
def try_out(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Send a test message, and show the request and the answer."""
    endpoint = _endpoint(request, endpoint_id)
    return _shown(request, endpoint, tested=endpoints.try_out(endpoint, now=timezone.now()))


@move
def switch(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Off with a reason, or on again with everything that it missed."""
    endpoint = _endpoint(request, endpoint_id)
    if request.POST.get("to") == "on":
        endpoints.switch_on(endpoint, by=_person(request), now=timezone.now())
        messages.success(request, "It is on again. What it missed is being sent, oldest first.")
    else:
        reason = endpoints.checked_reason(request.POST.get("reason", ""))
        endpoints.switch_off(endpoint, by=_person(request), reason=reason, now=timezone.now())
        messages.success(request, "It is off. What it misses is kept.")
    return redirect("endpoint", endpoint_id)


@move
def rotate(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Make a new secret, which is shown this once."""
    endpoint = _endpoint(request, endpoint_id)
    secret = endpoints.rotate(endpoint, by=_person(request), now=timezone.now())
    response = _shown(request, _endpoint(request, endpoint_id), secret=secret)
    response["Cache-Control"] = "no-store, private"
    return response


@move
def end_rotation(request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponse:
    """Let only the new secret sign."""
    endpoints.end_rotation(_endpoint(request, endpoint_id), by=_person(request))
    messages.success(request, "Only the new secret signs now.")
    return redirect("endpoint", endpoint_id)


def _shown(request: HttpRequest, endpoint: Endpoint, **more: Any) -> HttpResponse:
    history: Any = endpoint.history
    values = {
        "endpoint": endpoint,
        "health": deliveries.health_of([endpoint])[0],
        "changes": list(history.select_related("history_user").order_by("-history_date")[:CHANGES_SHOWN]),
        "fails_for_days": endpoints.FAILS_FOR.days,
        "now": timezone.now(),
    }
    return render(request, "deliveries/endpoint.html", values | more)


def _endpoint(request: HttpRequest, endpoint_id: uuid.UUID) -> Endpoint:
    return deliveries.endpoint_of(workflows_of(request), endpoint_id)


def _person(request: HttpRequest) -> Any:
    return request.user
