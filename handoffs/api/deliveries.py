"""Messages to automations for those who manage workflows: to look at, and to send again one by one or by range."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import replay_deliveries
from handoffs.api.endpoint import Endpoint, body_of, caller, tagged
from handoffs.api.openapi import PAGING, WITH_BODY, one_object, operation
from handoffs.api.pagination import Cursor
from handoffs.api.schemas.managing import COMPONENTS, DELIVERY_FILTERS
from handoffs.api.schemas.parts import request as sent
from handoffs.api.validation import Shape, invalid
from handoffs.errors import Mistake, NotAllowed, NotPossibleNow, NotThere
from handoffs.models import Delivery, Workflow
from handoffs.queries import deliveries
from handoffs.queries.deliveries import Wanted
from handoffs.queries.delivery_json import delivery_detail_json, delivery_json

FILTERS = tuple(
    OpenApiParameter(
        name,
        {key: value for key, value in schema.items() if key not in ("description", "errorMessage")},
        description=schema["description"],
    )
    for name, schema in DELIVERY_FILTERS.items()
)
ASKED = Shape(sent(DELIVERY_FILTERS))


class NotSentAgain(NotPossibleNow):
    """The message is on its way this moment, or its endpoint is switched off."""

    code = "not_sent_again"


class Deliveries(Endpoint):
    """`/deliveries/`: newest first."""

    parameters = (*DELIVERY_FILTERS, "limit", "cursor")

    @operation(
        "listDeliveries",
        "Find messages to automations",
        answers={200: "DeliveryPage"},
        refuses=(400, 403),
        parameters=(*FILTERS, *PAGING),
        description="Over the workflows that you manage.",
    )
    def get(self, request: Request) -> Response:
        asked = {name: request.query_params[name] for name in DELIVERY_FILTERS if name in request.query_params}
        if mistakes := ASKED.mistakes(asked):
            raise invalid([Mistake(pointer=f"?{each.pointer[1:]}", detail=each.detail) for each in mistakes])
        found = deliveries.matching(managed(request), _wanted(asked, "?"))
        page = Cursor("-created_at")
        light = found.select_related("handoff__workflow", "handoff__case").defer("payload")
        return page.get_paginated_response([delivery_json(each) for each in page.paginate_queryset(light, request)])


class OneDelivery(Endpoint):
    """`/deliveries/{id}/`: what was sent, and what each try was answered."""

    @one_object("getDelivery", "Look at a message and its tries", "DeliveryDetail", refuses=(403, 404))
    def get(self, request: Request, delivery_id: str) -> Response:
        return tagged(request, delivery_detail_json(_one(request, delivery_id)))


class Replay(Endpoint):
    """`/deliveries/{id}/replay/`: send one again, whatever became of it."""

    @operation("replayDelivery", "Send a message again", answers={200: "Delivery"}, refuses=(400, 403, 404, 409))
    def post(self, request: Request, delivery_id: str) -> Response:
        delivery = _one(request, delivery_id)
        if not replay_deliveries.replay(delivery, by=caller(request), now=self.now):
            raise NotSentAgain("It is on its way this moment, or its endpoint is switched off.")
        return Response(delivery_json(_one(request, delivery_id)))


class ReplayRange(Endpoint):
    """`/deliveries/replay/`: send again what is parked, the oldest first."""

    shape = Shape(COMPONENTS["DeliveryRange"])

    @operation(
        "replayDeliveries",
        "Send parked messages again",
        body="DeliveryRange",
        answers={200: "DeliveriesReplayed"},
        refuses=(*WITH_BODY, 403),
        description=f"Of the workflows that you manage; at most {replay_deliveries.MAX_AT_ONCE} in one call.",
    )
    def post(self, request: Request) -> Response:
        found = deliveries.matching(managed(request), _wanted(body_of(request, self.shape), "/"))
        sent = replay_deliveries.replay_parked(found, by=caller(request), now=self.now)
        return Response({"sent": sent.sent_count, "left": sent.left_count, "has_more": sent.has_more})


def managed(request: Request) -> QuerySet[Workflow]:
    """The workflows that the caller manages. Raises NotAllowed for who can manage none."""
    if not access.is_manager(caller(request)):
        raise NotAllowed("Only those who manage workflows may do this.")
    return access.managed_workflows(caller(request))


def _one(request: Request, delivery_id: str) -> Delivery:
    workflows = managed(request)
    try:
        return deliveries.delivery_of(workflows, uuid.UUID(delivery_id))
    except ValueError as error:
        raise NotThere(f"{delivery_id!r} is no identifier.") from error


def _wanted(asked: Mapping[str, Any], at: str) -> Wanted:
    return Wanted(
        state=asked.get("state", ""),
        workflow=asked.get("workflow", ""),
        event_type=asked.get("type", ""),
        endpoint=uuid.UUID(asked["endpoint"]) if "endpoint" in asked else None,
        search=asked.get("search", "").strip(),
        since=moment_of(asked, "created_after", at),
        until=moment_of(asked, "created_before", at),
    )


def moment_of(asked: Mapping[str, Any], name: str, at: str = "/") -> datetime | None:
    """The time called `name`, in UTC. Raises Invalid for one that no calendar has."""
    text = asked.get(name)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError) as error:
        raise invalid([Mistake(pointer=f"{at}{name}", detail="There is no such time.")]) from error
