"""Carries the outbox to receivers: leases rows, posts outside any transaction, writes down what came back."""

import logging
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from handoffs.actions import audit, reminders, transport
from handoffs.actions.context import locked
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import CLOCK, Delivery, DeliveryTry, Endpoint, Handoff, Recovery
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.deliveries import Exchange, Judgement, JudgementKind, judge

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=40)
BATCH_ROWS = 16
MAX_BATCHES = 200
"""A drain ends at the latest after this many batches; the next ring or sweep goes on."""


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A delivery that this worker owns until its lease ends, with all that posting it takes."""

    delivery_id: uuid.UUID
    handoff_id: uuid.UUID
    token: uuid.UUID
    url: str
    webhook_id: str
    body: bytes
    secrets: tuple[str, ...]
    attempts_made: int


def drain(*, clock: Callable[[], datetime]) -> int:
    """Deliver what is due until nothing is; `clock` tells the time anew for each batch. Returns tries made."""
    tried = 0
    for _ in range(MAX_BATCHES):
        leased = lease(now=clock())
        if not leased:
            break
        tried += len(leased)
        with ThreadPoolExecutor(max_workers=BATCH_ROWS) as pool:
            for message, exchange in zip(leased, pool.map(lambda one: _post(one, clock()), leased), strict=True):
                finish(message, exchange, now=clock())
    return tried


@transaction.atomic(durable=True)
def lease(*, now: datetime, limit: int = BATCH_ROWS) -> list[Leased]:
    """Take due deliveries for LEASE; one to the same address and handoff waits for those before it."""
    earlier = Delivery.objects.filter(
        handoff=OuterRef("handoff"), url=OuterRef("url"), sequence__lt=OuterRef("sequence"), state=DeliveryState.QUEUED
    )
    due = (
        Delivery.objects.due(now)
        .filter(~Exists(earlier))
        .select_related("endpoint", "handoff__workflow")
        .order_by("next_attempt_at")
        .select_for_update(of=("self",), skip_locked=True)[:limit]
    )
    token = uuid.uuid4()
    leased = [_leased(delivery, token) for delivery in due]
    Delivery.objects.filter(pk__in=[one.delivery_id for one in leased]).update(
        lease_token=token, next_attempt_at=now + LEASE
    )
    return leased


@transaction.atomic(durable=True)
def finish(leased: Leased, exchange: Exchange, *, now: datetime) -> None:
    """Write down a try, unless the lease ran out and somebody else took the delivery over."""
    locked(Handoff(pk=leased.handoff_id))  # before its recoveries, as receipts do: the two often come together
    mine = Delivery.objects.select_for_update().filter(
        pk=leased.delivery_id, lease_token=leased.token, state=DeliveryState.QUEUED
    )
    delivery = mine.first()
    if delivery is None:
        return
    delivery.attempts_made += 1
    delivery.lease_token = None
    _keep_try(delivery, exchange, now)
    verdict = judge(exchange, attempts_made=delivery.attempts_made, delivery_id=str(delivery.pk), now=now)
    _FOLLOW_UPS[verdict.kind](delivery, verdict, now)
    if verdict.switch_endpoint_off and delivery.endpoint_id:
        _switch_off(delivery, verdict, now)


def _leased(delivery: Delivery, token: uuid.UUID) -> Leased:
    endpoint = delivery.endpoint
    secrets = (endpoint.secret, endpoint.previous_secret) if endpoint else (delivery.handoff.workflow.callback_secret,)
    return Leased(
        delivery_id=delivery.pk,
        handoff_id=delivery.handoff_id,
        token=token,
        url=delivery.url,
        webhook_id=delivery.webhook_id,
        body=exact_dumps(delivery.payload).encode(),
        secrets=tuple(secret for secret in secrets if secret),
        attempts_made=delivery.attempts_made,
    )


def _post(leased: Leased, now: datetime) -> Exchange:
    try:
        signatures = _signatures(leased, now)
    except (ValueError, EmptyWebhookSecretError):
        return Exchange(status=None, error="The signing secret is no base64 text after whsec_", refused=True)
    if not signatures:
        return Exchange(status=None, error="There is no signing secret, so nobody could trust it", refused=True)
    headers = {
        "content-type": "application/json",
        "webhook-id": leased.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signatures,
    }
    allow_private = settings.HANDOFFS_ALLOW_PRIVATE_WEBHOOKS
    return transport.post(leased.url, headers=headers, body=leased.body, allow_private=allow_private)


def _signatures(leased: Leased, now: datetime) -> str:
    """One `v1,…` per valid secret, so that a receiver verifies during rotation with either."""
    body = leased.body.decode()
    return " ".join(Webhook(secret).sign(leased.webhook_id, now, body) for secret in leased.secrets)


def _keep_try(delivery: Delivery, exchange: Exchange, now: datetime) -> None:
    DeliveryTry.objects.create(
        delivery=delivery,
        number=delivery.attempts_made,
        finished_at=now,
        duration_ms=exchange.duration_ms,
        status=exchange.status,
        error=exchange.error[:300],
        response_snippet=exchange.response_snippet,
    )


def _deliver(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.state, delivery.next_attempt_at, delivery.delivered_at = DeliveryState.DELIVERED, None, now
    delivery.save()
    waiting = Q(pk=delivery.recovery_id, state__in=(RecoveryState.AWAITING, RecoveryState.PARKED))
    if delivery.recovery_id and Recovery.objects.filter(waiting).update(
        state=RecoveryState.DELIVERED, delivered_at=now
    ):
        _note(delivery, Event.DECISION_DELIVERED, "", now)


def _try_again(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.next_attempt_at = verdict.next_attempt_at
    delivery.save()


def _park(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    delivery.state, delivery.next_attempt_at = DeliveryState.PARKED, None
    delivery.parked_at, delivery.parked_reason = now, verdict.reason[:300]
    delivery.save()
    if delivery.recovery_id:
        Recovery.objects.filter(pk=delivery.recovery_id, state=RecoveryState.AWAITING).update(
            state=RecoveryState.PARKED
        )
    _note(delivery, Event.DELIVERY_PARKED, verdict.reason, now)
    step = f"parked:{delivery.pk}:{delivery.attempts_made}"
    reminders.say_parked(locked(delivery.handoff), step=step, reason=verdict.reason, now=now)


_FOLLOW_UPS = {JudgementKind.DELIVERED: _deliver, JudgementKind.RETRY: _try_again, JudgementKind.PARK: _park}


def _note(delivery: Delivery, event: Event, reason: str, now: datetime) -> None:
    details = {"webhook_id": delivery.webhook_id, "type": delivery.event_type, "attempts": delivery.attempts_made}
    audit.record(locked(delivery.handoff), event, actor=CLOCK, now=now, reason=reason, details=details)


def _switch_off(delivery: Delivery, verdict: Judgement, now: datetime) -> None:
    assert delivery.endpoint_id is not None
    endpoint = Endpoint.objects.select_for_update().get(pk=delivery.endpoint_id)
    endpoint.switched_off_at, endpoint.switched_off_reason = now, verdict.reason[:300]
    endpoint.save()
    logger.warning("endpoint_switched_off", extra={"endpoint": str(endpoint.pk), "reason": verdict.reason})
