"""Holds answers until something changes: few threads, one look at the database for all of them, no transaction.

A place is a thread of the web process. When every place is taken, who asks is answered at once and told when to ask
again, so that a thousand callers cost what their questions cost, and never a thread each.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from rest_framework.response import Response

from handoffs.choices import FINAL_STATES
from handoffs.models import Handoff

MAX_WAIT_SECONDS = 60
POLL_SECONDS = 0.3
MAX_WAITING = 4
"""Per process, half of the threads that it has, so that those who wait never keep out those who act."""
TURNED_AWAY_PER_SECOND = 20
"""So many who were turned away come back per second and process, at most: Retry-After grows with their number."""
COUNTED_SECONDS = 30
MAX_RETRY_AFTER_SECONDS = 60

_places = BoundedSemaphore(MAX_WAITING)
_turned_away: deque[float] = deque()


class NoPlace(Exception):
    """Every place is taken; `retry_after_seconds` is when it is worth asking again."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Every place to wait is taken; ask again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


def until_changed(handoff: Handoff, seconds: float) -> bool:
    """Wait for another state than the handoff has, at most `seconds`; whether it came.

    A final state is what callers wait for, so it is not waited upon. Raises NoPlace.
    """
    if seconds <= 0 or handoff.state in FINAL_STATES:
        return False
    with _place():
        return _watch.until(handoff.pk, str(handoff.state), time.monotonic() + seconds)


def until(look: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until there is something, at most `seconds`; whether there was. Raises NoPlace."""
    if look() or seconds <= 0:
        return True
    ends_at = time.monotonic() + seconds
    with _place():
        while (left := ends_at - time.monotonic()) > 0:
            time.sleep(min(POLL_SECONDS, left))
            if look():
                return True
    return False


def ask_again(response: Response, seconds: int) -> Response:
    """The answer as it is now, with when to ask again."""
    response["Retry-After"] = str(seconds)
    return response


@contextmanager
def _place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise NoPlace(_retry_after(time.monotonic()))
    try:
        yield
    finally:
        _places.release()


def _retry_after(now: float) -> int:
    _turned_away.append(now)
    while _turned_away and _turned_away[0] < now - COUNTED_SECONDS:
        _turned_away.popleft()
    return min(1 + len(_turned_away) // TURNED_AWAY_PER_SECOND, MAX_RETRY_AFTER_SECONDS)


class _Watch:
    """One look at the states of all handoffs that somebody of this process waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, int] = {}
        self._states: dict[Hashable, str] = {}
        self._looked_at = 0.0

    def until(self, pk: Hashable, before: str, ends_at: float) -> bool:
        with self._lock:
            self._waiting[pk] = self._waiting.get(pk, 0) + 1
        try:
            while (left := ends_at - time.monotonic()) > 0:
                time.sleep(min(POLL_SECONDS, left))
                if self._state(pk, before) != before:
                    return True
            return False
        finally:
            self._leave(pk)

    def _state(self, pk: Hashable, before: str) -> str:
        """What the handoff's state is, by a look that is younger than half of POLL_SECONDS."""
        with self._lock:
            if time.monotonic() - self._looked_at > POLL_SECONDS / 2:
                rows = Handoff.objects.filter(pk__in=list(self._waiting)).values_list("pk", "state")
                self._states, self._looked_at = dict(rows), time.monotonic()
            return self._states.get(pk, before)

    def _leave(self, pk: Hashable) -> None:
        with self._lock:
            self._waiting[pk] -= 1
            if not self._waiting[pk]:
                del self._waiting[pk]


_watch = _Watch()
