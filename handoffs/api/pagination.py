"""Pages of a list by keyset: a cursor names the last row seen, so pages stay true while rows come and go.

The framework's own cursor counts rows of equal position by offset and loses those whose column is empty; ours orders
by one column and then by the key, empty ones last.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import F, Model, Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs.errors import Invalid, Mistake

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_CURSOR_CHARACTERS = 400


class PageInvalid(Invalid):
    """`limit` or `cursor` cannot be used."""

    code = "invalid_page"


@dataclass(frozen=True, kw_only=True)
class _Position:
    """The row at the edge of a page: its column (None where empty) and key; `backwards` reads what comes before."""

    value: Any
    pk: str
    backwards: bool = False

    def text(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        packed = json.dumps([value, str(self.pk), self.backwards], separators=(",", ":"))
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


class Cursor(BasePagination):
    """`?limit=` (up to 200) and `?cursor=`; `ordering` is a column, with `-` for descending."""

    def __init__(self, ordering: str = "-pk") -> None:
        self.column, self.descending = ordering.lstrip("-"), ordering.startswith("-")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """One page of rows in order; what it needs for the links is kept."""
        self.request = request
        limit = _limit(request)
        at = _position(request, queryset, self.column)
        backwards = at is not None and at.backwards
        rows = list(self._ordered(self._beyond(queryset, at) if at else queryset, backwards)[: limit + 1])
        more, rows = len(rows) > limit, rows[:limit]
        rows = rows[::-1] if backwards else rows
        self.next_link = self._link(rows[-1], False) if rows and (more or backwards) else None
        self.previous_link = self._link(rows[0], True) if rows and (more if backwards else at is not None) else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next_link, "previous": self.previous_link, "results": data})

    def _ordered(self, queryset: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        descending = self.descending != backwards
        key = "-pk" if descending else "pk"
        if self.column == "pk":
            return queryset.order_by(key)
        ends: dict[str, Any] = {}
        if _column_of(queryset, self.column).null:  # said of a column that is never empty, it would miss its index
            ends = {"nulls_first": True} if backwards else {"nulls_last": True}
        column = F(self.column)
        return queryset.order_by(column.desc(**ends) if descending else column.asc(**ends), key)

    def _beyond(self, queryset: QuerySet[Any], at: _Position) -> QuerySet[Any]:
        side = "lt" if self.descending != at.backwards else "gt"
        beside = Q(**{f"pk__{side}": at.pk})
        if self.column == "pk":
            return queryset.filter(beside)
        empty = Q(**{f"{self.column}__isnull": True})
        if at.value is None:
            return queryset.filter(empty & beside | ~empty if at.backwards else empty & beside)
        further = Q(**{f"{self.column}__{side}": at.value}) | Q(**{self.column: at.value}) & beside
        if _column_of(queryset, self.column).null and not at.backwards:
            return queryset.filter(further | empty)
        return queryset.filter(further, **{f"{self.column}__{side}e": at.value})  # where an index begins to be read

    def _link(self, row: Model, backwards: bool) -> str:
        value = None if self.column == "pk" else getattr(row, self.column)
        cursor = _Position(value=value, pk=str(row.pk), backwards=backwards).text()
        query = [(name, value) for name, value in _pairs(self.request) if name != "cursor"]
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode([*query, ('cursor', cursor)])}")


def _pairs(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, values in request.query_params.lists() for value in values]


def _column_of(queryset: QuerySet[Any], name: str) -> Any:
    return queryset.model._meta.pk if name == "pk" else queryset.model._meta.get_field(name)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if text.isascii() and text.isdigit() and len(text) <= 4 and 0 < int(text) <= MAX_LIMIT:
        return int(text)
    raise _invalid("limit", f"Write a number from 1 to {MAX_LIMIT}.")


def _position(request: Request, queryset: QuerySet[Any], column: str) -> _Position | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        value, pk, backwards = json.loads(base64.urlsafe_b64decode(text[:MAX_CURSOR_CHARACTERS] + "=="))
        value = None if value is None else _column_of(queryset, column).to_python(value)
        return _Position(value=value, pk=_column_of(queryset, "pk").to_python(pk), backwards=backwards is True)
    except (ValueError, TypeError, OverflowError, ValidationError) as error:
        raise _invalid("cursor", "Follow the links of a page instead of writing cursors.") from error


def _invalid(name: str, detail: str) -> PageInvalid:
    return PageInvalid(f"{name}: {detail}", mistakes=[Mistake(pointer=f"?{name}", detail=detail)])
