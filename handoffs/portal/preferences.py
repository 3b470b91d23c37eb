"""How a person likes to see the desk, kept in cookies that the server reads, so that nothing flashes."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from handoffs.portal.shell import SHORTCUTS_COOKIE, THEME_COOKIE, THEMES

YEAR_SECONDS = 365 * 24 * 3600


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Light or dark from now on; anything else follows the system again."""
    return _kept(request, THEME_COOKIE, request.POST.get("theme", ""), THEMES)


@require_POST
def shortcuts(request: HttpRequest) -> HttpResponse:
    """Single-key shortcuts off, or on again."""
    return _kept(request, SHORTCUTS_COOKIE, request.POST.get("shortcuts", ""), ("off",))


def came_from(request: HttpRequest, *, otherwise: str = "queue") -> str:
    """The page of ours that a form was sent from: its `next` field, else the referrer."""
    host, secure = request.get_host(), request.is_secure()
    for place in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if url_has_allowed_host_and_scheme(place, allowed_hosts={host}, require_https=secure):
            return place
    return reverse(otherwise)


def _kept(request: HttpRequest, cookie: str, value: str, allowed: Any) -> HttpResponse:
    response = redirect(came_from(request))
    if value in allowed:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(cookie, value, max_age=YEAR_SECONDS, samesite="Lax", httponly=True, secure=secure)
    else:
        response.delete_cookie(cookie, samesite="Lax")
    return response
