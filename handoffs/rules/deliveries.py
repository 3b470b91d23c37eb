"""What follows from one try to deliver a webhook: delivered, tried again and when, or parked; sending is not here."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import partial
from http import HTTPStatus

SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after the try before it each try is made; all of them span a little more than three days."""

JITTER_RATIO = 0.2
MAX_RETRY_AFTER = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One try as seen on the wire. `status` is None where no answer came; `error` then says why.

    `refused` means that the desk itself did not call: the URL or every address behind it is closed to webhooks.
    An `error` beside a status tells of an answer that broke off after its head.
    """

    status: int | None
    error: str = ""
    duration_ms: int = 0
    response_snippet: str = ""
    retry_after: str | None = None
    refused: bool = False


class JudgementKind(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    PARK = "park"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What to do with a delivery. `reason` is for people; `next_attempt_at` is set for RETRY alone."""

    kind: JudgementKind
    next_attempt_at: datetime | None = None
    reason: str = ""
    switch_endpoint_off: bool = False


@dataclass(frozen=True, kw_only=True)
class AnswerClass:
    """How a range of statuses is treated, and what the receiver's owner should know or do."""

    first: int
    last: int
    kind: JudgementKind
    advice: str = ""
    switch_endpoint_off: bool = False


def _again(first: int, advice: str, last: int | None = None) -> AnswerClass:
    return AnswerClass(first=first, last=last or first, kind=JudgementKind.RETRY, advice=advice)


# The first row that holds a status counts. Standard Webhooks takes everything but 2xx for a failure worth retrying and
# 410 for "stop"; a wrong token or path is usually put right within the three days, so nothing else is given up early.
ANSWER_CLASSES = (
    AnswerClass(first=200, last=299, kind=JudgementKind.DELIVERED),
    AnswerClass(
        first=410,
        last=410,
        kind=JudgementKind.PARK,
        advice="the receiver wants no more webhooks; the endpoint is switched off",
        switch_endpoint_off=True,
    ),
    _again(100, "an interim answer is not an answer", last=199),
    _again(300, "redirects are not followed; give the endpoint its final URL", last=399),
    _again(400, "the receiver could not read the webhook, or refused its signature"),
    _again(401, "the receiver wants credentials; check the signing secret and what stands before the receiver"),
    _again(403, "the receiver forbids it; check the signing secret and what stands before the receiver"),
    _again(404, "nothing answers there; check the path of the URL"),
    _again(405, "the receiver does not take POST there; check the path of the URL"),
    _again(408, "the receiver gave up waiting"),
    _again(409, "the receiver sees a conflict"),
    _again(413, "the receiver takes less than the webhook weighs; raise its limit"),
    _again(415, "the receiver does not take JSON; check the path of the URL"),
    _again(422, "the receiver could not use the content"),
    _again(425, "the receiver is not ready yet"),
    _again(429, "the receiver is asked too often"),
    _again(400, "the receiver refused it", last=499),
    _again(500, "the receiver failed"),
    _again(502, "what stands before the receiver cannot reach it"),
    _again(503, "the receiver is not available"),
    _again(504, "what stands before the receiver waited in vain"),
    _again(500, "the receiver failed", last=599),
    _again(0, "this is not a status of HTTP", last=999),
)


def judge(exchange: Exchange, *, attempts_made: int, delivery_id: str, now: datetime) -> Judgement:
    """Say what follows from a try; `attempts_made` counts this one, `now` is when it ended."""
    if exchange.refused:
        return Judgement(kind=JudgementKind.PARK, reason=exchange.error)
    again = partial(_retry_or_park, exchange, attempts_made=attempts_made, delivery_id=delivery_id, now=now)
    if exchange.status is None:
        return again(exchange.error)
    answer = class_of(exchange.status)
    if answer.kind is JudgementKind.DELIVERED:
        return Judgement(kind=JudgementKind.DELIVERED)
    reason = f"Answered {_in_words(exchange.status)}: {answer.advice}"
    if answer.kind is JudgementKind.PARK:
        return Judgement(kind=answer.kind, reason=reason, switch_endpoint_off=answer.switch_endpoint_off)
    return again(reason)


def class_of(status: int) -> AnswerClass:
    """The first row of ANSWER_CLASSES that holds `status`, a number of three digits."""
    return next(answer for answer in ANSWER_CLASSES if answer.first <= status <= answer.last)


def _in_words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retry_or_park(
    exchange: Exchange, reason: str, *, attempts_made: int, delivery_id: str, now: datetime
) -> Judgement:
    delay = delay_before(attempts_made + 1, delivery_id=delivery_id)
    if delay is None:
        return Judgement(kind=JudgementKind.PARK, reason=f"Given up after {attempts_made} tries. {reason}")
    wished = retry_after_of(exchange.retry_after, now=now)
    return Judgement(kind=JudgementKind.RETRY, next_attempt_at=now + max(delay, wished), reason=reason)


def delay_before(attempt: int, *, delivery_id: str) -> timedelta | None:
    """How long to wait before try number `attempt` (from 1), or None where the schedule has no such try.

    Spread by up to 20 % either way, always the same for a delivery and a try, so that a restart changes no date.
    """
    if attempt > len(SCHEDULE):
        return None
    return SCHEDULE[attempt - 1] * (1 + JITTER_RATIO * _spread(f"{delivery_id}:{attempt}"))


def _spread(key: str) -> float:
    """A number in [-1, 1) that looks random and depends on `key` alone."""
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**63 - 1


def retry_after_of(header: str | None, *, now: datetime) -> timedelta:
    """How long a Retry-After header (RFC 9110, seconds or a date) asks to wait, 0 to 24 h; 0 where it says nothing."""
    text = (header or "").strip()
    wished = _seconds_of(text) if text.isascii() and text.isdigit() else _until(text, now=now)
    return min(max(wished, timedelta(0)), MAX_RETRY_AFTER)


def _seconds_of(digits: str) -> timedelta:
    return MAX_RETRY_AFTER if len(digits) > 9 else timedelta(seconds=int(digits))


def _until(text: str, *, now: datetime) -> timedelta:
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return timedelta(0)
