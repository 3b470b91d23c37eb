"""Sends again what could not be delivered: one message, or many; each with a row on its handoff's trail."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs.actions import audit, doorbell
from handoffs.actions.context import locked
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import CLOCK, Actor, Delivery, Recovery
from handoffs.queries import deliveries

MAX_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """How many are on their way again, how many stay parked, and whether there may be more."""

    sent_count: int
    left_count: int
    has_more: bool


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


def replay_parked(found: QuerySet[Delivery], *, by: User, now: datetime) -> Replayed:
    """The same for the parked ones of `found`, the oldest MAX_AT_ONCE, in a transaction of its own each."""
    picked = deliveries.parked(found, limit=MAX_AT_ONCE)
    sent_count = sum(replay(delivery, by=by, now=now) for delivery in picked)
    return Replayed(sent_count=sent_count, left_count=len(picked) - sent_count, has_more=len(picked) == MAX_AT_ONCE)
