"""What holds for every request: say that the database is away, relax styles where others drew the page."""

from collections.abc import Callable
from functools import lru_cache

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import select_template
from django_structlog.middlewares import RequestMiddleware

RETRY_AFTER_SECONDS = 5
STYLED_BY_OTHERS = ("/admin/", "/api/v1/docs/")
STYLES = {"style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "data:"]}
POLICIES_OF_A_VIEW = ("_csp_config", "_csp_update", "_csp_replace", "_csp_exempt")

Handler = Callable[[HttpRequest], HttpResponse]


class DatabaseAway:
    """Answer 503 with Retry-After while PostgreSQL cannot be asked, instead of an error of ours."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request) if isinstance(exception, OperationalError | InterfaceError) else None


def unavailable(request: HttpRequest) -> HttpResponse:
    """A 503 that asks nothing of the database: a problem document for the API, a page for people."""
    response: HttpResponse
    if request.path.startswith("/api/"):
        problem = {
            "type": "about:blank",
            "title": "Service unavailable",
            "status": 503,
            "detail": "The database cannot be reached right now. Nothing was changed; send the request again.",
            "code": "database_unavailable",
        }
        response = JsonResponse(problem, status=503, content_type="application/problem+json")
    else:
        response = HttpResponse(select_template(["503.html", "500.html"]).render(), status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


class RequestLog(RequestMiddleware):
    """A line for each request, with the address that asked: the one that the proxy saw, where there is one."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        seen_by_proxy = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.SECURE_PROXY_SSL_HEADER else ""
        address = seen_by_proxy.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")
        structlog.contextvars.bind_contextvars(ip=address)


class ContentSecurity(CSPMiddleware):
    """The strict policy of the settings; styles and images are freer where Django's admin or Swagger drew the page.

    Spelled out once a process, but for views that have one of their own; nonces are not to be had.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if settings.DEBUG or any(hasattr(response, name) for name in POLICIES_OF_A_VIEW):
            return super().process_response(request, response)
        if HEADER not in response:
            response[HEADER] = _policy(styled_by_others=request.path.startswith(STYLED_BY_OTHERS))
        return response

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(STYLED_BY_OTHERS):
            parts.update = STYLES
        return parts


@lru_cache
def _policy(*, styled_by_others: bool) -> str:
    return build_policy(update=STYLES if styled_by_others else None)
