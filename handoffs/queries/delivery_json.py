"""Messages to automations as the HTTP contract shows them: without bodies in a list, one with all of its tries."""

from typing import Any

from handoffs.models import Delivery, DeliveryTry
from handoffs.queries.representation import rfc3339


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """One message; its handoff's case and workflow are read along by the caller."""
    return {
        "id": str(delivery.pk),
        "webhook_id": delivery.webhook_id,
        "type": delivery.event_type,
        "workflow": delivery.handoff.workflow.key,
        "reference": delivery.handoff.case.reference,
        "handoff": str(delivery.handoff_id),
        "endpoint": str(delivery.endpoint_id) if delivery.endpoint_id else None,
        "url": delivery.url,
        "correlation_id": delivery.correlation_id or None,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "attempts_count": delivery.attempts_made,
        "created_at": rfc3339(delivery.created_at),
        "next_attempt_at": rfc3339(delivery.next_attempt_at),
        "delivered_at": rfc3339(delivery.delivered_at),
        "parked_at": rfc3339(delivery.parked_at),
        "parked_reason": delivery.parked_reason or None,
    }


def delivery_detail_json(delivery: Delivery) -> dict[str, Any]:
    """The same with the body that was sent, and what each try was answered, the first first."""
    tries = [_try(each) for each in delivery.tries.order_by("number", "pk")]
    return delivery_json(delivery) | {"body": delivery.payload, "tries": tries}


def _try(made: DeliveryTry) -> dict[str, Any]:
    return {
        "number": made.number,
        "finished_at": rfc3339(made.finished_at),
        "duration_ms": made.duration_ms,
        "status": made.status,
        "error": made.error or None,
        "answer": made.response_snippet,
    }
