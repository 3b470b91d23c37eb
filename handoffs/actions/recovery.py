"""The outbox: what automations are told about a handoff, written in the transaction in which it happens."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from handoffs.actions import doorbell
from handoffs.choices import DEFAULT_WEBHOOK_TYPES, DeliveryState, RecoveryState, WebhookType
from handoffs.models import Decision, Delivery, Endpoint, Handoff, Recovery, rows
from handoffs.queries import lookups, undo
from handoffs.queries.callers import callers
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import decision_json, handoff_json, package_of, remember_decision, rfc3339

SUBSCRIBED = "workflow_id = %s AND %s = ANY(event_types) ORDER BY url"


def tell(handoff: Handoff, kind: WebhookType, *, now: datetime) -> None:
    """Queue a message about `handoff` for every endpoint and caller that wants this kind; none without effect."""
    rows.insert(*messages(handoff, kind, now=now))


def messages(
    handoff: Handoff, kind: WebhookType, *, now: datetime, extra: Mapping[str, Any] | None = None
) -> list[Delivery]:
    """The same for the caller to insert, with what the handoff has changed to; a worker wakes after the commit."""
    if not handoff.has_effect:
        return []

    def message_for(recovery: Recovery | None) -> Mapping[str, Any]:
        return {**handoff_json(handoff, package=package_of(handoff)), **(extra or {})}

    return _deliveries(handoff, kind, message_for, now=now, recoveries=[])


def announcement(handoff: Handoff, decision: Decision, *, now: datetime) -> list[Recovery | Delivery]:
    """One recovery per caller of the handoff, and the decision for each of them, for the caller to insert.

    Made when the handoff bears version and row of the trail of its decision; a worker wakes after the commit.
    """
    due_at = now + timedelta(seconds=policy_of(handoff.policy_version_id).recovery.receipt_within_seconds)
    recoveries = [
        Recovery(
            handoff=handoff,
            decision=decision,
            attempt_id=caller.attempt_id,
            automation_id=caller.automation_id,
            callback_url=caller.callback_url,
            correlation_id=caller.correlation_id,
            action=decision.recovery,
            state=RecoveryState.AWAITING,
            created_at=now,
            receipt_due_at=due_at,
        )
        for caller in callers(handoff)
    ]
    steps = undo.steps_of(handoff, decision)
    decided = decision_json(decision)

    def message_for(recovery: Recovery | None) -> Mapping[str, Any]:
        shown = handoff_json(handoff, package=package_of(handoff), recoveries=recoveries)
        return {**shown, "decision": decided | ({"undo": undo.steps_for(recovery, steps)} if steps else {})}

    remember_decision(handoff, decision, recoveries)
    deliveries = _deliveries(handoff, WebhookType.RESOLVED, message_for, now=now, recoveries=recoveries)
    _park_with_their_endpoints(recoveries, deliveries)
    return [*recoveries, *deliveries]


def _deliveries(
    handoff: Handoff,
    kind: WebhookType,
    message_for: Callable[[Recovery | None], Mapping[str, Any]],
    *,
    now: datetime,
    recoveries: list[Recovery],
) -> list[Delivery]:
    """Messages to all addressees, and a ring. They bear the number of the trail's row that they tell of."""
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
    if deliveries:
        doorbell.ring_after_commit(doorbell.DELIVER)
    return deliveries


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
        waiting = [(caller.callback_url, caller.correlation_id, None) for caller in callers(handoff)]
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
