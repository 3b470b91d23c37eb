"""What all views of the API have in common: the throttle, the clock, the checked body, entity tags."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.http import parse_etags
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from handoffs.api.parsers import MAX_BODY_BYTES
from handoffs.api.throttles import TokenThrottle
from handoffs.api.validation import Shape, invalid
from handoffs.errors import Mistake, NotThere
from handoffs.rules.canonical import canonical_dumps
from handoffs.rules.problems import did_you_mean

TAG_CHARACTERS = 32
NUL = "\0"


class LengthRequired(APIException):
    """A body came in chunks, which the framework would take for no body at all."""

    status_code = 411
    default_detail = "Say how long the body is: send Content-Length instead of a chunked body."


class Endpoint(APIView):
    """A view of the API. `parameters` are the query parameters that it knows; any other is a mistake."""

    throttle_classes = (TokenThrottle,)
    max_body_bytes = MAX_BODY_BYTES
    parameters: tuple[str, ...] = ()
    now: datetime

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.now = timezone.now()
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        known = self.parameters if request.method in ("GET", "HEAD") else ()
        if mistakes := list(_mistakes(request, known)):
            raise invalid(mistakes)
        if any(NUL in part for part in kwargs.values()):
            raise NotThere("Nothing that the desk keeps has a NUL character in its name.")


def caller(request: Request) -> User:
    """Who asks; views are reached only with a token."""
    assert isinstance(request.user, User)
    return request.user


def body_of(request: Request, shape: Shape) -> dict[str, Any]:
    """The checked body; no body at all is an empty object."""
    body = dict(request.data)
    shape.check(body)
    return body


def tagged(request: Request, body: Any) -> Response:
    """`body` with its entity tag, or 304 where the caller has it already."""
    tag = f'"{hashlib.sha256(canonical_dumps(body).encode()).hexdigest()[:TAG_CHARACTERS]}"'
    if has_tag(request, tag):
        return Response(status=304, headers={"ETag": tag})
    return Response(body, headers={"ETag": tag, "Cache-Control": "private, no-cache"})


def has_tag(request: Request, tag: str) -> bool:
    """Whether If-None-Match names `tag`."""
    named = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    return tag in named or named == ["*"]


def _mistakes(request: Request, known: tuple[str, ...]) -> Iterator[Mistake]:
    for name, values in request.query_params.lists():
        if name not in known:
            yield _unknown(name, known)
        elif any(NUL in value for value in values):
            yield Mistake(pointer=f"?{name}", detail="A NUL character cannot be looked for.")


def _unknown(name: str, known: tuple[str, ...]) -> Mistake:
    near = did_you_mean(name, known) or (f"; known are {', '.join(known)}" if known else ".")
    return Mistake(pointer=f"?{name[:TAG_CHARACTERS]}", detail=f"Unknown parameter{near}")
