"""What a trigger's threshold would spare and miss, tried on stored attempts by the rules that judge live ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Q

from handoffs.choices import DecisionStatus, Mode, OnUnknown, State
from handoffs.models import Decision, Handoff, Recovery, Workflow
from handoffs.queries import tuning
from handoffs.rules.conditions import Condition, Truth
from handoffs.rules.detection import Sighting, detect
from handoffs.rules.package import as_decimal, value_at
from handoffs.rules.policy import Policy, Trigger
from handoffs.rules.policy_loading import load
from handoffs.rules.tuning import Change, Judged, Kind, Knob, Point, applied, best, curve, knobs, thresholds

ATTEMPTS_LIMIT = 1_200


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The points of one knob over `looked_at` attempts, and the one to take, if any; `told` had feedback."""

    knob: Knob
    points: tuple[Point, ...]
    looked_at: int
    told: int
    best: Point | None


def curves(workflow: Workflow, document: Mapping[str, Any], policy: Policy) -> list[Curve]:
    """A curve per trigger with a threshold, from the last ATTEMPTS_LIMIT attempts."""
    found = knobs(document, policy)
    if not found:
        return []
    attempts = tuning.recent(workflow, limit=ATTEMPTS_LIMIT)
    results = [_fired(policy, stored) for stored in attempts]
    needed = _needed({stored.handoff_id for stored in attempts} - {None})
    return [_curve(knob, document, attempts, results, needed) for knob in found]


def _fired(policy: Policy, stored: tuning.Stored) -> frozenset[str]:
    sighting = Sighting(attempt=stored.facts, history=stored.history, at=stored.received_at, names=stored.names)
    return frozenset(result.key for result in detect(policy, sighting) if result.fired)


def _curve(
    knob: Knob,
    document: Mapping[str, Any],
    attempts: Sequence[tuning.Stored],
    results: Sequence[frozenset[str]],
    needed: Mapping[Any, tuple[bool, bool]],
) -> Curve:
    judged = [_judged(knob, stored, fired, needed) for stored, fired in zip(attempts, results, strict=True)]
    triggers = {at: _trigger_at(document, knob, at) for at in thresholds(knob, (o.value for o in judged if o.value))}
    names = [stored.names for stored in attempts]
    kept: dict[tuple[Decimal, int], bool] = {}

    def fires_at(threshold: Decimal, index: int) -> bool:
        if (threshold, index) not in kept:
            kept[threshold, index] = _fires(triggers[threshold], names[index])
        return kept[threshold, index]

    points = curve(judged, fires_at, knob, triggers)
    told = sum(needed[one.handoff][1] for one in judged if one.handoff in needed)
    return Curve(knob=knob, points=points, looked_at=len(judged), told=told, best=best(points))


def _judged(
    knob: Knob, stored: tuning.Stored, fired: frozenset[str], needed: Mapping[Any, tuple[bool, bool]]
) -> Judged:
    handoff = stored.handoff_id if stored.handoff_id in needed else None
    return Judged(
        value=as_decimal(value_at(stored.names, knob.field)),
        others_fire=bool(fired - {knob.trigger}),
        handoff=handoff,
        needed=needed[handoff][0] if handoff else None,
    )


def _trigger_at(document: Mapping[str, Any], knob: Knob, threshold: Decimal) -> Trigger:
    changed = applied(document, Change(kind=Kind.THRESHOLD, target=knob.trigger, value=str(threshold)))
    trigger = load(changed).trigger(knob.trigger) if changed else None
    assert trigger is not None
    return trigger


def _fires(trigger: Trigger, names: Mapping[str, Any]) -> bool:
    assert isinstance(trigger.when, Condition)
    truth = trigger.when.evaluate(names).truth
    return truth is Truth.YES or (truth is Truth.UNKNOWN and trigger.unknown is OnUnknown.HAND_OFF)


def _needed(ids: set[Any]) -> dict[Any, tuple[bool, bool]]:
    """Per ended handoff: whether it needed a person, and whether somebody said so.

    Where nobody did, a person was needed unless the decision was the suggested one, or none was made.
    """
    ended = Handoff.objects.filter(pk__in=ids, mode=Mode.LIVE, state__in=[State.RESOLVED, State.WITHDRAWN])
    found = dict.fromkeys(ended.values_list("pk", flat=True), (False, False))
    rows = Decision.objects.filter(handoff__in=list(found), status=DecisionStatus.FINAL).order_by("resolution_number")
    columns = ("handoff", "person_needed", "outcome", "suggested_outcome")
    for handoff, said, outcome, suggested in rows.values_list(*columns):
        found[handoff] = (outcome != suggested if said is None else said, said is not None)
    later = Recovery.objects.filter(Q(not_needed_at__isnull=False), handoff__in=list(found))
    found.update(dict.fromkeys(later.values_list("handoff", flat=True), (False, True)))
    return found
