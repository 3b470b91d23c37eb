"""Takes bodies off the wire within limits; what they mean is left to the views."""

from collections.abc import Mapping
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from handoffs.errors import TooLarge
from handoffs.rules import strict_json

MAX_BODY_BYTES = 128 * 1024
MAX_DOCUMENT_BYTES = 10 * 1024 * 1024
ENVELOPE_BYTES = 64 * 1024
DRAINED_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


class ExactJSONParser(BaseParser):
    """JSON in UTF-8, at most `max_body_bytes` of the view, numbers exact."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        view = (parser_context or {}).get("view")
        limit = getattr(view, "max_body_bytes", MAX_BODY_BYTES)
        body = stream.read(limit + 1)
        if len(body) > limit:
            _drain(stream)
            raise TooLarge(f"The body is larger than {limit:,} bytes.", limit_bytes=limit)
        return strict_json.read(body)


class DocumentParser(MultiPartParser):
    """multipart/form-data with one document of at most MAX_DOCUMENT_BYTES."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles:
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_DOCUMENT_BYTES + ENVELOPE_BYTES:
            _drain(stream)
            raise document_too_large()
        try:
            return super().parse(stream, media_type, parser_context)
        except (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent) as error:
            raise ParseError(f"The form cannot be read: {error}") from error
        except RequestDataTooBig as error:
            raise TooLarge("The fields beside the file are too large.", limit_bytes=ENVELOPE_BYTES) from error


def document_too_large() -> TooLarge:
    """The refusal of a document beyond the limit."""
    return TooLarge("A document may have up to 10 MiB.", limit_bytes=MAX_DOCUMENT_BYTES)


def _drain(stream: IO[Any]) -> None:
    """Read what the client still sends, within reason, so that it gets to see the answer."""
    left = DRAINED_BYTES
    try:
        while left > 0 and (chunk := stream.read(CHUNK_BYTES)):
            left -= len(chunk)
    except UnreadablePostError:
        return
