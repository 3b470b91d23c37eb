"""The queue's door and the sweep's: reads the clock, calls actions; every job may run twice or not at all."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from django.db import DataError, connection
from django.utils import timezone

from handoffs.actions import (
    availability,
    calendars,
    context,
    delivery,
    doorbell,
    endpoints,
    escalation,
    imports,
    letters,
    mailing,
    receipts,
    replay_runs,
    rollout,
    tallies,
)
from handoffs.models import Absence, Delivery, Handoff, Message, Notification, SweepHeartbeat
from handoffs.queries import lookups
from handoffs.queries.metrics.tallies import days_due

logger = logging.getLogger(__name__)

REPLAY_SLICE_SECONDS = 1.5
"""How long a worker leaves deliveries alone for a replay."""

IMPORT_SECONDS = 1.0
MAILERS_LIMIT = 4
_MAILERS: list[tuple[threading.Thread, float]] = []
"""Threads that carry messages outside, and since when."""
FIRING_SECONDS = 5.0
FIRING_THREADS = 2


def deliver() -> int:
    """Drain the outbox; returns tries made."""
    doorbell.answered(doorbell.DELIVER)
    return delivery.drain(clock=timezone.now)


def notify() -> int:
    """Send what people are told outside the desk; returns messages tried. Nothing in the desk waits for it."""
    doorbell.answered(doorbell.NOTIFY)
    letters.compose(now=timezone.now())
    return mailing.drain(clock=timezone.now)


def notify_beside() -> bool:
    """Have `notify` done in a thread of its own, unless one is at it; whether one was started.

    A mail server that hangs keeps deliveries, replays and imports waiting for nothing. A thread that has been at it for
    longer than a message is leased has been given up.
    """
    _MAILERS[:] = [(thread, since) for thread, since in _MAILERS if thread.is_alive()]
    at_it = any(time.monotonic() - since < mailing.LEASE.total_seconds() for _, since in _MAILERS)
    if at_it or len(_MAILERS) >= MAILERS_LIMIT:
        return False
    thread = threading.Thread(target=_notify, name="mail", daemon=True)
    _MAILERS.append((thread, time.monotonic()))
    thread.start()
    return True


def _notify() -> None:
    try:
        notify()
    except Exception:
        logger.exception("notify_failed")
    finally:
        connection.close()


def replay() -> bool:
    """Run a slice of a replay, and ring for the next one: what else is waiting comes in between."""
    doorbell.answered(doorbell.REPLAY)
    more = replay_runs.work(clock=timezone.now, seconds=REPLAY_SLICE_SECONDS)
    return more and doorbell.ring(doorbell.REPLAY)


def import_history() -> int:
    """Work on imports of past handoffs for IMPORT_SECONDS, then let others have the worker; returns parts done."""
    doorbell.answered(doorbell.IMPORT)
    until = time.monotonic() + IMPORT_SECONDS
    parts = 0
    for import_id in imports.unfinished().values_list("pk", flat=True):
        while time.monotonic() < until and _import_part(import_id):
            parts += 1
    if parts and imports.unfinished().exists():
        doorbell.ring(doorbell.IMPORT)
    return parts


def _import_part(import_id: Any) -> bool:
    try:
        return imports.go_on(import_id, now=timezone.now()) is not None
    except DataError as error:
        imports.give_up(import_id, reason=str(error), now=timezone.now())
        return False


def sweep() -> dict[str, int]:
    """One pass over everything that is due in the database; returns what was done, by kind.

    One row that raises is pushed back and reported, the others go on.
    """
    now = timezone.now()
    due = lookups.kinds_due(_DUE, now=now)
    done = {kind: act(now) if kind in due else 0 for kind, (_, act) in _ROUND.items()}
    _beat(timezone.now())
    return done


def _beat(now: datetime) -> None:
    SweepHeartbeat.objects.bulk_create(
        [SweepHeartbeat(pk=1, swept_at=now)], update_conflicts=True, unique_fields=["id"], update_fields=["swept_at"]
    )


def _fire_due(now: datetime) -> int:
    """One step of everything that is due, in batches; after FIRING_SECONDS the rest waits for the next pass."""
    due = escalation.due_ids(now=now)
    batches = [due[at : at + escalation.BATCH_ROWS] for at in range(0, len(due), escalation.BATCH_ROWS)]
    until = time.monotonic() + FIRING_SECONDS
    if len(batches) < 2:
        return _fire_batches(iter(batches), until)
    left = iter(batches)  # while the database works for one thread, another makes ready
    with ThreadPoolExecutor(max_workers=FIRING_THREADS, thread_name_prefix="fire") as pool:
        return sum(pool.map(_fire_in_a_thread, [left] * FIRING_THREADS, [until] * FIRING_THREADS))


def _fire_in_a_thread(batches: Iterator[list[Any]], until: float) -> int:
    try:
        return _fire_batches(batches, until)
    finally:
        connection.close()


def _fire_batches(batches: Iterator[list[Any]], until: float) -> int:
    return sum(_fire_batch(batch) for batch in batches if time.monotonic() < until)


def _fire_batch(handoff_ids: list[Any]) -> int:
    """A batch that one of them spoils is fired one by one."""
    try:
        return escalation.fire_many(handoff_ids, now=timezone.now())
    except Exception as error:
        logger.warning("batch_failed: %s", error, extra={"steps": len(handoff_ids)})
        return sum(_fire_step(one, timezone.now()) for one in handoff_ids)


def _apart(act: Callable[..., int], now: datetime) -> int:
    """What must not keep the clock from going on: reported where it fails, and tried again in the next pass."""
    try:
        return act(now=now)
    except Exception:
        logger.exception("sweep_part_failed", extra={"part": act.__name__})
        return 0


def _fire_step(handoff_id: Any, now: datetime) -> bool:
    try:
        return escalation.fire(handoff_id, now=now) is not None
    except Exception:
        logger.exception("step_failed", extra={"handoff": str(handoff_id)})
        escalation.push_back(handoff_id, until=now + timedelta(seconds=escalation.PUSH_BACK_SECONDS))
        return False


def _ring_for(bell: str) -> Callable[[datetime], bool]:
    """Wake a worker for what is due, and for what a dead worker or a lost ring left behind.

    The sweep itself never posts, mails or replays: what hangs must not keep the clock from going on. While nobody can
    ring, workers look for themselves.
    """
    return lambda now: doorbell.ring(bell)


_ROUND: dict[str, tuple[lookups.RowsAt, Callable[[datetime], int]]] = {
    "steps": (lambda now: Handoff.objects.step_due(now), _fire_due),
    "overdue_receipts": (receipts.overdue, lambda now: receipts.note_overdue(now=now)),
    "handed_over": (
        lambda now: Absence.objects.to_hand_over(now),
        lambda now: _apart(availability.hand_over_due, now),
    ),
    "moved": (lambda now: calendars.edited_calendars(), lambda now: _apart(calendars.move_due, now)),
    "stepped_back": (rollout.to_check, lambda now: _apart(rollout.check_limits, now)),
    "expired_documents": (context.expired, lambda now: context.drop_expired(now=now)),
    "old_messages": (mailing.old, lambda now: _apart(mailing.drop_old, now)),
    "endpoints_off": (endpoints.failing, lambda now: _apart(endpoints.give_up_on_failing, now)),
    "caught_up": (lambda now: endpoints.catching_up(), lambda now: _apart(endpoints.catch_up, now)),
    "deliveries_rung": (lambda now: Delivery.objects.due(now), _ring_for(doorbell.DELIVER)),
    "notices_rung": (lambda now: Notification.objects.due(now), _ring_for(doorbell.NOTIFY)),
    "messages_rung": (lambda now: Message.objects.due(now), _ring_for(doorbell.NOTIFY)),
    "replays_rung": (replay_runs.waiting, _ring_for(doorbell.REPLAY)),
    "days_tallied": (days_due, lambda now: _apart(tallies.keep, now)),
    "imports_rung": (lambda now: imports.unfinished(), _ring_for(doorbell.IMPORT)),
}
"""What a pass looks at, in this order: which rows are due, and what is done about them."""
_DUE = {kind: rows_at for kind, (rows_at, _) in _ROUND.items()}
