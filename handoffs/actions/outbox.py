"""Who carries which message now: leases due rows fairly among hosts, and signs what is sent; sending is not here."""

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from handoffs.actions import transport
from handoffs.models.recovery import webhook_id_of
from handoffs.rules.deliveries import Exchange

LEASE = timedelta(seconds=40)
BATCH_ROWS = 128
PER_HOST = 8
"""How many messages one worker has on their way to one host at the same time."""
MOST_PER_HOST = 96
"""How many messages to one host one worker leases at most."""
SWITCHED_OFF = "The endpoint is switched off"
# Walks from host to host over the index, so a hundred thousand messages to a dead host cost no more than one; of each
# host it takes the first few whose predecessors, to the same address about the same handoff, are through.
_DUE_BY_HOST = """
WITH RECURSIVE hosts(host) AS (
    (SELECT host FROM handoffs_delivery WHERE state = 'queued' ORDER BY host LIMIT 1)
    UNION ALL
    SELECT (
        SELECT another.host FROM handoffs_delivery another
        WHERE another.state = 'queued' AND another.host > hosts.host ORDER BY another.host LIMIT 1
    ) FROM hosts WHERE hosts.host IS NOT NULL
)
SELECT due.id, hosts.host FROM hosts CROSS JOIN LATERAL (
    SELECT one.id, one.next_attempt_at FROM handoffs_delivery one
    WHERE one.state = 'queued' AND one.host = hosts.host AND one.next_attempt_at <= %(now)s
      AND NOT EXISTS (
        SELECT 1 FROM handoffs_delivery before
        WHERE before.handoff_id = one.handoff_id AND before.url = one.url
          AND before.sequence < one.sequence AND before.state = 'queued'
      )
    ORDER BY one.next_attempt_at LIMIT %(per_host)s
    FOR UPDATE OF one SKIP LOCKED
) due
WHERE hosts.host IS NOT NULL AND hosts.host <> ALL(%(full)s)
ORDER BY due.next_attempt_at LIMIT %(limit)s
"""

# All that posting takes, and no more: handoffs are wide. The payload goes out as the database spells it.
_LEASE = """
WITH taken AS (
    UPDATE handoffs_delivery SET lease_token = %s, next_attempt_at = %s WHERE id = ANY(%s)
    RETURNING id, handoff_id, endpoint_id, url, host, payload
)
SELECT taken.id, taken.handoff_id, taken.endpoint_id, taken.url, taken.host, taken.payload::text,
    CASE WHEN endpoint.id IS NULL THEN ARRAY[workflow.callback_secret]
         ELSE ARRAY[endpoint.secret, endpoint.previous_secret] END,
    endpoint.switched_off_at IS NOT NULL
FROM taken JOIN handoffs_handoff AS handoff ON handoff.id = taken.handoff_id
JOIN handoffs_workflow AS workflow ON workflow.id = handoff.workflow_id
LEFT JOIN handoffs_endpoint AS endpoint ON endpoint.id = taken.endpoint_id
"""

Room = Callable[[str], int]


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A delivery that this worker owns until its lease ends, with all that posting it takes."""

    delivery_id: uuid.UUID
    handoff_id: uuid.UUID
    endpoint_id: uuid.UUID | None
    token: uuid.UUID
    url: str
    host: str
    webhook_id: str
    body: bytes
    secrets: tuple[str, ...]
    is_switched_off: bool


@transaction.atomic(durable=True)
def lease(
    *, now: datetime, limit: int = BATCH_ROWS, room: Room = lambda host: PER_HOST, full: Collection[str] = ()
) -> list[Leased]:
    """Take due deliveries for LEASE; one to the same address and handoff waits for those before it.

    `room` is how many more a host may have on their way now; hosts in `full` are not looked at.
    """
    ids = _due_ids(now, limit, room, full)
    if not ids:
        return []
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_LEASE, [token, now + LEASE, ids])
        return [_leased(token, *found) for found in cursor.fetchall()]


def post(leased: Leased, now: datetime) -> Exchange:
    """Send it once, signed with every valid secret; never raises."""
    if leased.is_switched_off:
        return Exchange(status=None, error=SWITCHED_OFF, refused=True)
    return send(leased.url, body=leased.body, webhook_id=leased.webhook_id, secrets=leased.secrets, now=now)


def send(url: str, *, body: bytes, webhook_id: str, secrets: tuple[str, ...], now: datetime) -> Exchange:
    """POST a signed webhook and report what came back; what cannot be signed is refused, as nobody could trust it."""
    try:
        signatures = " ".join(_signer(secret).sign(webhook_id, now, body.decode()) for secret in secrets)
    except (ValueError, EmptyWebhookSecretError):
        return Exchange(status=None, error="The signing secret is no base64 text after whsec_", refused=True)
    if not signatures:
        return Exchange(status=None, error="There is no signing secret, so nobody could trust it", refused=True)
    headers = headers_of(webhook_id, now) | {"webhook-signature": signatures}
    return transport.post(url, headers=headers, body=body, allow_private=settings.HANDOFFS_ALLOW_PRIVATE_WEBHOOKS)


@lru_cache(maxsize=256)
def _signer(secret: str) -> Webhook:
    """Made once per secret. Raises ValueError or EmptyWebhookSecretError for what is none."""
    return Webhook(secret)


def headers_of(webhook_id: str, now: datetime) -> dict[str, str]:
    """The headers of a webhook beside its signature."""
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }


def _due_ids(now: datetime, limit: int, room: Room, full: Collection[str]) -> list[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_DUE_BY_HOST, {"now": now, "per_host": MOST_PER_HOST, "full": list(full), "limit": limit})
        found = cursor.fetchall()
    taken: dict[str, list[uuid.UUID]] = {}
    for delivery_id, host in found:
        if len(taken.setdefault(host, [])) < room(host):
            taken[host].append(delivery_id)
    return [delivery_id for ids in taken.values() for delivery_id in ids]


def _leased(token: uuid.UUID, delivery_id: uuid.UUID, *found: Any) -> Leased:
    handoff_id, endpoint_id, url, host, payload, secrets, is_switched_off = found
    return Leased(
        delivery_id=delivery_id,
        handoff_id=handoff_id,
        endpoint_id=endpoint_id,
        token=token,
        url=url,
        host=host,
        webhook_id=webhook_id_of(delivery_id),
        body=payload.encode(),
        secrets=tuple(secret for secret in secrets if secret),
        is_switched_off=is_switched_off,
    )
