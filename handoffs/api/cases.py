"""Automations report attempts on cases, alone or in a batch, and look at what they reported."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import batches, intake
from handoffs.actions.reports import Answer, AttemptReport
from handoffs.api import examples, problems
from handoffs.api.endpoint import Endpoint, body_of, caller, tagged
from handoffs.api.openapi import PAGING, one_object, operation
from handoffs.api.pagination import Cursor
from handoffs.api.renderers import SortedJSONRenderer
from handoffs.api.reports import item_of, key_of, report_of
from handoffs.api.schemas.attempts import BATCH, KEY_PATTERN
from handoffs.api.validation import Shape
from handoffs.errors import DeskError
from handoffs.queries import attempts

MAX_BATCH_BYTES = 4 * 1024 * 1024
BATCH_SHAPE = Shape(BATCH)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": KEY_PATTERN},
    OpenApiParameter.HEADER,
    description="The same key and body are answered as the first time; the same key with another body is refused",
)
CASE_FILTERS = (
    OpenApiParameter("workflow", OpenApiTypes.STR, description="Key of a workflow"),
    OpenApiParameter("reference", OpenApiTypes.STR, description="The automation's own name of the case"),
)


class Cases(Endpoint):
    """`/cases/`: the list, and where attempts come in."""

    parameters = ("workflow", "reference", "limit", "cursor")

    def get_renderers(self) -> list[BaseRenderer]:
        return [SortedJSONRenderer()] if self.request.method == "POST" else super().get_renderers()

    @operation(
        "reportAttempt",
        "Report an attempt on a case",
        body="AttemptReport",
        answers={201: "AttemptAnswer", 200: "AttemptAnswer"},
        refuses=(404, 409, 422),
        parameters=(IDEMPOTENCY_KEY,),
        examples=examples.ATTEMPT,
        description="What to do now: proceed, retry later, or leave the case to a person (201 if just now).",
    )
    def post(self, request: Request) -> Response:
        report = report_of(_body(request), key=key_of(request), now=self.now)
        answer = intake.receive(report, automation=caller(request), now=self.now)
        return Response(answer.body, status=answer.status)

    @operation(
        "listCases", "Find cases", answers={200: "CasePage"}, refuses=(400,), parameters=(*CASE_FILTERS, *PAGING)
    )
    def get(self, request: Request) -> Response:
        given = {name: request.query_params[name] for name in ("workflow", "reference") if name in request.query_params}
        cases = access.cases_for(caller(request)).filter(**_lookups(given))
        page = Cursor()
        rows = page.paginate_queryset(cases, request)
        visible = access.handoffs_for(caller(request))
        return page.get_paginated_response(attempts.cases_json(rows, visible=visible))


class Batch(Endpoint):
    """`/cases/batch/`: many attempts at once, each judged by itself."""

    max_body_bytes = MAX_BATCH_BYTES
    renderer_classes = (SortedJSONRenderer,)

    @operation(
        "reportAttempts",
        "Report up to 500 attempts",
        body="Batch",
        answers={200: "BatchAnswer"},
        examples=examples.BATCH,
        description="One result each, in order: what the attempt alone would have been answered, or its problem.",
    )
    def post(self, request: Request) -> Response:
        items = [self._read(item) for item in body_of(request, BATCH_SHAPE)["attempts"]]
        reports = [item for item in items if isinstance(item, AttemptReport)]
        told = iter(batches.receive_many(reports, automation=caller(request), now=self.now))
        results = (next(told) if isinstance(item, AttemptReport) else item for item in items)
        return Response({"results": [_result(one) for one in results]})

    def _read(self, item: Any) -> AttemptReport | DeskError:
        try:
            return item_of(item, now=self.now)
        except DeskError as mistake:
            return mistake


class OneCase(Endpoint):
    """`/cases/{workflow}/{reference}/`: a case, its attempts and its handoffs."""

    @one_object("getCase", "Look at a case, its attempts and handoffs", "CaseDetail", refuses=(404,))
    def get(self, request: Request, workflow: str, reference: str) -> Response:
        user = caller(request)
        case = access.case_for(user, workflow, reference)
        visible = access.handoffs_for(user)
        return tagged(request, attempts.case_json(case, visible=visible, with_data=user.is_automation))


def _result(one: Answer | DeskError) -> dict[str, Any]:
    if isinstance(one, DeskError):
        problem = problems.of(one)
        return {"status": problem["status"], "answer": None, "problem": problem}
    return {"status": one.status, "answer": one.body, "problem": None}


def _body(request: Request) -> dict[str, Any]:
    return dict(request.data)


def _lookups(given: dict[str, str]) -> dict[str, str]:
    names = {"workflow": "workflow__key", "reference": "reference"}
    return {names[name]: value for name, value in given.items()}
