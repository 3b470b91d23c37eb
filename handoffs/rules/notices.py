"""What people are told, in words, and when it may reach them; who they are and how it travels is left to actions.

Moments are spelled in the recipient's time zone. A masked text says that there is something, and never what.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handoffs.choices import FieldType, Labelled, ReminderAnchor
from handoffs.rules.package import grouped

MAX_TITLE_CHARACTERS = 200
DIGEST_FROM = 4
"""So many notices waiting for one person at once go as one message."""
FLOOD_WINDOW = timedelta(minutes=10)
FLOOD_LIMIT = 3
"""So many single messages within the window; what comes after waits and goes as a digest."""
COLLECTING = timedelta(seconds=10)
"""How long a notice waits for others before it goes out."""
RETRY_AFTER_SECONDS = (30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800)
HIDDEN = "•••"
NUMBERS = (FieldType.MONEY, FieldType.PERCENT, FieldType.NUMBER)
MIN_HIDDEN_CHARACTERS = 3


@dataclass(frozen=True, kw_only=True)
class About:
    """The handoff that a notice is about, as far as words need it."""

    number: int
    reference: str
    workflow: str
    role: str
    holder: str = ""


@dataclass(frozen=True, kw_only=True)
class Words:
    """A title for lists, and one or two sentences."""

    title: str
    text: str


class Sending(Labelled):
    EACH = "each"
    DIGEST = "digest"
    WAIT = "wait"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How what waits for one recipient goes out; `until` says how long it waits instead."""

    sending: Sending
    until: datetime | None = None


# --- words ----------------------------------------------------------------------------------------------------------


def reminder(
    about: About, *, anchor: ReminderAnchor, due_at: datetime | None, zone: tzinfo, now: datetime, default: str = ""
) -> Words:
    """That a target comes or has passed; `default` is the outcome that the cut-off will apply."""
    if anchor is ReminderAnchor.CUT_OFF:
        applied = f"Then “{default}” is applied without a person." if default else ""
        return _words(f"{about.reference} is cut off soon", _due("Cut-off", due_at, zone, now), applied)
    if anchor is ReminderAnchor.ACCEPT:
        late = due_at is not None and due_at <= now
        title = f"{about.reference} waits to be accepted" + (", overdue" if late else "")
        return _words(title, _due("Accept by", due_at, zone, now), f"Nobody of {about.role} holds it yet.")
    late = due_at is not None and due_at <= now
    title = f"{about.reference} waits for a decision" + (", overdue" if late else "")
    holder = f"{about.holder} holds it." if about.holder else f"It is with {about.role}, and nobody holds it."
    return _words(title, _due("Decide by", due_at, zone, now), holder)


def escalated(
    about: About, *, from_role: str, reason: str, due_at: datetime | None, zone: tzinfo, now: datetime
) -> Words:
    """That it moved up, from where and why."""
    title = f"{about.reference} moved up to {about.role}"
    return _words(title, f"From {from_role}: {reason}.", _due("Decide by", due_at, zone, now))


def cut_off(about: About, *, outcome: str, at: datetime, zone: tzinfo) -> Words:
    """That the clock decided."""
    text = f"Nobody decided before the cut-off on {moment(at, zone)}, so “{outcome}” was applied."
    return _words(f"{about.reference} was cut off: {outcome}", text)


def given_back(about: About, *, reason: str) -> Words:
    """That the holder no longer holds it."""
    return _words(f"{about.reference} went back to {about.role}", f"You held it. {reason}.")


def assigned(about: About, *, by: str, due_at: datetime | None, zone: tzinfo, now: datetime) -> Words:
    """That a manager gave it to the reader."""
    return _words(f"{about.reference} was assigned to you", f"By {by}.", _due("Decide by", due_at, zone, now))


def covered(about: About, *, absent: str, until: datetime, zone: tzinfo) -> Words:
    """That it is offered to who covers for somebody."""
    text = f"{absent} is away until {moment(until, zone)}, and you cover. It is offered to you first."
    return _words(f"{about.reference} was handed over to you", text)


def receipt_overdue(about: About, *, automation: str) -> Words:
    """That the automation does not say what came of a decision."""
    text = f"{automation} was to say whether the decision was applied, and has not."
    return _words(f"The receipt for {about.reference} is overdue", text)


def delivery_parked(about: About, *, reason: str) -> Words:
    """That a message to the automation cannot be delivered."""
    text = f"Every try failed ({reason}). It stays parked until somebody sends it again."
    return _words(f"{about.reference} could not be delivered", text)


def endpoint_off(about: About, *, url: str, reason: str) -> Words:
    """That an endpoint of the workflow is switched off."""
    text = f"{reason}. What it misses is kept, and sent once somebody switches it on again under Deliveries."
    return _words(f"An endpoint of {about.workflow} is switched off: {url}", text)


def empty_role(about: About, *, role: str) -> Words:
    """That nobody is there for a role."""
    text = f"{about.workflow} routed it to a role without anybody active and available. Give somebody the role."
    return _words(f"Nobody of {role} is available for {about.reference}", text)


def stepped_back(workflow: str, *, percent: float, reason: str) -> Words:
    """That the clock stepped a stage back."""
    return _words(f"{workflow} stepped back to {percent:g} %", f"{reason}.", "See its rollout page for the figures.")


def masked(about: About) -> Words:
    """The same for a channel that must not know what it is about."""
    return _words(f"A handoff of {about.workflow} needs attention", "Open the desk to see it.")


def _words(title: str, *sentences: str) -> Words:
    return Words(title=title[:MAX_TITLE_CHARACTERS], text=" ".join(sentence for sentence in sentences if sentence))


def _due(verb: str, due_at: datetime | None, zone: tzinfo, now: datetime) -> str:
    if due_at is None:
        return ""
    left = due_at - now
    away = f"{spelled(left)} left" if left > timedelta(0) else f"{spelled(-left)} ago"
    return f"{verb} {moment(due_at, zone)} ({away})."


def moment(at: datetime, zone: tzinfo) -> str:
    """`Tuesday 24 November, 15:00 CET`."""
    local = at.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B, %H:%M %Z}"


def spelled(length: timedelta) -> str:
    """Two units at most, in full: `35 minutes`, `2 hours 10 minutes`, `3 days 4 hours`."""
    minutes = int(abs(length.total_seconds()) // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return _many(minutes, "minute")
    large, small = divmod(minutes, 60) if minutes < 1440 else divmod(minutes // 60, 24)
    units = ("hour", "minute") if minutes < 1440 else ("day", "hour")
    return f"{_many(large, units[0])} {_many(small, units[1])}" if small else _many(large, units[0])


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def zone_of(name: str) -> tzinfo:
    """The zone called `name`; UTC for a name that no zone has."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


# --- what may be told -----------------------------------------------------------------------------------------------


def without_secrets(text: str, package: Mapping[str, Any]) -> str:
    """The text with every sensitive value of the package hidden, wherever a summary quotes one."""
    values = (str(fact["value"]) for fact in package["fields"] if fact["sensitive"] and fact["value"] is not None)
    for value in sorted(values, key=len, reverse=True):
        if len(value) >= MIN_HIDDEN_CHARACTERS:
            text = text.replace(value, HIDDEN)
    return text


def tellable_facts(package: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of each fact that a message may carry: no tables, and sensitive ones hidden."""
    return [(fact["label"], _told(fact)) for fact in package["fields"] if not isinstance(fact["value"], list | dict)]


def _told(fact: Mapping[str, Any]) -> str:
    if fact["sensitive"]:
        return HIDDEN
    if fact["value"] is None:
        return "–"
    unit = "%" if fact["type"] == FieldType.PERCENT else fact.get("currency") or ""
    value = grouped(fact["value"]) if fact["type"] in NUMBERS else fact["value"]
    return f"{value} {unit}".strip()


# --- when it may go -------------------------------------------------------------------------------------------------


def plan(waiting_count: int, *, sent: Sequence[tuple[datetime, bool]], now: datetime) -> Plan:
    """How `waiting_count` notices for one recipient go out.

    `sent` are the recipient's messages within FLOOD_WINDOW, as (created_at, was it a digest). After a digest, or after
    FLOOD_LIMIT single ones, the rest waits until the window has passed, and goes as one.
    """
    recent = sorted(sent)
    if any(was_digest for _, was_digest in recent):
        return Plan(sending=Sending.WAIT, until=max(at for at, was_digest in recent if was_digest) + FLOOD_WINDOW)
    if waiting_count >= DIGEST_FROM:
        return Plan(sending=Sending.DIGEST)
    if len(recent) + waiting_count > FLOOD_LIMIT:
        return Plan(sending=Sending.WAIT, until=recent[0][0] + FLOOD_WINDOW)
    return Plan(sending=Sending.EACH)


def quiet_until(quiet_from: time | None, quiet_to: time | None, *, zone: tzinfo, now: datetime) -> datetime | None:
    """When the person's quiet hours end, in UTC; None outside them. They may go past midnight."""
    if quiet_from is None or quiet_to is None or quiet_from == quiet_to:
        return None
    local = now.astimezone(zone)
    clock = local.time()
    over_midnight = quiet_from > quiet_to
    inside = clock >= quiet_from or clock < quiet_to if over_midnight else quiet_from <= clock < quiet_to
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_midnight and clock >= quiet_from else 0)
    return datetime.combine(day, quiet_to, tzinfo=zone).astimezone(UTC)


def retry_at(attempts_made: int, *, now: datetime) -> datetime | None:
    """When to try a message again after so many failed attempts; None when it is given up and parked."""
    if attempts_made > len(RETRY_AFTER_SECONDS):
        return None
    return now + timedelta(seconds=RETRY_AFTER_SECONDS[attempts_made - 1])


def digest_title(titles: Iterable[str], count: int) -> str:
    """The subject of a digest: how many, beginning with the first."""
    first = next(iter(titles), "")
    return f"{count} handoffs need attention: {first} …"[:MAX_TITLE_CHARACTERS]
