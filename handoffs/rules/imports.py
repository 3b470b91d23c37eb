"""One row of past handoffs, as a file says it, read into facts or refused with a reason; files are left to others."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from handoffs.choices import PRIORITY_RANKS, Priority, State
from handoffs.rules.canonical import exact_number
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.problems import did_you_mean

COLUMNS = (
    "reference", "opened_at", "accepted_at", "resolved_at", "role", "outcome", "trigger", "decided_by", "returns",
    "reopens", "not_needed", "state", "priority", "resolve_by", "suggested_outcome", "reason",
)  # fmt: skip
"""What a file may say of a handoff, beside `data.*`."""
REQUIRED = ("reference", "opened_at")
DATA_PREFIX = "data."
CLOCK_NAME = "clock"
IMPORTED_TRIGGER = "imported"
END_STATES = {State.RESOLVED.value: State.RESOLVED, State.WITHDRAWN.value: State.WITHDRAWN}
TRUTHS = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
KEY = re.compile(r"[\w.:-]{1,64}\Z")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
REFERENCE_CHARACTERS, NAME_CHARACTERS, CELL_CHARACTERS, REASON_CHARACTERS = 200, 150, 20_000, 5_000
MOST_TIMES = 32_767


class BadRow(ValueError):
    """The row cannot be imported; the message says why, in words for whoever made the file."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What rows are read against: this moment, the roles that there are, and the shape of the data."""

    now: datetime
    roles: frozenset[str]
    schema: DataSchema
    _kinds: dict[str, frozenset[str]] = field(default_factory=dict)

    def kinds_of(self, name: str) -> frozenset[str]:
        """The JSON types that the policy allows at a path; none where it says nothing. Worked out once per path."""
        if name not in self._kinds:
            spec = self.schema.field(name)
            said = spec.schema.get("type") if spec else None
            self._kinds[name] = frozenset([said] if isinstance(said, str) else said or ())
        return self._kinds[name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """What is known of a past decision beside the decision: what people said of it, and what became of it."""

    context_sufficed: bool | None = None
    missing_parts: tuple[str, ...] = ()
    comment: str = ""
    delivered_at: datetime | None = None
    applied_at: datetime | None = None
    reversed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastHandoff:
    """A handoff that ended before the desk knew of it.

    `ended_at` is when it was resolved or withdrawn. `decided_by` is a name, `clock`, or empty where nobody knows.
    Empty words are for the live policy to fill: the role by its routes, the trigger by its conditions.
    """

    reference: str
    opened_at: datetime
    accepted_at: datetime | None = None
    ended_at: datetime
    state: State
    role: str = ""
    priority: Priority | None = None
    outcome: str = ""
    trigger: str = ""
    decided_by: str = ""
    returns: int = 0
    reopens: int = 0
    person_needed: bool | None = None
    resolve_by: datetime | None = None
    suggested_outcome: str = ""
    reason: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    confidence: Decimal | None = None
    later: Later | None = None

    @property
    def is_out_of_order(self) -> bool:
        """Whether something ended before it began: real logs say so at times, and what they say is kept."""
        accepted_at = self.opened_at if self.accepted_at is None else self.accepted_at
        return not self.opened_at <= accepted_at <= self.ended_at


def read_row(row: Mapping[str, Any], ground: Ground) -> PastHandoff:
    """The handoff that a row tells of. Raises BadRow with everything that is wrong with it."""
    reader = _Row(row, ground)
    past = reader.read()
    if reader.wrong or past is None:
        raise BadRow("; ".join(reader.wrong))
    return past


def unknown_column(name: str) -> str:
    """What to say of a column that means nothing here; empty for one that does."""
    if name in COLUMNS or (name.startswith(DATA_PREFIX) and len(name) > len(DATA_PREFIX)):
        return ""
    near = did_you_mean(name, COLUMNS)
    return f"unknown column {name[:80]!r}{near}" + ("" if near else f": write data.{name[:80]} for what is data")


class _Row:
    """Reads one row, gathering what is wrong instead of stopping at the first."""

    def __init__(self, row: Mapping[str, Any], ground: Ground) -> None:
        self.row, self.ground = row, ground
        self.wrong: list[str] = []

    def read(self) -> PastHandoff | None:
        opened_at, ended_at = self.moment("opened_at"), self.moment("resolved_at")
        given = {
            "reference": self.reference(),
            "accepted_at": self.moment("accepted_at"),
            "role": self.role(),
            "priority": self.of("priority", lambda text: Priority(text.lower()) if text else None, "no priority"),
            "decided_by": self.text("decided_by", NAME_CHARACTERS),
            "returns": self.of("returns", _count, "no count"),
            "reopens": self.of("reopens", _count, "no count"),
            "person_needed": self.of("not_needed", _needed, "neither true nor false"),
            "resolve_by": self.moment("resolve_by", is_past=False),
            "reason": self.text("reason", REASON_CHARACTERS, lines=True),
            "data": self.data(),
            **{name: self.key(name) for name in ("outcome", "trigger", "suggested_outcome")},
        }
        state = self.state(ended_at)
        if opened_at is None:
            self.missing("opened_at")
            return None
        return PastHandoff(opened_at=opened_at, ended_at=ended_at or self.ground.now, state=state, **given)

    def cell(self, name: str) -> str:
        value = self.row.get(name)
        if isinstance(value, str):
            return value.strip()
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Mapping | list):
            self.wrong.append(f"{name} is neither a text nor a number")
            return ""
        return str(value)

    def text(self, name: str, most: int, *, lines: bool = False) -> str:
        text = self.cell(name)
        if len(text) > most:
            self.wrong.append(f"{name} has more than {most} characters")
        if "\0" in text if lines else CONTROL.search(text):
            self.wrong.append(f"{name} has control characters")
        return text

    def of(self, name: str, read: Callable[[str], Any], words: str) -> Any:
        text = self.cell(name)
        try:
            return read(text)
        except (ValueError, KeyError):
            self.wrong.append(f"{name} is {words}: {text[:80]!r}")
            return None

    def moment(self, name: str, *, is_past: bool = True) -> datetime | None:
        text = self.cell(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                self.wrong.append(f"{name} has no time zone: write {text[:40]}Z for UTC, or an offset such as +02:00")
                return None
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong.append(f"{name} is no time such as 2026-05-31T09:30:00Z: {text[:80]!r}")
            return None
        if moment < EARLIEST or (is_past and moment > self.ground.now):
            self.wrong.append(f"{name} is {'in the future' if moment > self.ground.now else 'before 1900'}: {text}")
        return moment

    def reference(self) -> str:
        text = self.text("reference", REFERENCE_CHARACTERS)
        if not text:
            self.missing("reference")
        return text

    def missing(self, name: str) -> None:
        if not any(words.startswith(name) for words in self.wrong):
            self.wrong.append(f"{name} is missing")

    def role(self) -> str:
        name = self.text("role", NAME_CHARACTERS)
        if name and name not in self.ground.roles:
            self.wrong.append(f"there is no role {name!r}{did_you_mean(name, self.ground.roles)}")
        return name

    def key(self, name: str) -> str:
        text = self.cell(name)
        if text and not KEY.match(text):
            self.wrong.append(f"{name} is no key of a policy (letters, digits, . : _ -, at most 64): {text[:80]!r}")
        return text

    def state(self, ended_at: datetime | None) -> State:
        text = self.cell("state").lower()
        if text and text not in END_STATES:
            self.wrong.append(f"state is neither resolved nor withdrawn: {text[:80]!r}")
        state = END_STATES.get(text) or (State.RESOLVED if ended_at else State.WITHDRAWN)
        if state is State.RESOLVED and not self.cell("resolved_at"):
            self.wrong.append("it is resolved, but resolved_at is missing")
        return state

    def data(self) -> dict[str, Any]:
        nested = self.row.get("data")
        found: dict[str, Any] = dict(nested) if isinstance(nested, Mapping) else {}
        for name, value in self.row.items():
            if name.startswith(DATA_PREFIX) and value not in ("", None):
                self._put(found, name, value)
        if nested and "\\u0000" in json.dumps(nested, default=str):
            self.wrong.append("data has NUL characters")
        return found

    def _put(self, found: dict[str, Any], name: str, value: Any) -> None:
        *folders, last = name.split(".")[1:]
        for folder in folders:
            found = found.setdefault(folder, {})
            if not isinstance(found, dict):
                self.wrong.append(f"{name} lies below a value that is no object")
                return
        try:
            found[last] = _typed(value, self.ground.kinds_of(name)) if isinstance(value, str) else value
        except (ValueError, InvalidOperation):
            self.wrong.append(f"{name} is not what the policy says it is: {value[:80]!r}")


def _count(text: str) -> int:
    number = int(text or "0")
    if not 0 <= number <= MOST_TIMES:
        raise ValueError(text)
    return number


def _needed(text: str) -> bool | None:
    not_needed = TRUTHS[text.lower()]
    return None if not_needed is None else not not_needed


def _typed(text: str, kinds: frozenset[str]) -> Any:
    """A cell as the policy's data says it is; text where text is allowed, or nothing is said."""
    if len(text) > CELL_CHARACTERS or "\0" in text:
        raise ValueError(text)
    if not kinds or "string" in kinds:
        return text
    if kinds & {"number", "integer"}:
        number = exact_number(text)
        if not number.is_finite() or abs(number.adjusted()) > 40:
            raise ValueError(text)
        return int(number) if "number" not in kinds and number == number.to_integral_value() else number
    if kinds & {"boolean"}:
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse(text)
    return json.loads(text, parse_float=Decimal) if kinds & {"array", "object"} else _refuse(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def priority_rank(priority: Priority | None) -> int:
    """How the priority is stored; normal where nobody said."""
    return PRIORITY_RANKS[priority or Priority.NORMAL]
