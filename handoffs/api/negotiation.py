"""Which renderer and which parser serve a request: told at once where the client asks for nothing but JSON."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

ANYTHING = "*/*"


class Negotiation(DefaultContentNegotiation):
    """The framework's own negotiation, whose outcome is known beforehand for almost everybody who asks."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        first = next(iter(parsers))
        if request.content_type == first.media_type:
            return first
        parser: BaseParser | None = super().select_parser(request, parsers)
        return parser

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        wants_first = request.META.get("HTTP_ACCEPT", ANYTHING) in (ANYTHING, first.media_type)
        if wants_first and not format_suffix:
            return first, str(first.media_type)
        chosen: Any = super().select_renderer(request, renderers, format_suffix)
        renderer, media_type = chosen
        return renderer, media_type
