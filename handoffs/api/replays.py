"""Replays of stored attempts for those who manage workflows: ordered, watched, read as a report, called off."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import replays
from handoffs.actions.replays import Order
from handoffs.api.deliveries import managed, moment_of
from handoffs.api.endpoint import Endpoint, body_of, caller, tagged
from handoffs.api.openapi import PAGING, WITH_BODY, one_object, operation
from handoffs.api.pagination import Cursor
from handoffs.api.schemas.managing import COMPONENTS
from handoffs.api.validation import Shape, invalid
from handoffs.errors import Mistake, NotThere
from handoffs.models import PolicyVersion, Workflow
from handoffs.models import Replay as ReplayRow
from handoffs.queries.replay_json import replay_json, report_json

WORKFLOW = OpenApiParameter("workflow", description="Key of a workflow")


class Replays(Endpoint):
    """`/replays/`: those of the workflows that the caller manages, newest first; and ordering one."""

    parameters = ("workflow", "limit", "cursor")
    shape = Shape(COMPONENTS["ReplayOrder"])

    @operation(
        "listReplays",
        "Find replays",
        answers={200: "ReplayPage"},
        refuses=(400, 403),
        parameters=(WORKFLOW, *PAGING),
    )
    def get(self, request: Request) -> Response:
        managed(request)
        found = access.replays_for(caller(request))
        if key := request.query_params.get("workflow"):
            found = found.filter(workflow__key=key)
        page = Cursor("-created_at")
        return page.get_paginated_response([replay_json(each) for each in page.paginate_queryset(found, request)])

    @operation(
        "orderReplay",
        "Replay stored attempts through a draft or version",
        body="ReplayOrder",
        answers={201: "Replay"},
        refuses=(*WITH_BODY, 403, 404),
        description="Nothing is opened and nobody is told. It runs in the background: ask for it until it is done.",
    )
    def post(self, request: Request) -> Response:
        managed(request)
        body = body_of(request, self.shape)
        workflow = access.managed_workflows(caller(request)).filter(key=body["workflow"]).first()
        if workflow is None:
            raise NotThere(f"There is no workflow {body['workflow']!r} that you manage.")
        order = Order(
            version=_version(workflow, body["version"], "version"),
            against=_version(workflow, body["against"], "against") if body.get("against") else None,
            title=body.get("title", ""),
            stay_seconds=body.get("stay_seconds"),
            fully_rolled_out=body.get("fully_rolled_out", False),
        )
        from_at, until_at = (moment_of(body, name) for name in ("from", "until"))
        replay = replays.order_stored(order, from_at=from_at, until_at=until_at, by=caller(request), now=self.now)
        return Response(replay_json(replay), status=201)


class OneReplay(Endpoint):
    """`/replays/{id}/`: how far it has come."""

    @one_object("getReplay", "Watch a replay", "Replay", refuses=(403, 404))
    def get(self, request: Request, replay_id: str) -> Response:
        return tagged(request, replay_json(_one(request, replay_id)))


class Report(Endpoint):
    """`/replays/{id}/report/`: what it counted."""

    @one_object("getReplayReport", "Read the report of a replay", "ReplayReport", refuses=(403, 404, 409))
    def get(self, request: Request, replay_id: str) -> Response:
        return tagged(request, report_json(_one(request, replay_id)))


class Cancel(Endpoint):
    """`/replays/{id}/cancel/`: call it off."""

    @operation("cancelReplay", "Call a replay off", answers={200: "Replay"}, refuses=(400, 403, 404, 409))
    def post(self, request: Request, replay_id: str) -> Response:
        return Response(replay_json(replays.cancel(_one(request, replay_id), now=self.now)))


def _one(request: Request, replay_id: str) -> ReplayRow:
    managed(request)
    return access.replay_for(caller(request), replay_id)


def _version(workflow: Workflow, number: int, name: str) -> PolicyVersion:
    found = workflow.policy_versions.select_related("workflow").filter(number=number).first()
    if found is None:
        raise invalid([Mistake(pointer=f"/{name}", detail=f"{workflow.key} has no version {number}.")])
    return found
