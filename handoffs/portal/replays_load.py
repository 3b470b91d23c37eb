"""The load that a replay makes, for the people and times that the manager tries: a form, two pictures, two tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs.choices import ReplayState
from handoffs.models import BusinessCalendar
from handoffs.portal.doors import page
from handoffs.portal.replays_pictures import staffing_picture, week_picture
from handoffs.portal.replays_report import frame, replay_of
from handoffs.portal.wording import duration
from handoffs.queries import replay_cases, replay_load
from handoffs.queries.clocks import calendar_keys, calendar_of
from handoffs.queries.replay_load import Handling, Need, RoleLoad
from handoffs.rules.calendars import ALWAYS, Calendar
from handoffs.rules.policy import Sla
from handoffs.rules.simulation import Arrival, Estimate, Team

MAX_PEOPLE = 200
MAX_MINUTES = 10_000
ROLES_PICTURED = 4
USUAL_WITHIN_MINUTES = 60
USUAL_PERCENT = 95


@dataclass(frozen=True, kw_only=True)
class Staff:
    """One role in the form: how many people, how long they need, and what was measured."""

    name: str
    role: str
    people: int
    minutes: str
    measured: str
    is_measured: bool
    arrivals: int
    per_week: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One role in the table, in words."""

    load: RoleLoad
    wait: str
    p90: str
    accepted: str
    busy: str
    late: str
    moved_up: str
    cut_off: str
    never: str


class Form:
    """What the manager tries; what is not given, or no number, is as it is today."""

    def __init__(self, request: HttpRequest, sla: Sla) -> None:
        self.given = request.GET
        self.keys = sorted(calendar_keys())
        self.calendar = self._word("calendar", self.keys, sla.calendar if sla.calendar in self.keys else ALWAYS.key)
        within = (sla.accept_within_seconds or USUAL_WITHIN_MINUTES * 60) / 60
        self.within = self._number("within", within, least=1, most=MAX_MINUTES)
        self.percent = self._number("percent", USUAL_PERCENT, least=1, most=99.9)

    def role(self, roles: Sequence[str]) -> str:
        """The role that the question is about."""
        return self._word("role", roles, roles[0] if roles else "")

    def people(self, number: int, otherwise: int) -> int:
        return round(self._number(f"people-{number}", otherwise, least=0, most=MAX_PEOPLE))

    def minutes(self, number: int, otherwise: float) -> float:
        return self._number(f"minutes-{number}", otherwise, least=0.1, most=MAX_MINUTES)

    def has_minutes(self, number: int, measured: float) -> bool:
        """Whether another time than the measured one was entered."""
        return f"{self.minutes(number, measured):.1f}" != f"{measured:.1f}"

    def _word(self, name: str, known: Sequence[str], otherwise: str) -> str:
        return self.given.get(name, "") if self.given.get(name, "") in known else otherwise

    def _number(self, name: str, otherwise: float, *, least: float, most: float) -> float:
        try:
            number = float(self.given.get(name, "").replace(",", "."))
        except ValueError:
            return otherwise
        return min(max(number, least), most) if math.isfinite(number) else otherwise


@never_cache
@page
def load_page(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """Arrivals by hour of the week, waiting with given people, and how many would do."""
    replay = replay_of(request, replay_id)
    if replay.state != ReplayState.DONE:
        return redirect("replay_report", replay_id=replay_id)
    policy = replay_cases.policy_of(replay)
    form = Form(request, policy.sla)
    arrivals = replay_load.arrivals_of(replay) if replay.has_times else []
    roles = replay_load.roles_of(arrivals, policy)
    values = frame(replay, "load") | {"form": form, "roles": roles, "has_arrivals": bool(arrivals)}
    if arrivals:
        values |= _shown(replay, arrivals, roles, form, policy.sla)
    return render(request, "replays/load.html", values)


def _shown(replay: Any, arrivals: list[Arrival], roles: list[str], form: Form, sla: Sla) -> dict[str, Any]:
    people, calendar = _calendar(form.calendar), _calendar(sla.calendar)
    weeks = replay_load.weeks_of(replay.summary)
    measured = replay_load.measured_handling(replay.workflow, roles, people)
    staff = _staff(arrivals, roles, form, measured, weeks)
    teams = {role: _team(form, number, role, measured, staff) for number, role in enumerate(roles)}
    loads = replay_load.simulated(arrivals, teams, sla, people=people, calendar=calendar)
    asked = form.role(roles)
    need = replay_load.needed(
        arrivals,
        asked,
        teams[asked],
        ratio=form.percent / 100,
        within_seconds=round(form.within * 60),
        people=people,
        calendar=calendar,
    )
    zone = ZoneInfo(calendar.time_zone)
    by_hour = replay_load.by_hour_of_week(replay, zone)
    return {
        "staff": staff,
        "rows": [_row(load) for load in loads],
        "asked": asked,
        "need": need,
        "curve": _curve(need),
        "staffing": staffing_picture(need.curve, ratio=form.percent / 100, role=asked) if need.curve else "",
        "weeks": round(weeks, 1),
        "zone": calendar.time_zone,
        "pictures": [
            week_picture(by_hour[role], role=role, weeks=weeks) for role in roles[:ROLES_PICTURED] if role in by_hour
        ],
        "simulated": min(len(arrivals), replay_load.SIMULATED_LIMIT),
        "arrivals": len(arrivals),
        "sla": sla,
    }


def _calendar(key: str) -> Calendar:
    try:
        return calendar_of(key, year=timezone.now().year)
    except BusinessCalendar.DoesNotExist:
        return ALWAYS


def _staff(
    arrivals: list[Arrival], roles: list[str], form: Form, measured: dict[str, Handling], weeks: float
) -> list[Staff]:
    today = replay_load.people_of(roles)
    counts = {role: sum(arrival.role == role for arrival in arrivals) for role in roles}
    return [
        Staff(
            name=str(number),
            role=role,
            people=form.people(number, max(today[role], 1)),
            minutes=f"{form.minutes(number, measured[role].mean_seconds / 60):.1f}",
            measured=f"{measured[role].mean_seconds / 60:.1f}",
            is_measured=bool(measured[role].samples),
            arrivals=counts[role],
            per_week=f"{counts[role] / weeks:.1f}",
        )
        for number, role in enumerate(roles)
    ]


def _team(form: Form, number: int, role: str, measured: dict[str, Handling], staff: list[Staff]) -> Team:
    handling = measured[role]
    if form.has_minutes(number, handling.mean_seconds / 60):
        return Team(people=staff[number].people, handling_seconds=form.minutes(number, 0) * 60)
    return Team(people=staff[number].people, handling_seconds=handling.mean_seconds, samples=handling.samples)


def _row(load: RoleLoad) -> Row:
    return Row(
        load=load,
        wait=_estimated(load.mean_wait),
        p90=_time(load.p90_wait_seconds),
        accepted=_share(load.accepted),
        busy=f"{load.busy_ratio * 100:.0f} %",
        late=f"{load.resolve_late:,.0f}",
        moved_up=f"{load.moved_up:,.0f}",
        cut_off=f"{load.cut_off:,.0f}",
        never=f"{load.never:,.0f}",
    )


def _curve(need: Need) -> list[dict[str, Any]]:
    return [{"people": each.people, "accepted": f"{each.accepted_ratio * 100:.1f} %"} for each in need.curve]


def _estimated(estimate: Estimate) -> str:
    spread = f" ± {_time(estimate.half_width)}" if estimate.half_width >= 1 else ""
    return f"{_time(estimate.mean)}{spread}"


def _share(estimate: Estimate) -> str:
    spread = f" ± {estimate.half_width * 100:.1f}" if estimate.half_width >= 0.0005 else ""
    return f"{estimate.mean * 100:.1f}{spread} %"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else duration(timedelta(seconds=seconds))
