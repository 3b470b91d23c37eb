"""Every refusal as an RFC 9457 problem document; the domain's errors and the framework's are translated here once."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from handoffs.errors import (
    DeskError,
    Invalid,
    KeyReused,
    Mistake,
    NotAllowed,
    NotPossibleNow,
    NotThere,
    TooLarge,
)
from handoffs.rules.canonical import exact_dumps

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:handoff-desk:problem:"
STATUSES: tuple[tuple[type[DeskError], int], ...] = (
    (NotThere, 404),
    (NotAllowed, 403),
    (KeyReused, 422),
    (TooLarge, 413),
    (NotPossibleNow, 409),
    (Invalid, 400),
    (DeskError, 400),
)
CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    411: "length_required",
    413: "too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "server_error",
}
_PLACE = re.compile(r"[a-z_]+(?:\[\d+\]|\.[^.\[\]/~]+)*")
WORDS: dict[type[exceptions.APIException], str] = {
    exceptions.NotAuthenticated: "Send a token: Authorization: Bearer hd_…",
    exceptions.NotAcceptable: "Only JSON is answered here. Send Accept: application/json, or none.",
    exceptions.UnsupportedMediaType: "This cannot be read. Send Content-Type: application/json, or multipart/form-data"
    " to upload a document.",
}
OUR_MISTAKE = "Something went wrong in the desk itself, and was written down there. Trying again is safe."
NO_SUCH_ADDRESS = "There is nothing at this address. Addresses end with a slash; /api/v1/docs/ lists them."


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The problem document for `error`; None where it is a mistake of ours, so that it is logged as one."""
    if isinstance(error, DeskError):
        return _response(of(error))
    if isinstance(error, exceptions.APIException):
        return _response(_of_framework(error), headers=_headers(error))
    return _response(document) if (document := _of_django(error)) else None


def of(error: DeskError) -> dict[str, Any]:
    """The problem document of a refusal: its details are members of their own."""
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    mistakes = getattr(error, "mistakes", ())
    return {
        **error.details,
        **problem(status, error.message, code=error.code, title=error.title),
        **({"errors": _listed(mistakes)} if mistakes else {}),
    }


def problem(status: int, detail: str, *, code: str = "", title: str = "") -> dict[str, Any]:
    """A problem document with the members that every one has."""
    code = code or CODES[status]
    return {
        "type": TYPE_PREFIX + code,
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }


@csrf_exempt
def no_such_address(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """The answer below /api/ where no view is."""
    return _plain(problem(404, NO_SUCH_ADDRESS))


def our_mistake() -> HttpResponse:
    """The answer below /api/ where a view broke; what broke stays in the log."""
    return _plain(problem(500, OUR_MISTAKE))


def _plain(document: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(exact_dumps(document), status=document["status"], content_type=MEDIA_TYPE)


def _listed(mistakes: Sequence[Mistake]) -> list[dict[str, str]]:
    return [{"pointer": _pointer(mistake.pointer), "detail": mistake.detail} for mistake in mistakes]


def _pointer(place: str) -> str:
    """Policies tell places as managers read them: `triggers[1].when` is `/triggers/1/when`."""
    if place.startswith(("/", "?")) or not _PLACE.fullmatch(place):
        return place
    return "" if place == "document" else "/" + place.replace("[", ".").replace("]", "").replace(".", "/")


def _of_framework(error: exceptions.APIException) -> dict[str, Any]:
    status = error.status_code
    said = error.detail if isinstance(error.detail, str) else HTTPStatus(status).phrase
    return problem(status, WORDS.get(type(error), str(said)), code=CODES.get(status, "refused"))


def _of_django(error: Exception) -> dict[str, Any] | None:
    if isinstance(error, Http404):
        return problem(404, NO_SUCH_ADDRESS)
    if isinstance(error, PermissionDenied):
        return problem(403, "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return problem(413, "The request is larger than the desk takes.")
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return problem(400, "The request cannot be read to its end.")
    return None


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(int(wait))
    return headers


def _response(document: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Response:
    return Response(document, status=document["status"], headers=headers, content_type=MEDIA_TYPE)
