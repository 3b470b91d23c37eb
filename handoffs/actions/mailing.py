"""Carries messages outside: leases rows, sends by SMTP or apprise outside any transaction, writes down what came back.

A receiver that is away costs nobody else anything: its messages wait longer with every failure, and are parked at last.
"""

import logging
import smtplib
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import apprise
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from handoffs.choices import Channel, MessageState
from handoffs.models import Message, Notification
from handoffs.rules import notices

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
BATCH_ROWS = 20
MAX_BATCHES = 50
KEPT_FOR = timedelta(days=30)
MAX_ERROR_CHARACTERS = 300
PERMANENT_SMTP_CODES = range(550, 560)


class NotSent(Exception):
    """The message did not go out; `is_final` where trying again cannot help."""

    def __init__(self, why: str, *, is_final: bool = False) -> None:
        super().__init__(why)
        self.is_final = is_final


@dataclass(frozen=True, kw_only=True)
class Leased:
    """A message that this worker owns until its lease ends."""

    message: Message
    token: uuid.UUID


def drain(*, clock: Callable[[], datetime]) -> int:
    """Send what is due until nothing is; `clock` tells the time anew for each message. Returns messages tried."""
    tried = 0
    for _ in range(MAX_BATCHES):
        leased = lease(now=clock())
        if not leased:
            break
        tried += len(leased)
        _send_all(leased, clock)
    return tried


@transaction.atomic(durable=True)
def lease(*, now: datetime, limit: int = BATCH_ROWS) -> list[Leased]:
    """Take due messages for LEASE; what nobody needs to hear any more is let go instead."""
    due = Message.objects.due(now).select_related("address").order_by("next_attempt_at")
    rows = list(due.select_for_update(of=("self",), skip_locked=True)[:limit])
    fresh = Notification.objects.filter(message=OuterRef("pk"), superseded_at=None)
    wanted = set(Message.objects.filter(Exists(fresh), pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    stale = [row.pk for row in rows if row.pk not in wanted]
    Message.objects.filter(pk__in=stale).update(state=MessageState.SUPERSEDED, next_attempt_at=None)
    token = uuid.uuid4()
    Message.objects.filter(pk__in=wanted).update(lease_token=token, next_attempt_at=now + LEASE)
    return [Leased(message=row, token=token) for row in rows if row.pk in wanted]


@transaction.atomic(durable=True)
def finish(leased: Leased, problem: NotSent | None, *, now: datetime) -> None:
    """Write down a try, unless the lease ran out and somebody else took the message over."""
    mine = Message.objects.select_for_update().filter(pk=leased.message.pk, lease_token=leased.token)
    message = mine.filter(state=MessageState.QUEUED).first()
    if message is None:
        return
    message.attempts_made += 1
    message.lease_token = None
    if problem is None:
        message.state, message.sent_at, message.next_attempt_at, message.last_error = MessageState.SENT, now, None, ""
    else:
        _postpone(message, problem, now)
    message.save()


@transaction.atomic(durable=True)
def send_again(message: Message, *, now: datetime) -> bool:
    """Put a parked message back into the queue, or hurry one that waits; False where there is nothing to send."""
    again = Message.objects.filter(pk=message.pk, state__in=(MessageState.PARKED, MessageState.QUEUED))
    return bool(again.update(state=MessageState.QUEUED, next_attempt_at=now, attempts_made=0))


def old(now: datetime) -> QuerySet[Message]:
    """Messages that went out, or were parked, long ago."""
    return Message.objects.filter(created_at__lt=now - KEPT_FOR).exclude(state=MessageState.QUEUED)


@transaction.atomic(durable=True)
def drop_old(*, now: datetime, limit: int = 500) -> int:
    """Forget messages that went out long ago; the notices in the desk stay. Returns how many."""
    ids = list(old(now).order_by("created_at").values_list("pk", flat=True)[:limit])
    return Message.objects.filter(pk__in=ids).delete()[0] if ids else 0


def message_id(message: Message) -> str:
    """The Message-ID: the same for every try."""
    return f"<notice-{message.pk.hex}@{_host()}>"


def thread_id(handoff_id: uuid.UUID) -> str:
    """What every mail about a handoff refers to, so that a mail program shows them as one conversation."""
    return f"<handoff-{handoff_id.hex}@{_host()}>"


def _postpone(message: Message, problem: NotSent, now: datetime) -> None:
    message.last_error = str(problem)[:MAX_ERROR_CHARACTERS]
    retry_at = None if problem.is_final else notices.retry_at(message.attempts_made, now=now)
    message.next_attempt_at = retry_at
    if retry_at is None:
        message.state = MessageState.PARKED
        logger.warning("message_parked", extra={"recipient": message.recipient, "reason": message.last_error})


def _send_all(leased: Iterable[Leased], clock: Callable[[], datetime]) -> None:
    """One connection for all the mails of a batch; where it cannot be had, they all wait without another try."""
    everything = list(leased)
    mails = [one for one in everything if one.message.channel == Channel.EMAIL]
    for one in everything:
        if one.message.channel == Channel.CHAT:
            finish(one, _problem_of(lambda one=one: _chat(one.message)), now=clock())  # type: ignore[misc]
    if mails:
        _send_mails(mails, clock)


def _send_mails(mails: list[Leased], clock: Callable[[], datetime]) -> None:
    connection = get_connection()
    away = _problem_of(connection.open)
    for one in mails:
        problem = away or _problem_of(lambda one=one: _mail(one.message, connection))  # type: ignore[misc]
        finish(one, problem, now=clock())
    if away is None:
        _problem_of(connection.close)


def _problem_of(act: Callable[[], Any]) -> NotSent | None:
    """What went wrong on the wire, if anything."""
    try:
        act()
    except NotSent as problem:
        return problem
    except smtplib.SMTPRecipientsRefused as refused:
        code, said = next(iter(refused.recipients.values()))
        return NotSent(f"{code} {_readable(said)}", is_final=code in PERMANENT_SMTP_CODES)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return NotSent(f"{type(error).__name__}: {error}")
    return None


def _readable(said: Any) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _mail(message: Message, connection: BaseEmailBackend) -> None:
    headers = {"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"}
    if message.handoff_id:
        thread = thread_id(message.handoff_id)
        headers |= {"References": thread, "In-Reply-To": thread}
    mail = EmailMultiAlternatives(
        message.subject, message.text, to=[message.recipient], headers=headers, connection=connection
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    mail.send()


def _chat(message: Message) -> None:
    if message.address is None or not message.address.is_enabled:
        raise NotSent("The channel is switched off.", is_final=True)
    speaker = apprise.Apprise()
    if not speaker.add(message.address.address):
        raise NotSent("No apprise address: see the channel's settings.", is_final=True)
    if not speaker.notify(body=message.text, title=message.subject):
        raise NotSent("The chat did not take it.")


def _host() -> str:
    return urlsplit(settings.DESK_URL).hostname or "localhost"
