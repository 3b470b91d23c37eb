"""When people are away: what they held goes to who covers, and nobody waits for a role that nobody works for."""

import uuid
from datetime import datetime, tzinfo
from functools import partial

from django.db import transaction

from accounts.models import User
from handoffs.actions import lifecycle, notifications
from handoffs.actions.context import locked
from handoffs.choices import Event, NoticeKind, State
from handoffs.errors import Invalid, Mistake
from handoffs.models import CLOCK, Absence, Handoff
from handoffs.queries import team
from handoffs.queries.policies import policy_of
from handoffs.rules import notices
from handoffs.rules.policy import EscalationStep
from handoffs.rules.routing import escalation_key


@transaction.atomic(durable=True)
def go_away(person: User, *, starts_at: datetime, ends_at: datetime, cover: User | None, now: datetime) -> Absence:
    """Note that the person is away, and who covers. What they hold is handed over when it begins.

    Raises Invalid for an absence that is over, ends before it begins, or is covered by oneself or an automation.
    """
    mistakes = list(_mistakes(person, starts_at, ends_at, cover, now))
    if mistakes:
        raise Invalid("The absence cannot be kept.", mistakes=mistakes)
    return Absence.objects.create(person=person, starts_at=starts_at, ends_at=ends_at, cover=cover)


@transaction.atomic(durable=True)
def come_back(absence: Absence, *, now: datetime) -> None:
    """End an absence now, or forget one that has not begun."""
    if absence.starts_at >= now:
        absence.delete()
    elif absence.ends_at > now:
        absence.ends_at = now
        absence.save()


def hand_over_due(*, now: datetime, limit: int = 50) -> int:
    """Hand over what people hold whose absence has begun; returns how many handoffs that were."""
    begun = Absence.objects.to_hand_over(now).order_by("starts_at").values_list("pk", flat=True)[:limit]
    return sum(_hand_over(absence_id, now) for absence_id in list(begun))


def pass_on_if_nobody(handoff: Handoff, *, now: datetime) -> None:
    """Tell operators where nobody of the handoff's role is there, and go on along the chain to where somebody is.

    The caller holds the row lock. Where nobody of any later role is there either, it stays.
    """
    if handoff.state == State.PENDING and not team.is_staffed(handoff.role_id, now=now):
        pass_on(handoff, now=now)


def pass_on(handoff: Handoff, *, now: datetime) -> None:
    """The same where nobody of the handoff's role is known to be there."""
    role = handoff.role.name
    lifecycle.save_and_tell(handoff, Event.ROUTED_TO_EMPTY_ROLE, by=CLOCK, now=now, details={"role": role})
    words = partial(_empty_role_words, notifications.about(handoff), role)
    step = f"empty_role:{handoff.role_id}"
    notifications.tell(handoff, step=step, kind=NoticeKind.EMPTY_ROLE, people=team.operators(), words=words, now=now)
    found = _next_staffed(handoff, now)
    if found is not None:
        _move_past(handoff, *found, reason=f"Nobody of {role} is available", now=now)


def _mistakes(person: User, starts_at: datetime, ends_at: datetime, cover: User | None, now: datetime) -> list[Mistake]:
    found = []
    if ends_at <= starts_at:
        found.append(Mistake(pointer="/ends_at", detail="Come back after you leave."))
    elif ends_at <= now:
        found.append(Mistake(pointer="/ends_at", detail="This is over already."))
    if cover is not None and (cover.pk == person.pk or cover.is_automation or not cover.is_active):
        found.append(Mistake(pointer="/cover", detail="Choose somebody else who works here."))
    return found


@transaction.atomic(durable=True)
def _hand_over(absence_id: int, now: datetime) -> int:
    absence = Absence.objects.select_for_update(skip_locked=True, of=("self",)).to_hand_over(now)
    found = absence.filter(pk=absence_id).select_related("person", "cover").first()
    if found is None:
        return 0
    found.handed_over_at = now
    found.save()
    if found.ends_at <= now:
        return 0
    held = Handoff.objects.filter(state=State.IN_PROGRESS, holder=found.person).order_by("pk")
    ids = list(held.values_list("pk", flat=True))
    return sum(_hand_over_one(pk, found, now) for pk in ids)


def _hand_over_one(handoff_id: uuid.UUID, absence: Absence, now: datetime) -> bool:
    handoff = locked(Handoff(pk=handoff_id))
    if handoff.state != State.IN_PROGRESS or handoff.holder_id != absence.person_id:
        return False
    cover = absence.cover
    can_cover = cover is not None and cover.is_active and handoff.role_id in cover.role_ids
    handoff.offered_to = cover if can_cover else None
    lifecycle.let_go(handoff, by=CLOCK, reason=f"{absence.person.display_name} is away", now=now)
    if can_cover and absence.cover_id is not None:
        words = partial(_covered_words, notifications.about(handoff), absence)
        step = f"covered:{handoff.version}"
        people = list(team.available(now=now).filter(pk=absence.cover_id))
        notifications.tell(handoff, step=step, kind=NoticeKind.COVERED, people=people, words=words, now=now)
    return True


def _next_staffed(handoff: Handoff, now: datetime) -> tuple[int, EscalationStep] | None:
    """The first step of the chain, not taken yet, whose role somebody works for now."""
    chain = list(enumerate(policy_of(handoff.policy_version_id).sla.escalation))
    left = [(index, step) for index, step in chain if escalation_key(index) not in handoff.steps_done]
    staffed = team.staffed_role_names({step.role for _, step in left}, now=now)
    return next(((index, step) for index, step in left if step.role in staffed), None)


def _move_past(handoff: Handoff, index: int, step: EscalationStep, *, reason: str, now: datetime) -> None:
    """Take step `index` now, and leave out those before it, whose roles are empty too."""
    passed = [escalation_key(before) for before in range(index)]
    handoff.steps_done = [*handoff.steps_done, *(key for key in passed if key not in handoff.steps_done)]
    lifecycle.move_up(handoff, index, step, by=CLOCK, reason=reason, now=now)


def _empty_role_words(about: notices.About, role: str, zone: object) -> notices.Words:
    return notices.empty_role(about, role=role)


def _covered_words(about: notices.About, absence: Absence, zone: tzinfo) -> notices.Words:
    return notices.covered(about, absent=absence.person.display_name, until=absence.ends_at, zone=zone)
