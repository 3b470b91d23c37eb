"""What is open, late and at risk, by role and by person; and how well targets were met, by workflow, role and week."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Count, Exists, ExpressionWrapper, F, Min, OuterRef, Q, QuerySet, Value
from django.db.models import DateTimeField as Moment
from django.db.models.functions import Coalesce, TruncWeek
from django.db.models.lookups import LessThan

from accounts.models import User
from handoffs.choices import HELD_STATES, Mode, State
from handoffs.models import Absence, Handoff
from handoffs.queries import team
from handoffs.queries.inbox import WAITING_STATES
from handoffs.rules.sla import AT_RISK_RATIO, AT_RISK_SECONDS

URGENT_SHOWN = 20
TAKEN_AT = Coalesce("accepted_since_start_at", "resolved_at")
"""When it was accepted; what was resolved by the clock before anybody did counts from then."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """Figures of one role or one person."""

    name: str
    open_count: int
    held_count: int
    overdue_count: int
    at_risk_count: int
    oldest_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PersonLoad:
    """One person: what they hold, and whether they are there."""

    person: User
    load: Load
    roles: tuple[str, ...]
    away_until: datetime | None
    cover: str


@dataclass(frozen=True, kw_only=True)
class Attainment:
    """How many had a target in the window, and how many met it, for acceptance and for resolution."""

    key: Any
    accept_count: int = 0
    accept_met_count: int = 0
    resolve_count: int = 0
    resolve_met_count: int = 0


def at_risk(now: Any) -> Q:
    """Not late yet, and past what `rules.sla.risk_at` says, for the database."""
    span = F("due_at") - F("clock_started_at")
    risk_at = ExpressionWrapper(F("due_at") - span * AT_RISK_RATIO, output_field=Moment())
    last_minutes = ExpressionWrapper(F("due_at") - timedelta(seconds=AT_RISK_SECONDS), output_field=Moment())
    moment = Value(now, output_field=Moment()) if isinstance(now, datetime) else now
    near = Q(LessThan(risk_at, moment)) | Q(LessThan(last_minutes, moment))
    return Q(state__in=WAITING_STATES, due_at__gt=now) & near


def loads_of_roles(handoffs: QuerySet[Handoff], *, now: datetime) -> list[Load]:
    """Per role with anything open, the most overdue first."""
    rows = _figures(handoffs, "role__name", now)
    return sorted((_load(row["role__name"], row) for row in rows), key=lambda load: (-load.overdue_count, load.name))


def loads_of_people(handoffs: QuerySet[Handoff], role_names: list[str], *, now: datetime) -> list[PersonLoad]:
    """Per active person of the roles: what they hold of these handoffs, and whether they are away."""
    held = {row["holder_id"]: row for row in _figures(handoffs.filter(state__in=HELD_STATES), "holder_id", now)}
    membership = User.groups.through.objects.filter(user_id=OuterRef("pk"), group__name__in=role_names)
    found = team.people().filter(Exists(membership)).prefetch_related("groups").order_by("first_name", "username")
    away = {absence.person_id: absence for absence in Absence.objects.at(now).select_related("cover")}
    return [_person_load(person, held.get(person.pk, {}), role_names, away.get(person.pk)) for person in found]


def most_urgent(handoffs: QuerySet[Handoff], *, now: datetime) -> list[Handoff]:
    """The handoffs that are late or at risk, due first, at most URGENT_SHOWN."""
    late = Q(state__in=WAITING_STATES, due_at__lte=now)
    found = handoffs.filter(late | at_risk(now)).select_related("workflow", "case", "role", "holder")
    return list(found.most_urgent_first()[:URGENT_SHOWN])  # type: ignore[attr-defined]


def candidates(role_ids: set[int], *, now: datetime) -> dict[int, list[User]]:
    """Who could hold a handoff of each role now."""
    found: dict[int, list[User]] = {role_id: [] for role_id in role_ids}
    people = list(team.available(now=now).filter(groups__in=role_ids).distinct().prefetch_related("groups"))
    for person in sorted(people, key=lambda one: one.display_name):
        for role in person.groups.all():
            if role.pk in found:
                found[role.pk].append(person)
    return found


def attainment(
    handoffs: QuerySet[Handoff], *, by: str, start: datetime, end: datetime, zone: tzinfo
) -> list[Attainment]:
    """Targets met in the window [start, end), `by` "workflow", "role" or "week" (its Monday, in `zone`)."""
    handoffs = handoffs.filter(mode=Mode.LIVE)  # what has no effect is no work met or missed
    accepted = _met(handoffs.annotate(taken_at=TAKEN_AT), "taken_at", "accept_by", by, start, end, zone)
    resolved = _met(handoffs.filter(state=State.RESOLVED), "resolved_at", "resolve_by", by, start, end, zone)
    return [
        Attainment(
            key=key,
            accept_count=accepted.get(key, (0, 0))[0],
            accept_met_count=accepted.get(key, (0, 0))[1],
            resolve_count=resolved.get(key, (0, 0))[0],
            resolve_met_count=resolved.get(key, (0, 0))[1],
        )
        for key in sorted({*accepted, *resolved})
    ]


def _met(
    handoffs: QuerySet[Handoff], moment: str, target: str, by: str, start: datetime, end: datetime, zone: tzinfo
) -> Mapping[Any, tuple[int, int]]:
    keys: dict[str, Any] = {
        "workflow": F("workflow__key"),
        "role": F("role__name"),
        "week": TruncWeek(moment, tzinfo=zone),
    }
    window = {f"{moment}__gte": start, f"{moment}__lt": end, f"{target}__isnull": False}
    rows = (
        handoffs.filter(**window)
        .order_by()
        .annotate(key=keys[by])
        .values("key")
        .annotate(count=Count("pk"), met=Count("pk", filter=Q(**{f"{moment}__lte": F(target)})))
    )
    return {row["key"]: (row["count"], row["met"]) for row in rows}


def _figures(handoffs: QuerySet[Handoff], key: str, now: datetime) -> list[dict[str, Any]]:
    waiting = Q(state__in=WAITING_STATES)
    rows = handoffs.open().order_by().values(key)  # type: ignore[attr-defined]
    return list(
        rows.annotate(
            open_count=Count("pk"),
            held_count=Count("pk", filter=Q(state__in=HELD_STATES)),
            overdue_count=Count("pk", filter=waiting & Q(due_at__lte=now)),
            at_risk_count=Count("pk", filter=at_risk(now)),
            oldest_at=Min("opened_at"),
        )
    )


def _load(name: str, row: Mapping[str, Any]) -> Load:
    counts = {key: row.get(key, 0) for key in ("open_count", "held_count", "overdue_count", "at_risk_count")}
    return Load(name=name, **counts, oldest_at=row.get("oldest_at"))


def _person_load(person: User, row: Mapping[str, Any], role_names: list[str], absence: Absence | None) -> PersonLoad:
    return PersonLoad(
        person=person,
        load=_load(person.username, row),
        roles=tuple(role.name for role in person.groups.all() if role.name in role_names),
        away_until=absence.ends_at if absence else None,
        cover=absence.cover.display_name if absence and absence.cover else "",
    )
