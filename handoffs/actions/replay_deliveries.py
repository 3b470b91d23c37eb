"""Sends again what could not be delivered: one message, or many; each with a row on its handoff's trail."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from handoffs.actions import audit, doorbell
from handoffs.actions.context import locked
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import CLOCK, Actor, Delivery, Recovery


@transaction.atomic(durable=True)
def replay(delivery: Delivery, *, by: User | None, now: datetime) -> bool:
    """Queue a delivery again, with the same message id and a schedule from the start; False where it is on its way.

    `by` is None where the desk itself does it. A message to an endpoint that is off is left where it is.
    """
    handoff = locked(delivery.handoff)
    delivery = Delivery.objects.select_for_update(of=("self",)).select_related("endpoint").get(pk=delivery.pk)
    is_off = delivery.endpoint is not None and delivery.endpoint.switched_off_at is not None
    if is_off or delivery.lease_token is not None:
        return False
    delivery.state, delivery.next_attempt_at = DeliveryState.QUEUED, now
    delivery.attempts_before_replay = delivery.attempts_made
    delivery.parked_at, delivery.parked_reason = None, ""
    delivery.save()
    if delivery.recovery_id:
        parked = Recovery.objects.filter(pk=delivery.recovery_id, state=RecoveryState.PARKED)
        parked.update(state=RecoveryState.AWAITING)
    details = {"webhook_id": delivery.webhook_id, "type": delivery.event_type}
    audit.record(handoff, Event.DELIVERY_REPLAYED, actor=Actor.of(by) if by else CLOCK, now=now, details=details)
    doorbell.ring_after_commit(doorbell.DELIVER)
    return True


def replay_many(deliveries: Iterable[Delivery], *, by: User, now: datetime) -> int:
    """The same for each of them, in a transaction of its own; returns how many are on their way again."""
    return sum(replay(delivery, by=by, now=now) for delivery in deliveries)
