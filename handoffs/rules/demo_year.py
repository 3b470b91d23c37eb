"""A believable year of the invoice demo: a weekly rhythm, a bad week, and a policy that got better half-way.

Every draw comes from a hash of the seed, so the same seed tells the same year.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from handoffs.choices import Priority, State
from handoffs.rules.imports import Later, PastHandoff

DAYS = 364
CHANGED_DAYS_AGO = 150
BAD_WEEK_DAYS_AGO = range(96, 103)
OLD_THRESHOLD, NEW_THRESHOLD = Decimal(1), Decimal(2)
WEEKDAY_WEIGHTS = (1.35, 1.15, 1.0, 1.0, 0.85, 0.12, 0.06)
VENDORS = ("Acme Supplies", "Nordwind Steel", "Baltic Paper", "Juno Chemicals", "Tern Logistics", "Halden Tools")
CLERKS, ANALYSTS, MANAGERS = ("ann", "bob"), ("bob",), ("lea",)
PROCEEDS_PER_HANDOFF = 2
COMMENTS = (
    "Below five percent it is nearly always freight",
    "The order was there under the old number",
    "I had to look up the delivery note",
    "Same vendor, same difference every month",
)


@dataclass(frozen=True, kw_only=True)
class Year:
    """The handoffs of the year, and the attempts that needed nobody; both in the order of time."""

    handoffs: tuple[PastHandoff, ...]
    attempts: tuple[PastHandoff, ...]


class _Dice:
    """Numbers in [0, 1) that depend on the seed and on what they are for."""

    def __init__(self, *parts: Any) -> None:
        self.seed = ":".join(map(str, parts))

    def roll(self, what: str) -> float:
        digest = hashlib.blake2b(f"{self.seed}:{what}".encode(), digest_size=7).digest()
        return int.from_bytes(digest) / 2**56

    def pick(self, what: str, options: Any) -> Any:
        return options[int(self.roll(what) * len(options))]


def year(*, count: int, seed: int, now: datetime) -> Year:
    """About `count` handoffs that ended before `now`, with the attempts beside them."""
    days = [_day(offset, now) for offset in range(DAYS, 0, -1)]
    weights = [_weight(offset, day) for offset, day in zip(range(DAYS, 0, -1), days, strict=True)]
    total = sum(weights)
    handoffs: list[PastHandoff] = []
    attempts: list[PastHandoff] = []
    owed = 0.0
    for offset, day, weight in zip(range(DAYS, 0, -1), days, weights, strict=True):
        owed += count * weight / total
        while owed >= 1:
            owed -= 1
            number = len(handoffs) + 1
            handoffs.append(_handoff(_Dice(seed, number), number, offset, day, now))
            attempts += _proceeds(_Dice(seed, "p", number), number, day)
    return Year(handoffs=tuple(handoffs), attempts=tuple(attempts))


def _day(offset: int, now: datetime) -> datetime:
    return datetime.combine((now - timedelta(days=offset)).date(), time(), tzinfo=now.tzinfo)


def _weight(offset: int, day: datetime) -> float:
    weight = WEEKDAY_WEIGHTS[day.weekday()] * (1.4 if day.day >= 28 or day.day <= 2 else 1.0)
    noisy = 1.35 if offset > CHANGED_DAYS_AGO else 1.0
    return weight * noisy * (2.4 if offset in BAD_WEEK_DAYS_AGO else 1.0)


def _opened_at(dice: _Dice, day: datetime) -> datetime:
    """Between seven and seven, most around ten and three."""
    hour = 7 + 12 * (dice.roll("hour") + dice.roll("hour again")) / 2
    return day + timedelta(hours=hour, microseconds=int(dice.roll("microsecond") * 1e6))


def _handoff(dice: _Dice, number: int, offset: int, day: datetime, now: datetime) -> PastHandoff:
    is_bad, is_old = offset in BAD_WEEK_DAYS_AGO, offset > CHANGED_DAYS_AGO
    data = _data(dice, number, OLD_THRESHOLD if is_old else NEW_THRESHOLD)
    variance = Decimal(data["price_variance_percent"]) if "price_variance_percent" in data else None
    needed = _needs_person(dice, variance)
    opened_at = _opened_at(dice, day)
    accepted_at = opened_at + timedelta(minutes=6 + 70 * dice.roll("accept") ** 2 * (6 if is_bad else 1))
    slow = (4 if is_bad else 1) * (1.6 if is_old else 1)
    ended_at = accepted_at + timedelta(minutes=9 + 210 * dice.roll("resolve") ** 2 * slow)
    is_dear = Decimal(data["amount"]) > 5000
    suggested = "approve_and_pay" if variance is not None and variance <= 3 else "request_vendor_correction"
    outcome = _outcome(dice, suggested, needed)
    told = _told(dice, needed)
    return PastHandoff(
        reference=f"PAST-{number:05}",
        opened_at=opened_at,
        accepted_at=accepted_at,
        ended_at=min(ended_at, now),
        state=State.WITHDRAWN if dice.roll("withdrawn") < 0.02 else State.RESOLVED,
        role="Procurement analyst" if is_dear else "AP clerk",
        priority=Priority.HIGH if is_dear else None,
        outcome=outcome,
        trigger="missing_po" if variance is None else "price_variance",
        decided_by=dice.pick("who", ANALYSTS if is_dear else CLERKS),
        returns=int(dice.roll("returned") < (0.14 if variance is None else 0.04) * (2 if is_bad else 1)),
        reopens=int(dice.roll("reopened") < 0.02),
        person_needed=needed if told else None,
        suggested_outcome=suggested,
        reason="" if outcome == "approve_and_pay" else "The price on the invoice is not the agreed one",
        data=data,
        later=_later(dice, ended_at, told, variance),
    )


def _data(dice: _Dice, number: int, threshold: Decimal) -> dict[str, Any]:
    amount = Decimal(int(18_000 + 900_000 * dice.roll("amount") ** 3)) / 100
    common = {
        "invoice_number": f"PAST-{number:05}",
        "vendor": dice.pick("vendor", VENDORS),
        "amount": f"{amount:.2f}",
        "currency": "USD",
    }
    if dice.roll("no order") < 0.22:
        return common
    over = threshold + Decimal(1 + int(900 * dice.roll("variance") ** 2)) / 100
    return common | {"po_number": f"PO-{700 + number % 400}", "price_variance_percent": f"{over:.2f}"}


def _needs_person(dice: _Dice, variance: Decimal | None) -> bool:
    """Small differences are freight and rounding; large ones and lost orders are not."""
    if variance is None:
        return dice.roll("needed") < 0.9
    return dice.roll("needed") < (0.01 if variance <= 3 else 0.45 if variance <= 5 else 0.95)


def _outcome(dice: _Dice, suggested: str, needed: bool) -> str:
    if not needed:
        return "approve_and_pay"
    rolled = dice.roll("outcome")
    return suggested if rolled < 0.55 else "request_vendor_correction" if rolled < 0.9 else "reject"


def _told(dice: _Dice, needed: bool) -> bool:
    return dice.roll("told") < 0.7


def _later(dice: _Dice, ended_at: datetime, told: bool, variance: Decimal | None) -> Later:
    lacked = told and dice.roll("lacked") < (0.3 if variance is None else 0.12)
    delivered_at = ended_at + timedelta(seconds=0.2 + 3 * dice.roll("delivered"))
    was_reversed = dice.roll("reversed") < 0.008
    return Later(
        context_sufficed=not lacked if told else None,
        missing_parts=(dice.pick("part", ("document:delivery note", "data.po_line", "data.lines")),) if lacked else (),
        comment=dice.pick("comment", COMMENTS) if told and dice.roll("commented") < 0.05 else "",
        delivered_at=delivered_at,
        applied_at=delivered_at + timedelta(seconds=1 + 20 * dice.roll("applied") ** 3),
        reversed_at=ended_at + timedelta(days=1 + dice.roll("reversed after")) if was_reversed else None,
    )


def _proceeds(dice: _Dice, number: int, day: datetime) -> Iterator[PastHandoff]:
    """Invoices of the same day that nobody had to see."""
    for index in range(PROCEEDS_PER_HANDOFF):
        own = _Dice(dice.seed, index)
        opened_at = _opened_at(own, day)
        data: Mapping[str, Any] = {
            "vendor": own.pick("vendor", VENDORS),
            "amount": f"{Decimal(int(10_000 + 400_000 * own.roll('amount') ** 3)) / 100:.2f}",
            "currency": "USD",
            "po_number": f"PO-{700 + (number + index) % 400}",
            "price_variance_percent": f"{Decimal(int(95 * own.roll('variance') ** 2)) / 100:.2f}",
        }
        reference = f"PAST-{number:05}-{index + 1}"
        yield PastHandoff(
            reference=reference, opened_at=opened_at, ended_at=opened_at, state=State.WITHDRAWN, data=data
        )
