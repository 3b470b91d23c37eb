"""The numbers as one would work them out by hand: slowly, out of the rows themselves, with nothing kept aside."""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from handoffs.choices import DecidedBy, DecisionStatus, Event, RecoveryState, State
from handoffs.models import Case, Decision, Handoff, Recovery

SECOND = timedelta(seconds=1)
REWORK = ("was_returned", "was_reopened", "failed", "reversed")


def lives() -> list[dict[str, Any]]:
    """What happened to each handoff."""
    return [life(handoff) for handoff in Handoff.objects.select_related("workflow", "role", "policy_version")]


def life(handoff: Handoff) -> dict[str, Any]:
    decisions = list(Decision.objects.filter(handoff=handoff, status=DecisionStatus.FINAL).order_by("decided_at"))
    recoveries = list(Recovery.objects.filter(handoff=handoff))
    last = decisions[-1] if decisions else None
    carried = [recovery for recovery in recoveries if last and recovery.decision_id == last.pk]
    trail = list(handoff.history.order_by("sequence"))
    events = [row.event for row in trail]
    resolved = handoff.resolved_at if handoff.state == State.RESOLVED else None
    decided = (last.confirmed_at or last.decided_at) if last else None
    return {
        "handoff": handoff.pk,
        "workflow": handoff.workflow.key,
        "policy": handoff.policy_version.number,
        "trigger": handoff.primary_trigger,
        "role": handoff.role.name,
        "outcome": last.outcome if last else "",
        "priority": handoff.priority,
        "person": last.decided_by_id or 0 if last else 0,
        "opened": handoff.opened_at,
        "accepted": next((row.history_date for row in trail if row.event in (Event.ACCEPTED, Event.ASSIGNED)), None),
        "taken": handoff.accepted_since_start_at or resolved,
        "resolved": resolved,
        "accept_by": handoff.accept_by,
        "resolve_by": handoff.resolve_by,
        "returned_for": _returned_for(trail),
        "was_returned": Event.RETURNED in events,
        "was_reopened": Event.REOPENED in events,
        "failed": any(recovery.state == RecoveryState.FAILED for recovery in recoveries),
        "reversed": any(recovery.reversed_at for recovery in recoveries),
        "not_needed": any(decision.person_needed is False for decision in decisions),
        "by_clock": bool(last) and last.decided_by_kind == DecidedBy.CLOCK,
        "sufficed": last.context_sufficed if last else None,
        "carried": bool(carried),
        "parked": any(recovery.state == RecoveryState.PARKED for recovery in carried),
        "overdue": [(one.receipt_due_at, one.received_at, one.overdue_noted_at) for one in carried],
        "delivered_for": _for([one.delivered_at for one in carried], decided),
        "applied_for": _for(
            [one.received_at if one.state == RecoveryState.APPLIED else None for one in carried], decided
        ),
    }


def _returned_for(trail: list[Any]) -> timedelta:
    spent = timedelta()
    for row, after in pairwise(trail):
        if row.state == State.RETURNED:
            spent += (after.resolved_at if after.event == Event.EXPIRED else after.history_date) - row.history_date
    return spent


def _for(moments: list[datetime | None], since: datetime | None) -> timedelta | None:
    known = [moment for moment in moments if moment]
    return max(known) - since if since and known and len(known) == len(moments) else None


def figures(found: list[dict[str, Any]], start: datetime, end: datetime, now: datetime) -> dict[str, Any]:
    """key → (count, hits, number, percentiles), over what happened in [start, end)."""
    at = {
        moment: [one for one in found if one[moment] and start <= one[moment] < end]
        for moment in ("opened", "accepted", "taken", "resolved")
    }
    resolved = at["resolved"]
    carried = [one for one in resolved if one["carried"]]
    judged = [one for one in resolved if one["sufficed"] is not None]
    aimed = [one for one in at["taken"] if one["accept_by"]]
    timed = [one for one in resolved if one["resolve_by"]]
    return {
        "volume": (len(at["opened"]), len(at["opened"]), float(len(at["opened"])), ()),
        "mtta": _time([one["accepted"] - one["opened"] for one in at["accepted"]]),
        "mttr": _time([one["resolved"] - one["opened"] for one in resolved]),
        "active_time": _time([one["resolved"] - one["opened"] - one["returned_for"] for one in resolved]),
        "rework": _share(resolved, lambda one: any(one[word] for word in REWORK)),
        "returned": _share(resolved, lambda one: one["was_returned"]),
        "reopened": _share(resolved, lambda one: one["was_reopened"]),
        "reversed": _share(resolved, lambda one: one["reversed"]),
        "false_positives": _share(resolved, lambda one: one["not_needed"]),
        "sla_accepted": _share(aimed, lambda one: one["taken"] <= one["accept_by"]),
        "sla_resolved": _share(timed, lambda one: one["resolved"] <= one["resolve_by"]),
        "cut_off": _share(resolved, lambda one: one["by_clock"]),
        "delivery_time": _time([one["delivered_for"] for one in resolved if one["delivered_for"] is not None]),
        "apply_time": _time([one["applied_for"] for one in resolved if one["applied_for"] is not None]),
        "recovery_failed": _share(carried, lambda one: one["failed"]),
        "recovery_parked": _share(carried, lambda one: one["parked"]),
        "recovery_overdue": _share(carried, lambda one: any(_is_late(*times, now) for times in one["overdue"])),
        "context_score": _share(judged, lambda one: one["sufficed"]),
    }  # fmt: skip


def _is_late(due: datetime | None, received: datetime | None, noted: datetime | None, now: datetime) -> bool:
    if due is None:
        return False
    return bool(noted) or (received > due if received else due < now)


def _share(among: list[dict[str, Any]], holds: Any) -> tuple[int, int, float | None, tuple[()]]:
    hits = sum(bool(holds(one)) for one in among)
    return (len(among), hits, hits / len(among) if among else None, ())


def _time(lengths: list[timedelta]) -> tuple[int, int, float | None, tuple[float, ...]]:
    seconds = sorted(length / SECOND for length in lengths)
    if not seconds:
        return (0, 0, None, ())
    return (
        len(seconds),
        len(seconds),
        sum(seconds) / len(seconds),
        tuple(_percentile(seconds, part) for part in (0.5, 0.9, 0.95)),
    )


def percentiles(values: list[int], parts: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(_percentile(sorted(values), part) for part in parts) if values else ()


def _percentile(ordered: list[float], part: float) -> float:
    """Between the two neighbours of the place in proportion."""
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def grouped(found: list[dict[str, Any]], by: str) -> dict[Any, list[dict[str, Any]]]:
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        groups[one[by]].append(one)
    return dict(groups)


def cases_count(start: datetime, end: datetime) -> int:
    return sum(start <= at < end for at in Case.objects.values_list("first_attempted_at", flat=True))
