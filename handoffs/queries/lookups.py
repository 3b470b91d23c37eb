"""Looks the same thing up once for a batch: people, channels, calendars and endpoints of many handoffs at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Found = TypeVar("Found")
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
