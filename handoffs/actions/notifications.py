"""Writes down who is to be told what, in the transaction of what happened; sending is left to letters and mailing.

One row per handoff, step, person and channel: telling twice is telling once.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from functools import cache, partial

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from handoffs.choices import OVERTAKEN_KINDS, Channel, MessageState, NoticeKind
from handoffs.models import Handoff, NoticeSettings, Notification, gathering
from handoffs.models import rows as table_rows
from handoffs.queries import team
from handoffs.rules import notices
from handoffs.rules.notices import About, Words

Wording = Callable[[tzinfo], Words]


def about(handoff: Handoff) -> About:
    """What words need to know of a handoff that came with its workflow, case, role and holder."""
    return About(
        number=handoff.number,
        reference=handoff.case.reference,
        workflow=handoff.workflow.title,
        role=handoff.role.name,
        holder=handoff.holder.display_name if handoff.holder else "",
    )


def tell(
    handoff: Handoff,
    *,
    step: str,
    kind: NoticeKind,
    people: Sequence[User],
    role_ids: Iterable[int] = (),
    words: Wording,
    now: datetime,
) -> int:
    """Tell people, and the channels of `role_ids`, in each one's own time zone; returns how many rows that took.

    A repeated telling of the same step changes nothing. `people` come from `queries.team`.
    """
    words = cache(words)
    base = {"handoff_id": handoff.pk, "step": _of_this_round(handoff, step), "kind": kind, "created_at": now}
    rows = [row for person in people for row in _to_person(person, base, words)]
    rows += _to_channels(handoff, people, role_ids, base, words)
    table_rows.insert_new(rows)
    return len(rows)


def tell_managers(handoff: Handoff, *, step: str, kind: NoticeKind, words: Wording, now: datetime) -> int:
    """Tell the managers of the handoff's workflow."""
    return tell(handoff, step=step, kind=kind, people=team.managers_of(handoff), words=words, now=now)


def overtake(handoff: Handoff, *, now: datetime) -> None:
    """What asked people to act on the handoff is stale: it moved on. Before its first step nobody was asked."""
    if handoff.steps_done:
        supersede(handoff, OVERTAKEN_KINDS, now=now)


def supersede(handoff: Handoff, kinds: Iterable[NoticeKind], *, now: datetime) -> None:
    """Nobody needs to hear any more what was not read or sent yet."""
    wanted = frozenset(kinds)
    for notice in gathering.waiting(Notification):
        if notice.handoff_id == handoff.pk and notice.kind in wanted:
            notice.superseded_at = now
    gathering.together(f"supersede {sorted(wanted)}", handoff.pk, partial(_supersede, wanted, now))


def _supersede(kinds: frozenset[NoticeKind], now: datetime, handoff_ids: list[uuid.UUID]) -> None:
    still_to_come = Q(channel=Channel.IN_APP, read_at=None) | (
        ~Q(channel=Channel.IN_APP) & ~Q(message__state=MessageState.SENT)
    )
    about_them = Notification.objects.filter(handoff__in=handoff_ids, kind__in=kinds, superseded_at=None)
    ids = list(about_them.filter(still_to_come).values_list("pk", flat=True))
    if ids:
        in_order = Notification.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))
        Notification.objects.filter(pk__in=list(in_order.values_list("pk", flat=True))).update(superseded_at=now)


@transaction.atomic(durable=True)
def mark_read(notice: Notification, *, now: datetime) -> None:
    """The person has seen it; the first time counts."""
    Notification.objects.filter(pk=notice.pk, read_at=None).update(read_at=now)


@transaction.atomic(durable=True)
def mark_all_read(person: User, *, until: datetime, now: datetime) -> int:
    """The person has seen all that came up to `until`; returns how many those were."""
    unread = Notification.objects.unread().filter(person=person, created_at__lte=until)
    in_order = unread.order_by("pk").select_for_update()  # as the sweep locks them that says they are stale
    return Notification.objects.filter(pk__in=[notice.pk for notice in in_order.only("pk")]).update(read_at=now)


@transaction.atomic(durable=True)
def save_settings(settings: NoticeSettings) -> None:
    """Keep how a person likes to be told."""
    settings.save()


def _of_this_round(handoff: Handoff, step: str) -> str:
    return f"{step}/{handoff.reopens_count}" if handoff.reopens_count else step


def _to_person(person: User, base: dict[str, object], words: Wording) -> list[Notification]:
    said = words(notices.zone_of(person.time_zone))
    shown = {**base, "person_id": person.pk, "title": said.title, "text": said.text}
    rows = [Notification(**shown, channel=Channel.IN_APP)]
    if person.email and _likes_mail(person):
        rows.append(Notification(**shown, channel=Channel.EMAIL, send_at=_send_at(base)))
    return rows


def _to_channels(
    handoff: Handoff, people: Sequence[User], role_ids: Iterable[int], base: dict[str, object], words: Wording
) -> list[Notification]:
    rows = []
    for channel in team.channels_of(people, role_ids):
        zone = notices.zone_of(channel.person.time_zone if channel.person else "UTC")
        said = notices.masked(about(handoff)) if channel.is_masked else words(zone)
        shown = {"title": said.title, "text": said.text, "send_at": _send_at(base)}
        rows.append(Notification(**base, **shown, channel=Channel.CHAT, address=channel, person_id=channel.person_id))
    return rows


def _send_at(base: dict[str, object]) -> datetime:
    created_at = base["created_at"]
    assert isinstance(created_at, datetime)
    return created_at + notices.COLLECTING


def _likes_mail(person: User) -> bool:
    settings: NoticeSettings | None = getattr(person, "notice_settings", None)
    return settings is None or settings.by_email
