"""The page of one handoff, and the fragment that follows its decision."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from handoffs import access
from handoffs.actions import case_files, context
from handoffs.choices import State
from handoffs.portal.case_view import render_case
from handoffs.portal.doors import move, page
from handoffs.portal.facts import fact_of
from handoffs.portal.story import way_back
from handoffs.queries.case import current_decision, recoveries_of
from handoffs.queries.representation import package_of


@page
def case(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """What is asked, why, and what happens next."""
    return render_case(request, access.handoff_for(request.user, handoff_id))  # type: ignore[arg-type]


@page
def recovery(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """How far the decision has come; a handoff that opened again needs its whole page."""
    handoff = access.handoff_for(request.user, handoff_id)  # type: ignore[arg-type]
    decision = current_decision(handoff)
    if handoff.state != State.RESOLVED or decision is None:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    way = way_back(decision, recoveries_of(decision), now=timezone.now())
    return render(request, "_recovery.html", {"way": way, "handoff": handoff})


@move
def reveal(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Show a sensitive field to the reader who asked; it is written down, and never part of an address."""
    handoff = access.handoff_for(request.user, handoff_id)  # type: ignore[arg-type]
    key = request.POST.get("key", "")
    value = context.reveal_field(handoff, key, reader=request.user, now=timezone.now())  # type: ignore[arg-type]
    if request.htmx:  # type: ignore[attr-defined]
        shown = next(fact for fact in package_of(handoff)["fields"] if fact["key"] == key)
        fact = fact_of(shown, fired=False, revealed={key: value})
        return _private(render(request, "_value.html", {"fact": fact, "handoff": handoff}))
    as_it_is_now = access.handoff_for(request.user, handoff_id)  # type: ignore[arg-type]
    return _private(render_case(request, as_it_is_now, revealed={key: value}))


@move
def case_file(request: HttpRequest, handoff_id: uuid.UUID) -> Any:
    """Everything about the case as one archive; who took it stands on its trail."""
    handoff = access.handoff_for(request.user, handoff_id)  # type: ignore[arg-type]
    found = case_files.take(handoff, reader=request.user, now=timezone.now())  # type: ignore[arg-type]
    response = StreamingHttpResponse(found.archive(), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.name}"'
    response["Cache-Control"] = "no-store, private"
    return response


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store, private"
    return response
