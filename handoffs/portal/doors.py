"""What every page of the portal goes through: signed in, the right method, and refusals turned into pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from handoffs.errors import DeskError
from handoffs.portal import refusals

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A view that reads."""
    return _door(view, ["GET", "HEAD"])


def move(view: View) -> View:
    """A view that changes something."""
    return _door(view, ["POST"])


def change(view: View) -> View:
    """A view that shows a form and takes it."""
    return _door(view, ["GET", "HEAD", "POST"])


def _door(view: View, methods: list[str]) -> View:
    @wraps(view)
    def through(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        with timezone.override(request.user.time_zone):  # type: ignore[union-attr]
            try:
                return view(request, *args, **named)
            except DeskError as error:
                return refusals.answer(request, error, named.get("handoff_id"))

    door: View = login_required(require_http_methods(methods)(through))
    return door
