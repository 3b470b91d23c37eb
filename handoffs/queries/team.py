"""Who is there: the people of roles, the managers of workflows, who is away and who covers for them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from handoffs.models import Absence, Handoff, NotificationChannel, PolicyVersion, records
from handoffs.queries import lookups
from handoffs.queries.callers import HEARD_OF

MANAGER_PERMISSION = "manage_workflow"


STAFFED = """EXISTS (
    SELECT FROM accounts_user AS person JOIN accounts_user_groups AS membership ON membership.user_id = person.id
    WHERE membership.group_id = auth_group.id AND person.is_active AND person.kind = 'person' AND NOT EXISTS (
        SELECT FROM handoffs_absence AS absence
        WHERE absence.person_id = person.id AND absence.starts_at <= %s AND absence.ends_at > %s
    )
)"""
"""Whether anybody of `available` has the role of a row of auth_group, in SQL. Wants `now` twice."""
_OPENING = f"SELECT auth_group.id, name, {STAFFED}, nextval('handoff_number')"
_FROM_ONE = f", {HEARD_OF.format(workflow_id='%s')} FROM auth_group WHERE name = %s"
_FROM_MANY = """, NULL FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (name, place) JOIN auth_group USING (name)
ORDER BY place"""


class Opening(NamedTuple):
    """What is looked up for a new handoff; `heard` is what `Handoff.heard` is."""

    role: Group
    is_staffed: bool
    number: int
    heard: Collection[str] | None


def people() -> QuerySet[User]:
    """Active people, automations left out, with how they like to be told."""
    return User.objects.filter(is_active=True, kind=User.Kind.PERSON).select_related("notice_settings")


def known(person_id: int) -> User | None:
    """The person, read again with how they like to be told; None for who left the house."""
    return lookups.once(("person", person_id), lambda: people().filter(pk=person_id).first())


def available(*, now: datetime) -> QuerySet[User]:
    """Active people who are not away."""
    return people().exclude(Exists(Absence.objects.at(now).filter(person=OuterRef("pk"))))


def available_of(role_ids: Iterable[int], *, now: datetime) -> list[User]:
    """Who can work for any of the roles now, each once."""
    ids = frozenset(role_ids)
    return lookups.once(("people", ids), lambda: _available_of(ids, now))


def channels_of(people: Iterable[User], role_ids: Iterable[int]) -> list[NotificationChannel]:
    """The enabled channels of these people and roles."""
    persons, roles = frozenset(person.pk for person in people), frozenset(role_ids)
    return lookups.once(("channels", persons, roles), lambda: _channels_of(persons, roles))


def _channels_of(persons: frozenset[int], roles: frozenset[int]) -> list[NotificationChannel]:
    wanted = Q(person__in=persons) | Q(role__in=roles)
    return list(NotificationChannel.objects.filter(wanted, is_enabled=True).select_related("person"))


def _available_of(role_ids: Iterable[int], now: datetime) -> list[User]:
    membership = User.groups.through.objects.filter(user_id=OuterRef("pk"), group_id__in=list(role_ids))
    return list(available(now=now).filter(Exists(membership)).order_by("pk"))


def is_staffed(role_id: int, *, now: datetime) -> bool:
    """Whether anybody can work for the role now."""
    return lookups.once(("staffed", role_id), lambda: _is_staffed(role_id, now))


def _is_staffed(role_id: int, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {STAFFED} FROM auth_group WHERE id = %s", [now, now, role_id])  # noqa: S608
        return any(staffed for (staffed,) in cursor.fetchall())


def role_to_open_for(name: str, *, workflow_id: UUID, now: datetime) -> Opening:
    """All that opening a handoff looks up. Raises Group.DoesNotExist."""
    return _openings(_FROM_ONE, [workflow_id, name], now, wanted=1)[0]


def roles_to_open_for(names: Sequence[str], *, now: datetime) -> list[Opening]:
    """The same for many handoffs, one for each name, whatever their workflows. Raises Group.DoesNotExist."""
    return _openings(_FROM_MANY, [list(names)], now, wanted=len(names))


def _openings(source: str, params: list[Any], now: datetime, *, wanted: int) -> list[Opening]:
    with records.prepared() as cursor:
        cursor.execute(f"{_OPENING}{source}", [now, now, *params])
        found = cursor.fetchall()
    if len(found) < wanted:
        raise Group.DoesNotExist(f"One of these roles is not there: {params[-1]}.")
    return [Opening(Group(pk=role_id, name=name), *rest) for role_id, name, *rest in found]


def role_called(name: str) -> Group:
    """The role with that name. Raises Group.DoesNotExist."""
    return lookups.once(("role", name), lambda: Group.objects.get(name=name))


def role_ids_called(names: Sequence[str]) -> list[int]:
    """The ids of the roles with these names."""
    return lookups.once(("roles", *names), lambda: _role_ids_called(names)) if names else []


def _role_ids_called(names: Sequence[str]) -> list[int]:
    return list(Group.objects.filter(name__in=names).order_by("pk").values_list("pk", flat=True))


def staffed_role_names(names: Iterable[str], *, now: datetime) -> frozenset[str]:
    """Those of the roles that somebody can work for now."""
    found = available(now=now).select_related(None).filter(groups__name__in=list(names))
    return frozenset(found.values_list("groups__name", flat=True))


def managers_of(handoff: Handoff) -> list[User]:
    """The managers of the handoff's workflow; where it has none, the operators."""
    return lookups.once(("managers", handoff.workflow_id), lambda: _managers_of(handoff) or operators())


def _managers_of(handoff: Handoff) -> list[User]:
    live = PolicyVersion.objects.filter(workflow=handoff.workflow_id, status="live").values_list(
        "role_names", flat=True
    )
    names = next(iter(live), [])
    may_manage = Q(groups__permissions__codename=MANAGER_PERMISSION) | Q(user_permissions__codename=MANAGER_PERMISSION)
    of_roles = User.groups.through.objects.filter(user_id=OuterRef("pk"), group__name__in=names)
    return list(people().filter(may_manage).filter(Exists(of_roles)).order_by("pk").distinct())


def operators() -> list[User]:
    """Who looks after the desk itself."""
    return list(people().filter(is_superuser=True).order_by("pk"))


def absence_of(person: User, *, now: datetime) -> Absence | None:
    """The absence that the person is in now, the one that ends last; None while they are there."""
    return Absence.objects.at(now).filter(person=person).select_related("cover").order_by("-ends_at").first()


def cover_of(person: User, *, now: datetime) -> User | None:
    """Who covers for an absent person and is there; None where nobody does."""
    return lookups.once(("cover", person.pk), lambda: _cover_of(person, now))


def _cover_of(person: User, now: datetime) -> User | None:
    absence = absence_of(person, now=now)
    if absence is None or absence.cover_id is None:
        return None
    return available(now=now).filter(pk=absence.cover_id).first()


def absences_of(person: User, *, now: datetime) -> list[Absence]:
    """The person's absences that are not over, the first first."""
    return list(Absence.objects.not_over(now).filter(person=person).select_related("cover").order_by("starts_at"))


def colleagues_of(person: User) -> QuerySet[User]:
    """Other active people who share a role with the person, by name."""
    shared = User.groups.through.objects.filter(user_id=OuterRef("pk"), group_id__in=list(person.role_ids))
    found = people().filter(Exists(shared)).exclude(pk=person.pk)
    return found.order_by("first_name", "last_name", "username")
