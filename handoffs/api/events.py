"""The feed of events: everything that happens to the caller's handoffs, in order, without a gap."""

import re
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.api import waiting
from handoffs.api.endpoint import Endpoint, caller
from handoffs.api.openapi import operation
from handoffs.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from handoffs.api.validation import invalid
from handoffs.api.waiting import MAX_WAIT_SECONDS
from handoffs.choices import Event
from handoffs.errors import Mistake
from handoffs.queries import events
from handoffs.queries.events import Place, Stretch, Wanted

NOW = "now"
CURSOR = re.compile(r"(\d{1,19})\.(\d{1,18})")
PARAMETERS = (
    OpenApiParameter(
        "after", OpenApiTypes.STR, description="A `cursor`, the `after` of an answer, or `now`"
    ),
    OpenApiParameter(
        "event", {"type": "array", "items": {"type": "string", "enum": list(Event)}}, description="Only these",
        explode=True,
    ),
    OpenApiParameter("workflow", OpenApiTypes.STR, description="Only of this workflow"),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    OpenApiParameter(
        "wait", {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_SECONDS},
        description="Seconds to hold the answer until there is an event",
    ),
)  # fmt: skip


class Events(Endpoint):
    """`/events/`: what happened since the caller looked last."""

    parameters = ("after", "event", "workflow", "limit", "wait")

    @operation(
        "listEvents",
        "Follow what happens",
        answers={200: "EventPage"},
        refuses=(400,),
        parameters=PARAMETERS,
        description="In the order in which transactions began to write; an event that is committed late is never"
        " skipped. Keep `after` of each answer and send it with the next question. When too many wait, the answer"
        " comes at once, with Retry-After.",
    )
    def get(self, request: Request) -> Response:
        place, wanted = _place(request), _wanted(request)
        limit = _whole(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        visible, found = access.handoffs_for(caller(request)), Stretch(events=[], place=place, has_more=False)

        def look() -> bool:
            nonlocal found
            found = events.after(found.place, visible, wanted, limit=limit)
            return bool(found.events) or found.has_more

        try:
            waiting.until(look, _whole(request, "wait", 0, 0, MAX_WAIT_SECONDS))
        except waiting.NoPlace as full:
            return waiting.ask_again(_page(found), full.retry_after_seconds)
        return _page(found)


def _page(found: Stretch) -> Response:
    body = {"results": found.events, "after": found.place.text, "has_more": found.has_more}
    return Response(body, headers={"Cache-Control": "private, no-cache"})


def _place(request: Request) -> Place:
    text = request.query_params.get("after", "0.0")
    if text == NOW:
        return events.end()
    found = CURSOR.fullmatch(text)
    if found is None or int(found[1]) >= 2**63:
        raise _wrong("after", "Send the cursor of an event, the after of an answer, or now.")
    return Place(transaction=int(found[1]), row=int(found[2]))


def _wanted(request: Request) -> Wanted:
    kinds = request.query_params.getlist("event")
    if unknown := [kind for kind in kinds if kind not in list(Event)]:
        raise _wrong("event", f"Unknown event {unknown[0][:64]!r}; known are {', '.join(Event)}.")
    return Wanted(kinds=kinds, workflow=request.query_params.get("workflow", ""))


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) <= 4 and least <= int(text) <= most:
        return int(text)
    raise _wrong(name, f"Write a number from {least} to {most}.")


def _wrong(name: str, detail: str) -> Any:
    return invalid([Mistake(pointer=f"?{name}", detail=detail)])
