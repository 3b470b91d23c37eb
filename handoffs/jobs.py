"""The queue's door and the sweep's: reads the clock, calls actions; every job may run twice or not at all."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from handoffs.actions import context, delivery, doorbell, escalation, receipts
from handoffs.models import Delivery, SweepHeartbeat

logger = logging.getLogger(__name__)


def deliver() -> int:
    """Drain the outbox; returns tries made."""
    doorbell.answered(doorbell.DELIVER)
    return delivery.drain(clock=timezone.now)


def sweep() -> dict[str, int]:
    """One pass over everything that is due in the database; returns what was done, by kind.

    One row that raises is pushed back and reported, the others go on.
    """
    now = timezone.now()
    done = {
        "steps": _each(escalation.due_ids(now=now), _fire_step),
        "overdue_receipts": receipts.note_overdue(now=now),
        "expired_documents": context.drop_expired(now=now),
        "deliveries_rung": _ring_for_deliveries(now),
    }
    SweepHeartbeat.objects.update_or_create(pk=1, defaults={"swept_at": timezone.now()})
    return done


def _each(ids: list[Any], act: Callable[[Any, datetime], Any]) -> int:
    return sum(bool(act(one, timezone.now())) for one in ids)


def _fire_step(handoff_id: Any, now: datetime) -> bool:
    try:
        return escalation.fire(handoff_id, now=now) is not None
    except Exception:
        logger.exception("step_failed", extra={"handoff": str(handoff_id)})
        escalation.push_back(handoff_id, until=now + timedelta(seconds=escalation.PUSH_BACK_SECONDS))
        return False


def _ring_for_deliveries(now: datetime) -> bool:
    """Wake a worker for what is due: retries, and what a dead worker or a lost ring left behind."""
    if not Delivery.objects.due(now).exists():
        return False
    return doorbell.ring(doorbell.DELIVER) or bool(delivery.drain(clock=timezone.now))
