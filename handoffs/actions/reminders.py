"""Who is told of what happens to a handoff, and in which words; called in the transaction in which it happens."""

import uuid
from collections.abc import Iterable
from datetime import datetime

from accounts.models import User
from handoffs.actions import notifications
from handoffs.choices import NoticeKind, ReminderAnchor, ReminderTo
from handoffs.models import Handoff, Recovery
from handoffs.queries import team
from handoffs.rules import notices
from handoffs.rules.policy import EscalationStep, Outcome, Policy, Reminder
from handoffs.rules.routing import escalation_key


def send(handoff: Handoff, policy: Policy, reminder: Reminder, *, step: str, now: datetime) -> list[str]:
    """Remind whom the policy names, looked up now; returns the names of those people.

    The holder is reminded, or who covers for them. Where nobody holds it, the available people of its role are.
    """
    due_at = _due_at(handoff, reminder.anchor)
    cut_off = policy.sla.cut_off and policy.outcome(policy.sla.cut_off.outcome)
    default = cut_off.title if cut_off else ""
    people, role_ids = _reminded(handoff, reminder, now)
    about = notifications.about(handoff)
    notifications.tell(
        handoff,
        step=step,
        kind=NoticeKind.REMINDER,
        people=people,
        role_ids=role_ids,
        words=lambda zone: notices.reminder(
            about, anchor=reminder.anchor, due_at=due_at, zone=zone, now=now, default=default
        ),
        now=now,
    )
    return [person.display_name for person in people]


def say_escalated(
    handoff: Handoff, rung: EscalationStep, index: int, *, from_role: str, reason: str, now: datetime
) -> None:
    """Tell the available people of the role that it moved to, and of the roles that the policy says to tell."""
    role_ids = [handoff.role_id, *team.role_ids_called(rung.tell)]
    about = notifications.about(handoff)
    due_at = handoff.resolve_by
    notifications.tell(
        handoff,
        step=escalation_key(index),
        kind=NoticeKind.ESCALATED,
        people=team.available_of(role_ids, now=now),
        role_ids=role_ids,
        words=lambda zone: notices.escalated(
            about, from_role=from_role, reason=reason, due_at=due_at, zone=zone, now=now
        ),
        now=now,
    )


def say_cut_off(handoff: Handoff, held_by: User | None, *, outcome: Outcome, deadline: datetime, now: datetime) -> None:
    """Tell who held it, or its role, and the managers of the workflow, that the clock decided."""
    people = _told_as_people([held_by]) if held_by else team.available_of([handoff.role_id], now=now)
    about = notifications.about(handoff)
    notifications.tell(
        handoff,
        step="cut_off",
        kind=NoticeKind.CUT_OFF,
        people=_each_once([*people, *team.managers_of(handoff)]),
        role_ids=[handoff.role_id],
        words=lambda zone: notices.cut_off(about, outcome=outcome.title, at=deadline, zone=zone),
        now=now,
    )


def say_given_back(handoff: Handoff, held_by: User, *, reason: str, now: datetime) -> None:
    """Tell a person that they no longer hold it."""
    about = notifications.about(handoff)
    notifications.tell(
        handoff,
        step=f"given_back:{handoff.version}",
        kind=NoticeKind.GIVEN_BACK,
        people=_told_as_people([held_by]),
        words=lambda zone: notices.given_back(about, reason=reason),
        now=now,
    )


def say_assigned(handoff: Handoff, to: User, *, by: User, now: datetime) -> None:
    """Tell a person that they hold it now, unless they gave it to themselves."""
    if to.pk == by.pk:
        return
    about, due_at = notifications.about(handoff), handoff.resolve_by
    notifications.tell(
        handoff,
        step=f"assigned:{handoff.version}",
        kind=NoticeKind.ASSIGNED,
        people=_told_as_people([to]),
        words=lambda zone: notices.assigned(about, by=by.display_name, due_at=due_at, zone=zone, now=now),
        now=now,
    )


def say_receipt_overdue(handoff: Handoff, recovery_id: uuid.UUID, *, now: datetime) -> None:
    """Tell the managers that an automation is silent."""
    recovery = Recovery.objects.select_related("automation").get(pk=recovery_id)
    about = notifications.about(handoff)
    notifications.tell_managers(
        handoff,
        step=f"receipt_overdue:{recovery_id}",
        kind=NoticeKind.RECEIPT_OVERDUE,
        words=lambda zone: notices.receipt_overdue(about, automation=recovery.automation.display_name),
        now=now,
    )


def say_parked(handoff: Handoff, *, step: str, reason: str, now: datetime) -> None:
    """Tell the managers that a message to an automation cannot be delivered."""
    about = notifications.about(handoff)
    notifications.tell_managers(
        handoff,
        step=step,
        kind=NoticeKind.DELIVERY_PARKED,
        words=lambda zone: notices.delivery_parked(about, reason=reason),
        now=now,
    )


def say_endpoint_off(handoff: Handoff, *, step: str, url: str, reason: str, now: datetime) -> None:
    """Tell the managers that nothing goes to an endpoint any more; `handoff` is the latest that it should hear of."""
    about = notifications.about(handoff)
    notifications.tell_managers(
        handoff,
        step=f"{step}:{int(now.timestamp())}",
        kind=NoticeKind.ENDPOINT_OFF,
        words=lambda zone: notices.endpoint_off(about, url=url, reason=reason),
        now=now,
    )


def _reminded(handoff: Handoff, reminder: Reminder, now: datetime) -> tuple[list[User], list[int]]:
    """People to remind, and the roles whose channels hear it."""
    if reminder.to is ReminderTo.HOLDER and handoff.holder is not None:
        cover = team.cover_of(handoff.holder, now=now)
        return [cover] if cover else _told_as_people([handoff.holder]), []
    return team.available_of([handoff.role_id], now=now), [handoff.role_id]


def _due_at(handoff: Handoff, anchor: ReminderAnchor) -> datetime | None:
    return {
        ReminderAnchor.ACCEPT: handoff.accept_by,
        ReminderAnchor.RESOLVE: handoff.resolve_by,
        ReminderAnchor.CUT_OFF: handoff.cut_off_at,
    }[anchor]


def _told_as_people(people: Iterable[User]) -> list[User]:
    """Read again with how they like to be told; who left the house is not told."""
    found = (team.known(person.pk) for person in people)
    return [person for person in found if person is not None]


def _each_once(people: Iterable[User]) -> list[User]:
    return list({person.pk: person for person in people}.values())
