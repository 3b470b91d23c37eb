"""Writes answers as JSON whose decimals keep all their digits."""

from collections.abc import Mapping
from typing import Any

import simplejson
from rest_framework.renderers import BaseRenderer

from handoffs.rules.canonical import exact_dumps


class ExactJSONRenderer(BaseRenderer):
    """JSON in UTF-8; a Decimal is a number with all its digits."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else exact_dumps(data).encode()


class SortedJSONRenderer(ExactJSONRenderer):
    """The same with sorted keys: an answer given now and given again out of the database are the same bytes."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return simplejson.dumps(data, use_decimal=True, allow_nan=False, ensure_ascii=False, sort_keys=True).encode()
