"""Workflows and their live policies; managers put drafts and publish them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import policies
from handoffs.api.endpoint import Endpoint, body_of, caller, tagged
from handoffs.api.openapi import PAGING, one_object, operation
from handoffs.api.pagination import Cursor
from handoffs.api.schemas.workflows import COMPONENTS
from handoffs.api.validation import Shape
from handoffs.errors import NotAllowed
from handoffs.models import Workflow
from handoffs.queries import workflows as queries
from handoffs.rules.policy_schema import policy_schema

MAX_POLICY_BYTES = 1024 * 1024
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The quoted digest of the draft that you read; refused where somebody saved another one since",
)
PUBLISH = Shape(COMPONENTS["Publish"])


class Workflows(Endpoint):
    """`/workflows/`: those that the caller may use."""

    parameters = ("limit", "cursor")

    @operation("listWorkflows", "List your workflows", answers={200: "WorkflowPage"}, refuses=(400,), parameters=PAGING)
    def get(self, request: Request) -> Response:
        page = Cursor("key")
        rows = page.paginate_queryset(access.workflows_for(caller(request)).select_related("live_version"), request)
        return page.get_paginated_response(queries.workflows_json(rows))


class OneWorkflow(Endpoint):
    """`/workflows/{key}/`: the policy that judges attempts now."""

    @one_object("getWorkflow", "Look at a workflow and its live policy", "WorkflowDetail", refuses=(404,))
    def get(self, request: Request, key: str) -> Response:
        user = caller(request)
        workflow = access.workflow_for(user, key)
        return tagged(request, queries.workflow_json(workflow, with_draft=_manages(user, workflow)))


class Policy(Endpoint):
    """`/workflows/{key}/policy/`: where managers put a draft."""

    max_body_bytes = MAX_POLICY_BYTES

    @operation(
        "putPolicy",
        "Put a policy as the new draft",
        body="PolicyDocument",
        answers={200: "PolicyVersion"},
        refuses=(403, 404, 409),
        parameters=(IF_MATCH,),
    )
    def put(self, request: Request, key: str) -> Response:
        _managed(request, key)
        draft = policies.save_draft(
            key, dict(request.data), author=caller(request), now=self.now, replacing=_replacing(request)
        )
        return Response(queries.version_json(draft))


class Publish(Endpoint):
    """`/workflows/{key}/policy/publish/`: the draft goes live."""

    @operation(
        "publishPolicy",
        "Publish the draft",
        body="Publish",
        answers={200: "Published"},
        refuses=(403, 404, 409),
        description="Handoffs that are open keep the version they opened under.",
        parameters=(IF_MATCH,),
    )
    def post(self, request: Request, key: str) -> Response:
        _managed(request, key)
        reason = body_of(request, PUBLISH)["reason"]
        live, warnings = policies.publish(
            key, publisher=caller(request), reason=reason, now=self.now, replacing=_replacing(request)
        )
        told = [{"place": warning.place, "message": warning.message} for warning in warnings]
        return Response({"policy": queries.version_json(live), "warnings": told})


class PolicySchema(Endpoint):
    """`/workflows/policy-schema/`: the JSON Schema of policy documents."""

    @one_object("getPolicySchema", "Read the JSON Schema of policies", "PolicySchema")
    def get(self, request: Request) -> Response:
        return tagged(request, _schema())


def _replacing(request: Request) -> str | None:
    """The digest of the draft that the caller read, as the action knows it."""
    tag = request.headers.get("If-Match")
    return tag.strip('"').removeprefix("sha256:") if tag else None


def _schema() -> dict[str, Any]:
    return dict(policy_schema())


def _manages(user: Any, workflow: Workflow) -> bool:
    return access.managed_workflows(user).filter(pk=workflow.pk).exists()


def _managed(request: Request, key: str) -> Workflow:
    """The workflow, for those who may change its policy. Raises NotThere and NotAllowed."""
    workflow = access.workflow_for(caller(request), key)
    if not _manages(caller(request), workflow):
        raise NotAllowed("Only managers of the workflow may change its policy.")
    return workflow
