"""What is done to endpoints: made, tried out, switched off and on again, and given a new secret."""

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs.actions import doorbell, outbox, reminders, replay_deliveries
from handoffs.actions.context import locked
from handoffs.choices import DeliveryState
from handoffs.errors import Invalid, NotPossibleNow
from handoffs.models import Delivery, Endpoint, Handoff
from handoffs.models.fields import new_id
from handoffs.models.workflow import new_webhook_secret
from handoffs.queries.representation import rfc3339
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.deliveries import Exchange

logger = logging.getLogger(__name__)

FAILS_FOR = timedelta(days=5)
"""An endpoint whose every try failed for so long is switched off: longer than the retries of one message."""
CATCH_UP_ROWS = 200
CATCH_UP_AT_LEAST = timedelta(minutes=2)
"""Who was writing a message while the endpoint was switched on saw it off; so long is looked for such messages."""
TEST_TYPE = "endpoint.test"


class NotSwitchedOff(NotPossibleNow):
    """The endpoint is on already."""

    code = "endpoint_is_on"


class NotRotating(NotPossibleNow):
    """Only one secret signs."""

    code = "not_rotating"


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What a test delivery sent, its signature left out, and what came back."""

    url: str
    headers: dict[str, str]
    body: str
    exchange: Exchange

    @property
    def went_well(self) -> bool:
        """Whether the endpoint answered with success."""
        return self.exchange.status is not None and 200 <= self.exchange.status < 300


def note_try(ids: Collection[uuid.UUID], *, went_well: bool, now: datetime) -> None:
    """Remember since when every try to these endpoints failed; writes only where that changes."""
    if not ids:
        return
    found = Endpoint.objects.filter(pk__in=set(ids))
    if went_well:
        found.filter(failing_since__isnull=False).update(failing_since=None)
    else:
        found.filter(failing_since=None).update(failing_since=now)


def give_up(endpoint_id: uuid.UUID, *, about: Handoff, reason: str, now: datetime) -> bool:
    """Switch an endpoint off because of what it answers, and tell the managers; inside the caller's transaction."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint_id)
    if endpoint.switched_off_at is not None:
        return False
    _switch_off(endpoint, by=None, reason=reason, now=now)
    step = f"endpoint_off:{endpoint.pk.hex}"
    reminders.say_endpoint_off(about, step=step, url=endpoint.url, reason=reason, now=now)
    logger.warning("endpoint_switched_off", extra={"endpoint": str(endpoint.pk), "reason": reason})
    return True


def failing(now: datetime) -> QuerySet[Endpoint]:
    """What is on although it has failed for FAILS_FOR."""
    return Endpoint.objects.filter(switched_off_at=None, failing_since__lte=now - FAILS_FOR)


def give_up_on_failing(*, now: datetime) -> int:
    """Switch off what has failed for FAILS_FOR; returns how many that were."""
    return sum(_give_up_on(endpoint_id, now) for endpoint_id in failing(now).values_list("pk", flat=True))


@transaction.atomic(durable=True)
def switch_off(endpoint: Endpoint, *, by: User, reason: str, now: datetime) -> None:
    """Send nothing there until it is switched on again; what it misses is kept. Twice is once."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if endpoint.switched_off_at is None:
        _switch_off(endpoint, by=by, reason=reason.strip() or f"Switched off by {by.display_name}", now=now)


@transaction.atomic(durable=True)
def switch_on(endpoint: Endpoint, *, by: User, now: datetime) -> None:
    """Send there again, beginning with everything that it missed. Raises NotSwitchedOff."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if endpoint.switched_off_at is None:
        raise NotSwitchedOff("This endpoint is on already.")
    endpoint.switched_off_at, endpoint.switched_off_reason = None, ""
    endpoint.failing_since, endpoint.catching_up_since = None, now
    _save(endpoint, by=by, words="Switched on")


def catching_up() -> QuerySet[Endpoint]:
    """What is on again, and has not been sent yet all that it missed."""
    return Endpoint.objects.filter(catching_up_since__isnull=False, switched_off_at=None)


def catch_up(*, now: datetime) -> int:
    """Send endpoints that are on again what they missed, oldest first, a batch per pass; returns how many messages."""
    return sum(_catch_up(endpoint, now) for endpoint in catching_up())


@transaction.atomic(durable=True)
def rotate(endpoint: Endpoint, *, by: User, now: datetime) -> str:
    """A new secret, which is returned; the one before signs too until the rotation is ended."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    endpoint.previous_secret, endpoint.secret, endpoint.rotated_at = endpoint.secret, new_webhook_secret(), now
    _save(endpoint, by=by, words="Began to rotate the secret")
    return endpoint.secret


@transaction.atomic(durable=True)
def end_rotation(endpoint: Endpoint, *, by: User) -> None:
    """From now on only the new secret signs. Raises NotRotating."""
    endpoint = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if not endpoint.previous_secret:
        raise NotRotating("Only one secret signs for this endpoint.")
    endpoint.previous_secret, endpoint.rotated_at = "", None
    _save(endpoint, by=by, words="Ended the rotation of the secret")


def try_out(endpoint: Endpoint, *, now: datetime) -> Tested:
    """Send a signed test message, which is about no handoff, and say what came back; nothing is stored."""
    webhook_id = f"msg_{new_id().hex}"
    message = {"type": TEST_TYPE, "timestamp": rfc3339(now), "data": {"workflow": endpoint.workflow.key}}
    body = exact_dumps(message)
    secrets = tuple(secret for secret in (endpoint.secret, endpoint.previous_secret) if secret)
    exchange = outbox.send(endpoint.url, body=body.encode(), webhook_id=webhook_id, secrets=secrets, now=now)
    return Tested(url=endpoint.url, headers=outbox.headers_of(webhook_id, now), body=body, exchange=exchange)


def _switch_off(endpoint: Endpoint, *, by: User | None, reason: str, now: datetime) -> None:
    endpoint.switched_off_at, endpoint.switched_off_reason = now, reason[:300]
    endpoint.catching_up_since = None
    _save(endpoint, by=by, words=f"Switched off: {reason}")
    # what still waits is looked at now, found to lead nowhere, and parked like everything else
    waiting = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.QUEUED, lease_token=None)
    if waiting.update(next_attempt_at=now):
        doorbell.ring_after_commit(doorbell.DELIVER)


@transaction.atomic(durable=True)
def _give_up_on(endpoint_id: uuid.UUID, now: datetime) -> bool:
    latest = Delivery.objects.filter(endpoint=endpoint_id).order_by("-created_at").first()
    if latest is None:
        return False
    days = FAILS_FOR.days
    reason = f"Every try failed for {days} days"
    return give_up(endpoint_id, about=locked(latest.handoff), reason=reason, now=now)


def _catch_up(endpoint: Endpoint, now: datetime) -> int:
    missed = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.PARKED).order_by("created_at", "sequence")
    sent = sum(replay_deliveries.replay(one, by=None, now=now) for one in list(missed[:CATCH_UP_ROWS]))
    assert endpoint.catching_up_since is not None
    if not sent and now - endpoint.catching_up_since >= CATCH_UP_AT_LEAST:
        Endpoint.objects.filter(pk=endpoint.pk, catching_up_since=endpoint.catching_up_since).update(
            catching_up_since=None
        )
    return sent


def _save(endpoint: Endpoint, *, by: User | None, words: str) -> None:
    """Keep it, with who did what and why in its history; secrets are not in there."""
    kept: Any = endpoint
    kept._history_user, kept._change_reason = by, words
    endpoint.save()


def checked_reason(reason: str) -> str:
    """A reason to show; raises Invalid where it is too long."""
    if len(reason) > 200:
        raise Invalid("Keep the reason within 200 characters.")
    return reason.strip()
