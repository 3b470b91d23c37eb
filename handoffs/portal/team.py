"""The managers' pages about people and targets: who has how much, who is there, and what was met."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from handoffs import access
from handoffs.actions import lifecycle
from handoffs.choices import OPEN_STATES
from handoffs.errors import Invalid, NotAllowed
from handoffs.models import Handoff, Workflow
from handoffs.portal.doors import move, page
from handoffs.portal.preferences import came_from
from handoffs.queries import team as people
from handoffs.queries import workload
from handoffs.queries.workload import Attainment, Load, PersonLoad
from handoffs.rules.notices import zone_of

WEEKS = 8
OPEN = [("state", state.value) for state in OPEN_STATES]


@page
def team_page(request: HttpRequest) -> HttpResponse:
    """Open, overdue, at risk and oldest, by role and person; what needs somebody now can be given to somebody."""
    now, workflows = timezone.now(), _managed(request)
    handoffs = _handoffs_of(workflows)
    roles = workload.loads_of_roles(handoffs, now=now)
    names = sorted(
        {name for workflow in workflows if workflow.live_version for name in workflow.live_version.role_names}
    )
    urgent = workload.most_urgent(handoffs, now=now)
    able = workload.candidates({handoff.role_id for handoff in urgent}, now=now)
    values = {
        "roles": [_role_row(load) for load in roles],
        "people": [_person_row(one) for one in workload.loads_of_people(handoffs, names, now=now)],
        "urgent": [{"handoff": handoff, "able": able[handoff.role_id]} for handoff in urgent],
        "now": now,
    }
    return render(request, "team.html", values)


@move
def assign(request: HttpRequest, handoff_id: uuid.UUID) -> HttpResponse:
    """Give a handoff to somebody of its role."""
    handoff = access.handoff_for(_person(request), handoff_id)
    given = request.POST.get("to", "")
    to = people.people().filter(pk=int(given)).first() if given.isdecimal() and len(given) < 10 else None
    if to is None:
        raise Invalid("Choose whom to give it to.")
    lifecycle.assign(handoff, to=to, by=_person(request), now=timezone.now())
    messages.success(request, f"{to.display_name} holds {handoff.case.reference} now.")
    return redirect(came_from(request, otherwise="team"))


@page
def sla_page(request: HttpRequest) -> HttpResponse:
    """How well targets were met in the last weeks, by workflow, role and week; every figure opens its handoffs."""
    now, workflows = timezone.now(), _managed(request)
    handoffs, titles = _handoffs_of(workflows), {workflow.key: workflow.title for workflow in workflows}
    zone = zone_of(_person(request).time_zone)
    end, start = now, _monday(now.astimezone(zone)) - timedelta(weeks=WEEKS - 1)
    tables = []
    for by, label in (("workflow", "By workflow"), ("role", "By role"), ("week", "By week")):
        rows = workload.attainment(handoffs, by=by, start=start, end=end, zone=zone)
        tables.append({"label": label, "rows": [_attained(row, by, start, end, titles) for row in rows]})
    return render(request, "sla.html", {"tables": tables, "start": start, "weeks": WEEKS, "now": now})


def _managed(request: HttpRequest) -> list[Workflow]:
    user = _person(request)
    if not access.is_manager(user):
        raise NotAllowed("Only managers see the figures of a team.")
    return list(access.managed_workflows(user).select_related("live_version").defer("live_version__document"))


def _handoffs_of(workflows: list[Workflow]) -> Any:
    return Handoff.objects.filter(workflow__in=[workflow.pk for workflow in workflows])


def _role_row(load: Load) -> dict[str, Any]:
    return _linked(load, [("role", load.name)])


def _person_row(one: PersonLoad) -> dict[str, Any]:
    return {**_linked(one.load, [("holder", one.load.name)]), "one": one}


def _linked(load: Load, narrowed: list[tuple[str, str]]) -> dict[str, Any]:
    """The figures with the addresses of the lists behind them."""
    return {
        "load": load,
        "open_url": _cases([*narrowed, *OPEN, ("ordering", "due_at")]),
        "overdue_url": _cases([*narrowed, ("overdue", "true"), ("ordering", "due_at")]),
        "at_risk_url": _cases([*narrowed, ("at_risk", "true"), ("ordering", "due_at")]),
        "oldest_url": _cases([*narrowed, *OPEN, ("ordering", "opened_at")]),
    }


def _attained(row: Attainment, by: str, start: datetime, end: datetime, titles: dict[str, str]) -> dict[str, Any]:
    narrowed = [] if by == "week" else [(by, str(row.key))]
    if by == "week":
        start, end = max(start, row.key), min(end, row.key + timedelta(weeks=1))
    return {
        "name": f"Week of {row.key.day} {row.key:%B}" if by == "week" else titles.get(row.key, row.key),
        "shares": [
            _share("accepted", row.accept_count, row.accept_met_count, narrowed, start, end),
            _share("resolved", row.resolve_count, row.resolve_met_count, narrowed, start, end),
        ],
    }


def _share(
    verb: str, count: int, met: int, narrowed: list[tuple[str, str]], start: datetime, end: datetime
) -> dict[str, Any]:
    window = [*narrowed, (f"{verb}_after", start.isoformat()), (f"{verb}_before", end.isoformat())]
    return {
        "percent": f"{100 * met / count:.1f} %" if count else "–",
        "count": count,
        "missed": count - met,
        "met_url": _cases([*window, (f"{verb}_late", "false")]),
        "missed_url": _cases([*window, (f"{verb}_late", "true")]),
    }


def _cases(query: list[tuple[str, str]]) -> str:
    return f"{reverse('cases')}?{urlencode(query)}"


def _monday(local: datetime) -> datetime:
    return (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


def _person(request: HttpRequest) -> Any:
    return request.user
