"""Holds an answer until a handoff changes its state, without holding a transaction."""

import time
import uuid
from threading import BoundedSemaphore

from handoffs.choices import FINAL_STATES
from handoffs.models import Handoff

MAX_WAIT_SECONDS = 60
POLL_SECONDS = 0.3
MAX_WAITING = 8
"""Per process, below the threads that it has, so that those who wait never keep out those who act."""

_places = BoundedSemaphore(MAX_WAITING)


def until_changed(handoff: Handoff, seconds: float) -> bool:
    """Wait for another state than the handoff has, at most `seconds`; whether it came.

    A final state is what callers wait for, so it is not waited upon; nor is there a wait when every place is taken.
    """
    if seconds <= 0 or handoff.state in FINAL_STATES or not _places.acquire(blocking=False):
        return False
    try:
        return _poll(handoff.pk, str(handoff.state), time.monotonic() + seconds)
    finally:
        _places.release()


def _poll(pk: uuid.UUID, before: str, ends_at: float) -> bool:
    while (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(POLL_SECONDS, left))
        if Handoff.objects.values_list("state", flat=True).get(pk=pk) != before:
            return True
    return False
