"""Wakes a worker after a commit. A lost ring costs seconds, never work: the sweep finds what is due by itself."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

from handoffs.models import gathering

logger = logging.getLogger(__name__)

DELIVER = "handoffs.jobs.deliver"
NOTIFY = "handoffs.jobs.notify_beside"
REPLAY = "handoffs.jobs.replay"

IMPORT = "handoffs.jobs.import_history"
COALESCE_SECONDS = 5
SILENT_SECONDS = 5.0

_silent_until = 0.0
_held: ContextVar[set[str] | None] = ContextVar("held", default=None)


def ring_after_commit(job: str) -> None:
    """Once this transaction is committed, wake a worker for `job` (a dotted name); once for all that is gathered."""
    held = _held.get()
    if held is None:
        gathering.together(f"ring {job}", job, _ring_after_commit)
    else:
        held.add(job)


@contextmanager
def held() -> Iterator[None]:
    """Hold the rings of this block back to its end, for who writes without a transaction; after an exception none."""
    jobs: set[str] = set()
    token = _held.set(jobs)
    try:
        yield
    finally:
        _held.reset(token)
    for job in sorted(jobs):
        _ring_after_commit([job])


def _ring_after_commit(jobs: Sequence[str]) -> None:
    transaction.on_commit(partial(ring, jobs[0]), robust=True)


def ring(job: str) -> bool:
    """Enqueue `job` unless a ring for it is still unanswered. False when the queue is out of reach.

    After a failure nobody tries again for SILENT_SECONDS, so a frozen queue delays one request in that time, not all.
    """
    global _silent_until
    if time.monotonic() < _silent_until:
        return False
    try:
        queue = django_rq.get_queue("default")
        if queue.connection.set(_key(job), "1", nx=True, ex=COALESCE_SECONDS):
            queue.enqueue(job)
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENT_SECONDS
        logger.warning("doorbell_unreachable", extra={"job": job, "error": str(error)})
        return False
    return True


def answered(job: str) -> None:
    """The job begins: whatever is committed from now on needs a ring of its own."""
    try:
        django_rq.get_queue("default").connection.delete(_key(job))
    except (RedisError, OSError) as error:
        logger.warning("doorbell_unreachable", extra={"job": job, "error": str(error)})


def _key(job: str) -> str:
    return f"handoffs:ring:{job}"
