"""Handoffs to look at: the list with its filters, one with a long poll, and its audit trail."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import receipts
from handoffs.api import waiting
from handoffs.api.endpoint import Endpoint, caller, tagged
from handoffs.api.openapi import PAGING, one_object, operation
from handoffs.api.pagination import Cursor
from handoffs.api.validation import invalid
from handoffs.api.waiting import MAX_WAIT_SECONDS
from handoffs.choices import Pattern, State
from handoffs.errors import Mistake
from handoffs.filters import ORDERINGS, HandoffFilter
from handoffs.models import Handoff
from handoffs.queries import due, history, representation, undo

DEFAULT_ORDERING = "-opened_at"
BELONGINGS = ("workflow", "case", "role", "holder")
WAIT = OpenApiParameter(
    "wait",
    {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
    description="Seconds to hold the answer until the state changes; a final state, and with If-None-Match a"
    " handoff that differs from it, is answered at once. When too many wait, so is everybody, with Retry-After",
)


def _filter(name: str, schema: Any = OpenApiTypes.STR, **more: Any) -> OpenApiParameter:
    label = HandoffFilter.base_filters[name].label
    return OpenApiParameter(name, schema, description=str(label or ""), **more)


MOMENTS = (
    "opened_after",
    "opened_before",
    "updated_after",
    "accepted_after",
    "accepted_before",
    "resolved_after",
    "resolved_before",
)
FILTERS = (
    _filter("workflow"),
    _filter("state", {"type": "array", "items": {"type": "string", "enum": list(State)}}, explode=True),
    _filter("role"),
    _filter("pattern", {"type": "string", "enum": list(Pattern)}),
    _filter("reference"),
    _filter("holder"),
    _filter("mine", OpenApiTypes.BOOL),
    _filter("overdue", OpenApiTypes.BOOL),
    *(_filter(name, OpenApiTypes.BOOL) for name in ("at_risk", "accepted_late", "resolved_late")),
    *(_filter(name, OpenApiTypes.DATETIME) for name in MOMENTS),
    _filter("search"),
    _filter("ordering", {"type": "string", "enum": list(ORDERINGS), "default": DEFAULT_ORDERING}),
)


class Handoffs(Endpoint):
    """`/handoffs/`: those that the caller may see."""

    parameters = (*HandoffFilter.base_filters, "limit", "cursor")

    @operation(
        "listHandoffs", "Find handoffs", answers={200: "HandoffPage"}, refuses=(400,), parameters=(*FILTERS, *PAGING)
    )
    def get(self, request: Request) -> Response:
        visible = access.handoffs_for(caller(request)).select_related(*BELONGINGS)
        found = HandoffFilter(request.query_params, queryset=visible, request=request)
        if not found.is_valid():
            raise invalid([Mistake(pointer=f"?{name}", detail=" ".join(told)) for name, told in found.errors.items()])
        page = Cursor(request.query_params.get("ordering") or DEFAULT_ORDERING)
        return page.get_paginated_response(representation.many(page.paginate_queryset(found.qs, request)))


class OneHandoff(Endpoint):
    """`/handoffs/{id}/`: one handoff as it is now, or as soon as its state changes."""

    parameters = ("wait",)

    @one_object("getHandoff", "Look at a handoff, or wait for it", "Handoff", refuses=(400, 404), parameters=(WAIT,))
    def get(self, request: Request, handoff_id: str) -> Response:
        seconds = _seconds(request)
        handoff = access.handoff_for(caller(request), handoff_id)
        if seconds and request.headers.get("If-None-Match"):
            answer = tagged(request, representation.one(handoff))
            if answer.status_code != 304:
                return answer if handoff.state != State.RESOLVED else self._now(handoff)
        try:
            if waiting.until_changed(handoff, seconds):
                handoff = access.handoff_for(caller(request), handoff_id)
        except waiting.NoPlace as full:
            return waiting.ask_again(self._now(handoff), full.retry_after_seconds)
        return self._now(handoff)

    def _now(self, handoff: Handoff) -> Response:
        if handoff.state == State.RESOLVED and caller(self.request).is_automation:
            return tagged(self.request, self._fetched(handoff))
        return tagged(self.request, representation.one(handoff))

    def _fetched(self, handoff: Handoff) -> dict[str, Any]:
        """An automation that reads a decision has it, and is told what it said about undoing what it did."""
        user = caller(self.request)
        noted = receipts.note_fetched(handoff, automation=user, now=self.now)
        handoff = access.handoff_for(user, handoff.pk) if noted else handoff
        shown = representation.one(handoff)
        decision = representation.final_decisions([handoff.pk]).get(handoff.pk)
        if decision and (steps := undo.steps_of(handoff, decision)):
            shown["decision"] = representation.decision_json(decision) | {"undo": undo.steps_by(user, steps)}
        return shown


class History(Endpoint):
    """`/handoffs/{id}/history/`: what happened, oldest first."""

    parameters = ("limit", "cursor")

    @operation(
        "listHistory",
        "Read the audit trail of a handoff",
        answers={200: "HistoryPage"},
        refuses=(400, 404),
        parameters=PAGING,
    )
    def get(self, request: Request, handoff_id: str) -> Response:
        handoff = access.handoff_for(caller(request), handoff_id)
        page = Cursor("sequence")
        return page.get_paginated_response(history.rows_json(page.paginate_queryset(history.trail(handoff), request)))


class Sla(Endpoint):
    """`/handoffs/{id}/sla/`: why it is due then, as the counted, closed and paused stretches that lead there."""

    @one_object("getSla", "See why a handoff is due when it is", "Sla", refuses=(404,))
    def get(self, request: Request, handoff_id: str) -> Response:
        handoff = access.handoff_for(caller(request), handoff_id)
        return tagged(request, due.sla_json(handoff, now=self.now))


def _seconds(request: Request) -> int:
    text = request.query_params.get("wait", "0")
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return min(int(text), MAX_WAIT_SECONDS)
    raise invalid([Mistake(pointer="?wait", detail=f"Write seconds from 0 to {MAX_WAIT_SECONDS}.")])
