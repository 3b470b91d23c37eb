"""The only way to fetch anything on somebody's behalf: default deny, and what one may not see does not exist."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import User
from handoffs.choices import OPEN_STATES, Channel, Mode, NoticeKind, State
from handoffs.errors import NotThere
from handoffs.models import (
    Case,
    Decision,
    Document,
    Handoff,
    Notification,
    PolicyVersion,
    Replay,
    SavedView,
    SecondLook,
    Workflow,
    rows,
)

MANAGE = "handoffs.manage_workflow"
SHOWN_WITH_HANDOFF = ("workflow", "case", "role", "holder", "opened_by", "offered_to")
ANSWERED_WITH_HANDOFF = ("workflow", "case", "role", "holder")
TO_ACT_ON = (
    "id", "workflow_id", "case_id", "role_id", "holder_id", "opened_by_id", "mode", "state", "routed_role_ids",
    "workflow__id", "workflow__key", "workflow__title", "case__id", "case__reference", "role__id", "role__name",
    "holder__id", "holder__kind", "holder__username", "holder__first_name", "holder__last_name",
)  # fmt: skip
"""Of a handoff and what it points at: what tells who may see it, and what is said of it in an answer."""
WHOLE_TO_ACT_ON = (*(field.attname for field in Handoff._meta.concrete_fields), *TO_ACT_ON)


def role_ids_of(user: User) -> frozenset[int]:
    """Ids of the roles that the user has; read once per request."""
    return user.role_ids


def is_manager(user: User) -> bool:
    """Whether the user may see metrics and tune policies of any workflow."""
    return user.is_active and not user.is_automation and (user.is_superuser or MANAGE in user.permissions)


def workflows_for(user: User) -> QuerySet[Workflow]:
    """An automation's granted workflows; a person's workflows whose live policy names one of their roles."""
    workflows = Workflow.objects.all()
    if user.workflow_scope is not None:
        workflows = workflows.filter(key__in=user.workflow_scope)
    if user.is_automation:
        return workflows if user.workflow_scope is not None else workflows.none()
    if user.is_superuser:
        return workflows
    return workflows.filter(live_version__role_names__overlap=list(user.roles.values()))


def workflow_for(user: User, key: str) -> Workflow:
    """The workflow called `key`. Raises NotThere also where the user may not see it."""
    granted = user.workflow_scope if user.is_automation else None
    if granted is None:
        workflow = workflows_for(user).filter(key=key).first()
    else:
        workflow = next(iter(rows.select(Workflow, "key = %s", [key]) if key in granted else ()), None)
    if workflow is None:
        raise NotThere(f"There is no workflow {key!r} that you may use. GET /api/v1/workflows/ lists yours.")
    return workflow


def managed_workflows(user: User) -> QuerySet[Workflow]:
    """The workflows that a manager tunes; none for everybody else."""
    return workflows_for(user) if is_manager(user) else Workflow.objects.none()


def may_edit_calendar(user: User, key: str) -> bool:
    """Whether the user manages every workflow that counts in the calendar; a calendar of nobody is every manager's."""
    if not is_manager(user):
        return False
    counting = Workflow.objects.filter(live_version__document__sla__calendar=key)
    return user.is_superuser or not counting.exclude(pk__in=managed_workflows(user).values("pk")).exists()


def replays_for(user: User) -> QuerySet[Replay]:
    """The replays of the workflows that a manager tunes, newest first, without their documents."""
    found = Replay.objects.filter(workflow__in=managed_workflows(user))
    heavy = ("document", "against_document", "problems")
    return found.select_related("workflow", "created_by", "version").defer(*heavy).order_by("-created_at")


def replay_for(user: User, replay_id: uuid.UUID | str) -> Replay:
    """One of them, with everything. Raises NotThere."""
    found = replays_for(user).defer(None).filter(pk=_uuid(replay_id)).first()
    if found is None:
        raise NotThere("There is no such replay of a workflow that you manage.")
    return found


def people_managed_by(user: User) -> frozenset[int] | None:
    """Ids of those whose figures a manager may see: who has a role of their workflows. None: everybody's."""
    if user.is_superuser:
        return None
    named = managed_workflows(user).values_list("live_version__role_names", flat=True)
    roles = {role for names in named for role in names}
    return frozenset(User.objects.filter(groups__name__in=roles).values_list("pk", flat=True))


def handoffs_for(user: User) -> QuerySet[Handoff]:
    """Handoffs that are or were routed to one of the user's roles, that they decided, or whose workflow they manage.

    And to read along, those of which they were told when they moved up.
    """
    handoffs = Handoff.objects.all()
    if user.workflow_scope is not None:
        handoffs = handoffs.filter(workflow__in=Workflow.objects.filter(key__in=user.workflow_scope))
    if user.is_superuser or (user.is_automation and user.workflow_scope is not None):
        return handoffs
    if user.is_automation or not user.is_active:
        return handoffs.none()
    return handoffs.filter(_seen_by(user))


def queue_of(user: User, *, states: Collection[State] = OPEN_STATES) -> QuerySet[Handoff]:
    """What is open and with one of the user's roles: of `handoffs_for` just that part, and far cheaper to ask for.

    Who wants some of the open states says so here: a second condition on the state would have the database expect
    next to nothing, and sort all that is open.
    """
    return _open_to(user, Q(role__in=role_ids_of(user)), states=states)


def work_of(user: User) -> QuerySet[Handoff]:
    """What the user holds or returned, and what came back to them first, while they have a role that it was with."""
    theirs = Q(holder=user) | Q(offered_to=user, state=State.PENDING)
    return _open_to(user, theirs, Q(routed_role_ids__overlap=list(role_ids_of(user))))


def _open_to(user: User, *wanted: Q, states: Collection[State] = OPEN_STATES) -> QuerySet[Handoff]:
    if user.is_automation or not user.is_active:
        return Handoff.objects.none()
    found = Handoff.objects.filter(*wanted, state__in=states)
    return found if user.workflow_scope is None else found.filter(workflow__key__in=user.workflow_scope)


def handoff_for(user: User, handoff_id: uuid.UUID | str) -> Handoff:
    """One visible handoff with its workflow, case, role and holder. Raises NotThere."""
    return _visible(user, handoff_id, SHOWN_WITH_HANDOFF)


def handoff_to_act_on(user: User, handoff_id: uuid.UUID | str) -> Handoff:
    """The same with the least of it, for an action that reads it again when it has locked it; the rest on demand."""
    return _visible(user, handoff_id, ANSWERED_WITH_HANDOFF, TO_ACT_ON)


def handoff_with(user: User, handoff_id: uuid.UUID | str, also: tuple[str, ...]) -> tuple[Handoff, Sequence[Any]]:
    """The same whole, with the least of what it points at, and what the SQL expressions `also` say of its row."""
    return _visible_with(user, handoff_id, ANSWERED_WITH_HANDOFF, WHOLE_TO_ACT_ON, also)


def _visible(
    user: User, handoff_id: uuid.UUID | str, related: tuple[str, ...], columns: tuple[str, ...] = ()
) -> Handoff:
    return _visible_with(user, handoff_id, related, columns)[0]


def _visible_with(
    user: User,
    handoff_id: uuid.UUID | str,
    related: tuple[str, ...],
    columns: tuple[str, ...],
    also: tuple[str, ...] = (),
) -> tuple[Handoff, Sequence[Any]]:
    wanted = [_uuid(handoff_id)]
    found = rows.select_beside(Handoff, "id = %s", wanted, related=related, columns=columns, also=also)
    if not found or not _sees(user, found[0][0]):
        raise NotThere("There is no such handoff, or it was never routed to one of your roles.")
    return found[0]


def handoffs_among(user: User, handoff_ids: Iterable[str]) -> list[Handoff]:
    """Those of these ids that are visible handoffs, once each and in this order, with all that `handoff_for` gives."""
    wanted = dict.fromkeys(_uuids(handoff_ids))
    found = handoffs_for(user).filter(pk__in=list(wanted)).select_related(*SHOWN_WITH_HANDOFF).in_bulk()
    return [found[pk] for pk in wanted if pk in found]


def _sees(user: User, handoff: Handoff) -> bool:
    """The same as `handoffs_for`; what the usual case needs is on the row already."""
    may_tell = handoff.state == State.RESOLVED and handoff.has_effect
    if user.workflow_scope is not None and handoff.workflow.key not in user.workflow_scope:
        return False
    reviews = user.is_active and not user.is_automation
    was_routed = reviews and not may_tell and not user.role_ids.isdisjoint(handoff.routed_role_ids)
    return was_routed or manages(user, handoff) or handoffs_for(user).filter(pk=handoff.pk).exists()


def saved_views_for(user: User) -> QuerySet[SavedView]:
    """The user's own saved views of lists, by name."""
    return SavedView.objects.filter(person=user)


def saved_view_for(user: User, view_id: int) -> SavedView:
    """One of them. Raises NotThere."""
    view = saved_views_for(user).filter(pk=view_id).select_related("person").first()
    if view is None:
        raise NotThere("There is no such view of yours.")
    return view


def document_for(user: User, document_id: uuid.UUID | str) -> Document:
    """A document of a visible handoff, or one that the user uploaded. Raises NotThere."""
    carried = Exists(handoffs_for(user).filter(documents=OuterRef("pk")))
    document = Document.objects.filter(Q(uploaded_by=user) | carried, pk=_uuid(document_id)).first()
    if document is None:
        raise NotThere("There is no such document, or no handoff that you may see carries it.")
    return document


def cases_for(user: User) -> QuerySet[Case]:
    """Cases of an automation's workflows; people see a case only through a handoff that they may see."""
    cases = Case.objects.select_related("workflow")
    if user.is_automation or user.workflow_scope is not None:
        cases = cases.filter(workflow__in=workflows_for(user))
    if not user.is_automation:
        cases = cases.filter(Exists(handoffs_for(user).filter(case=OuterRef("pk"))))
    return cases


def case_for(user: User, workflow_key: str, reference: str) -> Case:
    """One visible case. Raises NotThere."""
    case = cases_for(user).filter(workflow__key=workflow_key, reference=reference).first()
    if case is None:
        raise NotThere(f"There is no case {reference!r} in {workflow_key!r} that you may see.")
    return case


def manages(user: User, handoff: Handoff) -> bool:
    """Whether the user is a manager of the handoff's workflow; read once per user object."""
    return handoff.workflow_id in managed_workflow_ids(user)


def managed_workflow_ids(user: User) -> frozenset[uuid.UUID]:
    """Ids of the workflows that a manager tunes; read once per user object."""
    if not is_manager(user):
        return frozenset()
    if user.managed_workflow_ids is None:
        user.managed_workflow_ids = frozenset(managed_workflows(user).values_list("pk", flat=True))
    return user.managed_workflow_ids


def has_role(user: User, handoff: Handoff) -> bool:
    """Whether the handoff is with one of the user's roles now."""
    return user.is_active and not user.is_automation and handoff.role_id in role_ids_of(user)


def knows_first(user: User, handoff: Handoff) -> bool:
    """Whether the user knows the decision that a second look is at: it is their own, or they manage the workflow."""
    if handoff.mode != Mode.SECOND_LOOK:
        return False
    return manages(user, handoff) or SecondLook.objects.filter(own_first(user), handoff=handoff).exists()


def own_first(user: User) -> Q:
    """Second looks at what the user decided or confirmed the first time."""
    return Q(first__decided_by=user) | Q(first__confirmed_by=user)


def _not_to_be_seen_yet(user: User) -> QuerySet[SecondLook, Any]:
    """Ids of the handoffs that the user may be asked to decide again, without having seen the first decision."""
    theirs = Q(handoff__holder=user) | Q(handoff__role__in=role_ids_of(user))
    looks = SecondLook.objects.filter(theirs, handoff__mode=Mode.SECOND_LOOK, handoff__state__in=OPEN_STATES)
    return looks.exclude(own_first(user)).values("first__handoff")


def may(user: User, verb: str, handoff: Handoff) -> bool:
    """Whether the user may do `verb` with the handoff as it stands: what a page offers, and what actions enforce."""
    return _MAY[verb](user, handoff)


def _may_accept(user: User, handoff: Handoff) -> bool:
    """Of the role, and not what they themselves submitted."""
    may_hold = has_role(user, handoff) and handoff.opened_by_id != user.pk and not knows_first(user, handoff)
    return handoff.state == State.PENDING and may_hold


def _holds(user: User, handoff: Handoff) -> bool:
    return handoff.state == State.IN_PROGRESS and handoff.holder_id == user.pk


def _may_return(user: User, handoff: Handoff) -> bool:
    """The automation waits for no answer where the decision has no effect."""
    return _holds(user, handoff) and handoff.has_effect


def _may_release(user: User, handoff: Handoff) -> bool:
    return handoff.state == State.IN_PROGRESS and (handoff.holder_id == user.pk or manages(user, handoff))


def _may_assign(user: User, handoff: Handoff) -> bool:
    return handoff.state in (State.PENDING, State.IN_PROGRESS) and manages(user, handoff)


def _may_escalate(user: User, handoff: Handoff) -> bool:
    if handoff.state == State.PENDING:
        return has_role(user, handoff) or manages(user, handoff)
    return _may_release(user, handoff)


def _may_confirm(user: User, handoff: Handoff) -> bool:
    if handoff.state != State.AWAITING_CONFIRMATION or handoff.holder_id == user.pk:
        return False
    return has_role(user, handoff) and handoff.opened_by_id != user.pk


def _may_withdraw(user: User, handoff: Handoff) -> bool:
    return handoff.is_open and (user.is_automation or manages(user, handoff))


def _may_reopen(user: User, handoff: Handoff) -> bool:
    is_done = handoff.state == State.RESOLVED and handoff.has_effect and not handoff.imported
    return is_done and manages(user, handoff)


def _may_note(user: User, handoff: Handoff) -> bool:
    return not user.is_automation and not only_told(user, handoff)


def only_told(user: User, handoff: Handoff) -> bool:
    """Whether the user sees the handoff for no other reason than that they were told when it moved up: to read it."""
    if user.is_automation or user.is_superuser or not user.role_ids.isdisjoint(handoff.routed_role_ids):
        return False
    return not manages(user, handoff) and not Decision.objects.filter(handoff=handoff.pk, decided_by=user).exists()


def _may_reveal(user: User, handoff: Handoff) -> bool:
    return not only_told(user, handoff)


_MAY = {
    "accept": _may_accept,
    "release": _may_release,
    "assign": _may_assign,
    "escalate": _may_escalate,
    "return": _may_return,
    "decide": _holds,
    "confirm": _may_confirm,
    "object": _may_confirm,
    "withdraw": _may_withdraw,
    "reopen": _may_reopen,
    "note": _may_note,
    "reveal": _may_reveal,
}


def _seen_by(user: User) -> Q:
    seen = Q(routed_role_ids__overlap=list(role_ids_of(user)))
    seen |= Q(Exists(Decision.objects.filter(handoff=OuterRef("pk"), decided_by=user)))
    seen |= Q(Exists(_told(user).filter(handoff=OuterRef("pk"))))
    seen &= ~(Q(state=State.RESOLVED) & Q(pk__in=_not_to_be_seen_yet(user)))
    if is_manager(user):
        names = list(user.roles.values())
        live = PolicyVersion.objects.filter(workflow=OuterRef("workflow"), status="live", role_names__overlap=names)
        seen |= Q(Exists(live))
    return seen


def _told(user: User) -> QuerySet[Notification]:
    """What the escalation chain told the user, while they have a role that the handoff's policy names."""
    names = list(user.roles.values())
    told = Notification.objects.filter(person=user, channel=Channel.IN_APP, kind=NoticeKind.ESCALATED)
    return told.filter(handoff__policy_version__role_names__overlap=names)


def _uuids(values: Iterable[str]) -> Iterator[uuid.UUID]:
    for value in values:
        with suppress(NotThere):
            yield _uuid(value)


def _uuid(value: uuid.UUID | str) -> uuid.UUID:
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(value)
    except ValueError as error:
        raise NotThere(f"{value!r} is no identifier.") from error
