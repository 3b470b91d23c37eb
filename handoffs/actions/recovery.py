"""The outbox: what automations are told about a handoff, written in the transaction in which it happens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from handoffs.actions import doorbell
from handoffs.choices import DEFAULT_WEBHOOK_TYPES, DeliveryState, RecoveryState, WebhookType
from handoffs.models import Attempt, Decision, Delivery, Endpoint, Handoff, Recovery, rows
from handoffs.queries import lookups, undo
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import decision_json, handoff_json, package_of, remember_decision, rfc3339

SUBSCRIBED = "workflow_id = %s AND %s = ANY(event_types) ORDER BY url"
CALLER_COLUMNS = ("id", "automation_id", "callback_url", "correlation_id", "received_at")
LATEST_OF_EACH_CALLER = """id IN (
    SELECT DISTINCT ON (automation_id, callback_url, correlation_id) id FROM handoffs_attempt WHERE handoff_id = %s
    ORDER BY automation_id, callback_url, correlation_id, received_at DESC
) ORDER BY automation_id, callback_url, correlation_id"""


def tell(
    handoff: Handoff,
    kind: WebhookType,
    *,
    now: datetime,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Queue a message about `handoff` for every endpoint and caller that wants this kind; none without effect."""
    if not handoff.has_effect:
        return

    def message_for(recovery: Recovery | None) -> Mapping[str, Any]:
        return {**handoff_json(handoff, package=package_of(handoff)), **(extra or {})}

    _queue(handoff, kind, message_for, now=now, recoveries=[])


def announce(handoff: Handoff, decision: Decision, *, now: datetime) -> None:
    """Create one recovery per caller of the handoff, and queue the decision for each of them."""
    due_at = now + timedelta(seconds=policy_of(handoff.policy_version_id).recovery.receipt_within_seconds)
    recoveries = [
        Recovery(
            handoff=handoff,
            decision=decision,
            attempt=attempt,
            automation_id=attempt.automation_id,
            callback_url=attempt.callback_url,
            correlation_id=attempt.correlation_id,
            action=decision.recovery,
            state=RecoveryState.AWAITING,
            created_at=now,
            receipt_due_at=due_at,
        )
        for attempt in callers(handoff)
    ]
    steps = undo.steps_of(handoff, decision)
    decided = decision_json(decision)

    def message_for(recovery: Recovery | None) -> Mapping[str, Any]:
        shown = handoff_json(handoff, package=package_of(handoff), recoveries=recoveries)
        return {**shown, "decision": decided | ({"undo": undo.steps_for(recovery, steps)} if steps else {})}

    remember_decision(handoff, decision, recoveries)
    _queue(handoff, WebhookType.RESOLVED, message_for, now=now, recoveries=recoveries)


def callers(handoff: Handoff) -> list[Attempt]:
    """The latest attempt of each caller: automation, callback URL and correlation id, as given on its attempts."""
    return rows.select(Attempt, LATEST_OF_EACH_CALLER, [handoff.pk], columns=CALLER_COLUMNS)


def _queue(
    handoff: Handoff,
    kind: WebhookType,
    message_for: Callable[[Recovery | None], Mapping[str, Any]],
    *,
    now: datetime,
    recoveries: list[Recovery],
) -> None:
    """Write recoveries and deliveries, and ring. Messages bear the number of the trail's row that they tell of."""
    endpoints = _endpoints(handoff, kind)
    deliveries = [
        Delivery(
            handoff=handoff,
            recovery=recovery,
            endpoint=endpoint,
            url=url,
            correlation_id=correlation_id,
            event_type=kind,
            sequence=handoff.audit_sequence,
            payload=_payload(kind, message_for(recovery), correlation_id, handoff, now),
            created_at=now,
            **_waiting(endpoint, now),
        )
        for url, endpoint, recovery, correlation_id in _addressees(handoff, kind, endpoints, recoveries)
    ]
    _park_with_their_endpoints(recoveries, deliveries)
    rows.insert(*recoveries, *deliveries)
    if deliveries:
        doorbell.ring_after_commit(doorbell.DELIVER)


def _endpoints(handoff: Handoff, kind: WebhookType) -> list[Endpoint]:
    if handoff.heard is not None and kind not in handoff.heard:
        return []
    wanted = [handoff.workflow_id, kind.value]
    return lookups.once(("endpoints", *wanted), lambda: rows.select(Endpoint, SUBSCRIBED, wanted))


def _waiting(endpoint: Endpoint | None, now: datetime) -> dict[str, Any]:
    """Due at once; what an endpoint misses while it is off is kept for when it is on again."""
    if endpoint is None or endpoint.switched_off_at is None:
        return {"next_attempt_at": now}
    return {"state": DeliveryState.PARKED, "parked_at": now, "parked_reason": "The endpoint is switched off"}


def _park_with_their_endpoints(recoveries: list[Recovery], deliveries: list[Delivery]) -> None:
    """A decision of which every message is parked is parked, too."""
    sent = {one.recovery_id for one in deliveries if one.state != DeliveryState.PARKED}
    parked = {one.recovery_id for one in deliveries if one.recovery_id not in sent}
    for recovery in recoveries:
        if recovery.pk in parked:
            recovery.state = RecoveryState.PARKED


def _addressees(
    handoff: Handoff, kind: WebhookType, endpoints: list[Endpoint], recoveries: list[Recovery]
) -> list[tuple[str, Endpoint | None, Recovery | None, str]]:
    """(url, endpoint, recovery, correlation_id): each run that waits at an address is told there by its own id.

    Endpoints also speak to the runs that gave no callback; where all gave one, those of other addresses just hear of
    it. The same run at the same address is told once.
    """
    waiting: list[Any] = [(r.callback_url, r.correlation_id, r) for r in recoveries]
    if kind is not WebhookType.RESOLVED and kind in DEFAULT_WEBHOOK_TYPES:
        waiting = [(a.callback_url, a.correlation_id, None) for a in callers(handoff)]
    found: list[Any] = [(url, None, recovery, word) for url, word, recovery in waiting if url]
    silent = [(recovery, word) for url, word, recovery in waiting if not url]
    called = {url for url, *_ in found}
    for endpoint in endpoints:
        hears = silent or ([(None, "")] if endpoint.url not in called else [])
        found += [(endpoint.url, endpoint, recovery, word) for recovery, word in hears]
    by_address = {
        (url, recovery and recovery.pk, word): one for one in reversed(found) for url, _, recovery, word in [one]
    }
    return list(reversed(by_address.values()))


def _payload(
    kind: WebhookType, message: Mapping[str, Any], correlation_id: str, handoff: Handoff, now: datetime
) -> dict[str, Any]:
    return {
        "type": kind.value,
        "timestamp": rfc3339(now),
        "data": {**message, "correlation_id": correlation_id or None, "sequence": handoff.audit_sequence},
    }
