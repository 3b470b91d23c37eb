"""Looks the same thing up once for a batch, and asks many small questions at once: what few statements can answer."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import QuerySet

Found = TypeVar("Found")
RowsAt = Callable[[datetime], QuerySet[Any]]
SOME_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_KEPT: ContextVar[dict[tuple[Any, ...], Any] | None] = ContextVar("lookups", default=None)


@contextmanager
def kept() -> Iterator[None]:
    """Keep what `once` looks up until the end of this block; meant for one short transaction."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def once(key: tuple[Any, ...], look_up: Callable[[], Found]) -> Found:
    """What `look_up` finds; asked once per key inside `kept()`, and each time outside."""
    found = _KEPT.get()
    if found is None:
        return look_up()
    if key not in found:
        found[key] = look_up()
    result: Found = found[key]
    return result


def kinds_due(kinds: Mapping[str, RowsAt], *, now: datetime) -> frozenset[str]:
    """Names of the `kinds` that have a row at `now`, by one statement; each function makes a query about a moment.

    The statement is put together once per process: the ORM takes longer over it than the database over the answer.
    """
    sql, given = _question(tuple(kinds.items()))
    with connection.cursor() as cursor:
        cursor.execute(sql, [now + value if isinstance(value, timedelta) else value for value in given])
        return frozenset(name for name, due in zip(kinds, cursor.fetchone(), strict=True) if due)


@lru_cache
def _question(kinds: tuple[tuple[str, RowsAt], ...]) -> tuple[str, tuple[Any, ...]]:
    """The statement, and its parameters: moments as how far they are from the moment that is asked about."""
    parts = [rows_at(SOME_MOMENT).query.exists().sql_with_params() for _, rows_at in kinds]
    given = (value for _, values in parts for value in values)
    away = tuple(value - SOME_MOMENT if isinstance(value, datetime) else value for value in given)
    return "SELECT " + ", ".join(f"EXISTS ({sql})" for sql, _ in parts), away
