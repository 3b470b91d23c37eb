"""Makes messages out of the notices that wait to go outside: one each, or a digest where many wait for one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from handoffs import access
from handoffs.choices import Channel, MessageState
from handoffs.models import ContextRevision, Handoff, Message, NoticeSettings, Notification
from handoffs.rules import notices
from handoffs.rules.notices import Sending

RECIPIENTS_AT_ONCE = 200
DIGEST_SHOWS = 50
CATCHING_UP_AFTER = timedelta(seconds=5)
CATCHING_UP_FOR = timedelta(minutes=2)
"""While the sweep is behind, more notices are on their way: messages wait for them, though not for longer than this."""


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """Who gets what waits: a person by e-mail, or a channel."""

    channel: Channel
    person_id: int | None
    address_id: int | None


def compose(*, now: datetime) -> int:
    """Make messages of what waits; returns how many. Notices that come too early or too often wait on."""
    waiting = Notification.objects.due(now)
    if not waiting.exists() or _is_catching_up(waiting, now):
        return 0
    found = waiting.order_by().values_list("channel", "person_id", "address_id").distinct()[:RECIPIENTS_AT_ONCE]
    recipients = [Recipient(channel=Channel(row[0]), person_id=row[1], address_id=row[2]) for row in found]
    return sum(_compose_for(recipient, now) for recipient in recipients)


def _is_catching_up(waiting: Any, now: datetime) -> bool:
    if waiting.filter(send_at__lte=now - CATCHING_UP_FOR).exists():
        return False
    return Handoff.objects.step_due(now - CATCHING_UP_AFTER).exists()


@transaction.atomic(durable=True)
def _compose_for(recipient: Recipient, now: datetime) -> int:
    mine = Notification.objects.unsent().filter(**vars(recipient))
    found = mine.select_for_update(skip_locked=True, of=("self",)).select_related("person__notice_settings", "address")
    rows = list(found.order_by("created_at"))
    if not rows:
        return 0
    until = _waits_until(recipient, rows[0], len({row.handoff_id for row in rows}), now)
    if until is not None:
        mine.filter(pk__in=[row.pk for row in rows]).update(send_at=until)
        return 0
    return len(_messages(rows, now))


def _waits_until(recipient: Recipient, first: Notification, handoffs_count: int, now: datetime) -> datetime | None:
    """When the recipient may be written to; None for now: quiet hours, floods, and what is still on its way."""
    quiet = _quiet_until(first, now)
    if quiet is not None:
        return quiet
    before = Message.objects.filter(**vars(recipient))
    stuck = before.filter(state=MessageState.QUEUED, attempts_made__gt=0).order_by("next_attempt_at").first()
    if stuck is not None and stuck.next_attempt_at is not None:
        return max(stuck.next_attempt_at, now) + notices.COLLECTING
    since = now - notices.FLOOD_WINDOW
    recent = before.filter(created_at__gt=since).order_by("created_at").values_list("created_at", "handoff_id")
    plan = notices.plan(handoffs_count, sent=[(at, handoff_id is None) for at, handoff_id in recent], now=now)
    return plan.until if plan.sending is Sending.WAIT else None


def _quiet_until(notice: Notification, now: datetime) -> datetime | None:
    liked: NoticeSettings | None = getattr(notice.person, "notice_settings", None)
    if notice.person is None or liked is None:
        return None
    zone = notices.zone_of(notice.person.time_zone)
    return notices.quiet_until(liked.quiet_from, liked.quiet_until, zone=zone, now=now)


def _messages(rows: Sequence[Notification], now: datetime) -> list[Message]:
    by_handoff: dict[Any, list[Notification]] = {}
    for row in rows:
        by_handoff.setdefault(row.handoff_id, []).append(row)
    if len(by_handoff) >= notices.DIGEST_FROM:
        return [_store(rows, _digest(rows, by_handoff), None, now)]
    shown = _handoffs(rows)
    return [_store(group, _letter(shown[pk], group), shown[pk], now) for pk, group in by_handoff.items()]


def _handoffs(rows: Sequence[Notification]) -> dict[Any, Handoff]:
    found = Handoff.objects.filter(pk__in={row.handoff_id for row in rows}).select_related("workflow", "case", "role")
    return {handoff.pk: handoff for handoff in found}


def _store(rows: Sequence[Notification], letter: dict[str, Any], handoff: Handoff | None, now: datetime) -> Message:
    first = rows[0]
    message = Message.objects.create(
        channel=first.channel,
        person_id=first.person_id,
        address_id=first.address_id,
        recipient=first.person.email if first.channel == Channel.EMAIL and first.person else str(first.address),
        handoff=handoff,
        subject=letter["subject"],
        text=_rendered(letter, "txt"),
        html=_rendered(letter, "html") if first.channel == Channel.EMAIL else "",
        notices_count=len(rows),
        created_at=now,
        next_attempt_at=now,
    )
    Notification.objects.filter(pk__in=[row.pk for row in rows]).update(message=message, send_at=None)
    return message


def _rendered(letter: dict[str, Any], kind: str) -> str:
    return render_to_string(f"mail/{letter['template']}.{kind}", letter).strip() + "\n"


def _letter(handoff: Handoff, rows: Sequence[Notification]) -> dict[str, Any]:
    """One handoff's notices; its subject stays the same, so that a mail program keeps them together."""
    is_open_to = _sees(rows[0], [handoff.pk])
    package = _package(handoff) if is_open_to and not _is_masked(rows[0]) else None
    return {
        "template": "notice",
        "subject": f"[#{handoff.number}] {handoff.workflow.title}: {handoff.case.reference}"
        if not _is_masked(rows[0])
        else f"[#{handoff.number}] {handoff.workflow.title}",
        "notices": rows,
        "summary": notices.without_secrets(package["summary"], package) if package else "",
        "facts": notices.tellable_facts(package) if package else [],
        "url": address_of(handoff),
        "is_open_to": is_open_to,
        "desk": settings.SITE_NAME,
        "desk_url": settings.DESK_URL,
    }


def _digest(rows: Sequence[Notification], by_handoff: dict[Any, list[Notification]]) -> dict[str, Any]:
    latest = [group[-1] for group in by_handoff.values()]
    open_to = _sees(rows[0], [row.handoff_id for row in latest])
    shown = [{"notice": row, "url": _case_url(row.handoff_id) if open_to else ""} for row in latest[:DIGEST_SHOWS]]
    return {
        "template": "digest",
        "subject": notices.digest_title((row.title for row in latest), len(latest)),
        "shown": shown,
        "more_count": len(latest) - len(shown),
        "url": urljoin(settings.DESK_URL, reverse("notices")),
        "desk": settings.SITE_NAME,
        "desk_url": settings.DESK_URL,
    }


def address_of(handoff: Handoff) -> str:
    """Where the handoff is looked at; looking never decides."""
    return _case_url(handoff.pk)


def _case_url(handoff_id: Any) -> str:
    return urljoin(settings.DESK_URL, reverse("case", args=[handoff_id]))


def _is_masked(notice: Notification) -> bool:
    return notice.address is not None and notice.address.is_masked


def _sees(notice: Notification, handoff_ids: Sequence[Any]) -> bool:
    """Whether the reader may open them all; people who are merely told learn no facts. A role's channel is its own."""
    if notice.person is None:
        return True
    return access.handoffs_for(notice.person).filter(pk__in=handoff_ids).count() == len(set(handoff_ids))


def _package(handoff: Handoff) -> dict[str, Any]:
    package: dict[str, Any] = ContextRevision.objects.values_list("package", flat=True).get(
        handoff=handoff, number=handoff.context_revision_number
    )
    return package
