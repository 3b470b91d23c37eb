"""The file of a case as one archive."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from handoffs import access
from handoffs.actions import case_files
from handoffs.api.documents import AnyType
from handoffs.api.endpoint import Endpoint, caller
from handoffs.api.openapi import operation


class CaseFile(Endpoint):
    """`/handoffs/{id}/case-file/`: fields, documents, decisions, deliveries, receipts and the trail, with digests."""

    content_negotiation_class = AnyType

    @operation(
        "getCaseFile",
        "Take the file of a case",
        answers={},
        refuses=(403, 404),
        binary=True,
        description="A ZIP that `manage.py verify_case_file` checks without the desk. Taking it is part of the trail.",
    )
    def get(self, request: Request, handoff_id: str) -> StreamingHttpResponse:
        handoff = access.handoff_for(caller(request), handoff_id)
        found = case_files.take(handoff, reader=caller(request), now=self.now)
        response = StreamingHttpResponse(found.archive(), content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="{found.name}"'
        response["Cache-Control"] = "no-store, private"
        return response
