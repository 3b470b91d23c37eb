"""What holds for every request: say that the database is away, relax styles where others drew the page."""

from collections.abc import Callable

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import select_template
from django_structlog.middlewares import RequestMiddleware

RETRY_AFTER_SECONDS = 5
STYLED_BY_OTHERS = ("/admin/", "/api/v1/docs/")

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
    """The strict policy of the settings; styles and images are freer where Django's admin or Swagger drew the page."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith(STYLED_BY_OTHERS):
            parts.update = {"style-src": ["'self'", "'unsafe-inline'"], "img-src": ["'self'", "data:"]}
        return parts
