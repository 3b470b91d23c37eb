"""The load that a replay makes: arrivals by hour of the week, and how long they would wait for given people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from zoneinfo import ZoneInfo

from accounts.models import User
from handoffs.choices import PRIORITY_RANKS, DecidedBy, DecisionStatus, EscalationWhen, State
from handoffs.models import Handoff, Replay, Workflow
from handoffs.queries import replay_reports
from handoffs.rules import queueing
from handoffs.rules.calendars import Calendar, measure
from handoffs.rules.openings import instant_of
from handoffs.rules.policy import Policy, Sla
from handoffs.rules.simulation import Arrival, ClockRules, Estimate, Load, Move, Team, estimate, replicate
from handoffs.rules.staffing import Staffer, Staffing
from handoffs.rules.working import WorkTime

SIMULATED_LIMIT = 20_000
STAFFED_LIMIT = 5_000
SAMPLES_LIMIT = 500
TELLING_SAMPLES = 20
USUAL_HANDLING_SECONDS = 900
WEEK_HOURS = 168
WEEK_SECONDS = WEEK_HOURS * 3600
SEED = 1


@dataclass(frozen=True, kw_only=True)
class Handling:
    """How long people of a role take, in seconds of their hours; `samples` are what was measured."""

    mean_seconds: float
    samples: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RoleLoad:
    """One role in the simulation, with the spread of the replications."""

    role: str
    people: int
    arrived: int
    mean_wait: Estimate
    p90_wait_seconds: float
    accepted: Estimate
    resolve_late: float
    moved_up: float
    cut_off: float
    never: float
    busy_ratio: float
    longest_queue: float


@dataclass(frozen=True, kw_only=True)
class Need:
    """How many people a role needs for a share in time: by simulation, and by Erlang C for its busiest hour."""

    role: str
    people: int | None
    by_formula: int | None
    busiest_per_hour: float
    curve: tuple[Staffing, ...]


def arrivals_of(replay: Replay, *, before: bool = False) -> list[Arrival]:
    """Every handoff that the replay opened, in order."""
    rows = replay_reports.arrivals(replay, before=before)
    return [Arrival(at=instant_of(at), role=role, priority=priority) for at, role, priority in rows]


def by_hour_of_week(replay: Replay, zone: ZoneInfo) -> dict[str, list[int]]:
    """Handoffs opened in each of the 168 hours of the week from Monday midnight in `zone`, by role."""
    counts: dict[str, Counter[int]] = {}
    for at, role, _ in replay_reports.arrivals(replay):
        local = at.astimezone(zone)
        counts.setdefault(role, Counter())[local.weekday() * 24 + local.hour] += 1
    return {role: [found[hour] for hour in range(WEEK_HOURS)] for role, found in counts.items()}


def weeks_of(summary: Mapping[str, str | None]) -> float:
    """How many weeks the replayed attempts span, at least one."""
    first, last = (datetime.fromisoformat(summary[name] or "1970-01-01") for name in ("first_at", "last_at"))
    return max((last - first).total_seconds() / WEEK_SECONDS, 1.0)


def roles_of(arrivals: Iterable[Arrival], policy: Policy) -> list[str]:
    """The roles with arrivals, the busiest first, then those that the chain moves work to."""
    counted = Counter(arrival.role for arrival in arrivals)
    chain = [step.role for step in policy.sla.escalation if step.when is EscalationWhen.NOT_ACCEPTED]
    return list(dict.fromkeys([*(role for role, _ in counted.most_common()), *chain]))


def people_of(roles: Iterable[str]) -> dict[str, int]:
    """How many active people each role has today."""
    names = list(roles)
    staffed = User.objects.filter(is_active=True, kind=User.Kind.PERSON, groups__name__in=names)
    return dict.fromkeys(names, 0) | Counter(staffed.values_list("groups__name", flat=True))


def measured_handling(workflow: Workflow, roles: Iterable[str], calendar: Calendar) -> dict[str, Handling]:
    """From acceptance to the decision of a person, over the last SAMPLES_LIMIT handoffs of each role."""
    return {role: _handling(workflow, role, calendar) for role in roles}


def _handling(workflow: Workflow, role: str, calendar: Calendar) -> Handling:
    decided = Handoff.objects.filter(
        workflow=workflow,
        role__name=role,
        state=State.RESOLVED,
        accepted_since_start_at__isnull=False,
        decisions__status=DecisionStatus.FINAL,
        decisions__decided_by_kind=DecidedBy.PERSON,
    ).order_by("-opened_at")
    times = decided.values_list("accepted_since_start_at", "resolved_at")[:SAMPLES_LIMIT]
    samples = tuple(
        float(max(measure(calendar, taken_at, ended_at), 1)) for taken_at, ended_at in times if taken_at and ended_at
    )
    if len(samples) < TELLING_SAMPLES:
        return Handling(mean_seconds=fmean(samples) if samples else USUAL_HANDLING_SECONDS)
    return Handling(mean_seconds=fmean(samples), samples=samples)


def clock_rules(sla: Sla) -> ClockRules:
    """What the clock does to a handoff that nobody takes, as the simulation knows it."""
    steps = [step for step in sla.escalation if step.when is EscalationWhen.NOT_ACCEPTED]
    moves = sorted(
        (
            Move(
                after_seconds=step.after_seconds,
                role=step.role,
                priority=PRIORITY_RANKS[step.priority] if step.priority else None,
            )
            for step in steps
        ),
        key=lambda move: move.after_seconds,
    )
    return ClockRules(
        accept_seconds=sla.accept_within_seconds,
        resolve_seconds=sla.resolve_within_seconds,
        cut_off_seconds=sla.cut_off.after_seconds if sla.cut_off else None,
        moves=tuple(moves),
    )


def simulated(
    arrivals: list[Arrival], teams: Mapping[str, Team], sla: Sla, *, people: Calendar, calendar: Calendar
) -> list[RoleLoad]:
    """What the last SIMULATED_LIMIT arrivals would go through; `people` are the hours worked, `calendar` the SLA's."""
    chosen = arrivals[-SIMULATED_LIMIT:]
    if not chosen:
        return []
    time = WorkTime(people, calendar, since=chosen[0].at)
    runs = replicate(chosen, teams, clock_rules(sla), time, seed=SEED)
    return [_role_load(role, [run[role] for run in runs if role in run]) for role in teams if role in runs[0]]


def _role_load(role: str, loads: list[Load]) -> RoleLoad:
    def mean(name: str) -> float:
        return fmean(getattr(load, name) for load in loads)

    return RoleLoad(
        role=role,
        people=loads[0].people,
        arrived=round(mean("arrived")),
        mean_wait=estimate(load.mean_wait_seconds for load in loads),
        p90_wait_seconds=fmean(load.wait_seconds_at(0.9) for load in loads),
        accepted=estimate(load.accepted_ratio for load in loads),
        resolve_late=mean("resolved_late"),
        moved_up=mean("moved_up"),
        cut_off=mean("cut_off"),
        never=mean("never"),
        busy_ratio=mean("busy_ratio"),
        longest_queue=mean("longest_queue"),
    )


def needed(
    arrivals: list[Arrival],
    role: str,
    team: Team,
    *,
    ratio: float,
    within_seconds: int,
    people: Calendar,
    calendar: Calendar,
) -> Need:
    """How many people `role` needs to accept `ratio` (0–1) of its last STAFFED_LIMIT arrivals within the time."""
    chosen = [arrival for arrival in arrivals if arrival.role == role][-STAFFED_LIMIT:]
    time = WorkTime(people, calendar, since=chosen[0].at if chosen else 0)
    staffer = Staffer(chosen, team, time, within_seconds=within_seconds, seed=SEED)
    found = staffer.needed(ratio)
    busiest = busiest_hour(chosen, time)
    by_formula = queueing.people_needed(
        ratio, per_second=busiest / 3600, handling_seconds=team.handling_seconds, within_seconds=within_seconds
    )
    return Need(
        role=role,
        people=found,
        by_formula=by_formula,
        busiest_per_hour=busiest,
        curve=tuple(staffer.curve(around=found)) if found else (),
    )


def busiest_hour(arrivals: Iterable[Arrival], time: WorkTime) -> float:
    """The mean of the busiest tenth of the worked hours that had arrivals, in arrivals per hour."""
    counts = sorted(Counter(int(time.worked(arrival.at) // 3600) for arrival in arrivals).values(), reverse=True)
    return fmean(counts[: max(len(counts) // 10, 1)]) if counts else 0.0
