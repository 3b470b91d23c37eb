"""One line of an uploaded history: checked, in the shape in which a replay keeps it, and back to facts for rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from handoffs.rules import strict_json
from handoffs.rules.canonical import exact_number
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.problems import did_you_mean

REFERENCE_CHARACTERS = 200
WORD_CHARACTERS = 100
OUTCOME_CHARACTERS = 64
TEXT_CHARACTERS = 10_000
NUMBER = re.compile(r"-?(0|[1-9]\d{0,29})(\.\d{1,20})?\Z", re.ASCII)
FORMULA = re.compile(r"=|[+\-@]\s*[A-Za-z_.]+\s*[(|!]")
YES, NO = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
TIME_KEYS = ("received_at", "at", "opened_at")


class BadLine(Exception):
    """A line that cannot be used; the message says what to change."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attempt of a file. `ended_at` and `outcome` tell what people made of it, where the file knows."""

    line: int
    at: datetime | None
    facts: AttemptFacts
    summary: str = ""
    root_cause: str = ""
    documents: tuple[str, ...] = field(default_factory=tuple)
    outcome: str = ""
    ended_at: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """What a replay keeps of it."""
        facts = self.facts
        return {
            "line": self.line,
            "at": self.at.isoformat() if self.at else None,
            "reference": facts.reference,
            "data": facts.data,
            "confidence": facts.confidence,
            "error_type": facts.error_type,
            "error_message": facts.error_message,
            "request_reason": facts.request_reason,
            "proposed_outcome": facts.proposed_outcome,
            "acted": facts.acted,
            "summary": self.summary,
            "root_cause": self.root_cause,
            "documents": list(self.documents),
            "outcome": self.outcome,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
        }

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> "Row":
        """The same row again."""
        confidence = kept["confidence"]
        names = ("reference", "data", "error_type", "error_message", "request_reason", "proposed_outcome", "acted")
        facts = AttemptFacts(
            **{name: kept[name] for name in names}, confidence=None if confidence is None else Decimal(confidence)
        )
        return cls(
            line=kept["line"],
            at=datetime.fromisoformat(kept["at"]) if kept["at"] else None,
            facts=facts,
            summary=kept["summary"],
            root_cause=kept["root_cause"],
            documents=tuple(kept["documents"]),
            outcome=kept["outcome"],
            ended_at=datetime.fromisoformat(kept["ended_at"]) if kept["ended_at"] else None,
        )


def row_of(report: Mapping[str, Any], *, line: int) -> Row:
    """A row from one report in the shape of the API, with `received_at`, `outcome` and `resolved_at` beside it.

    Raises BadLine.
    """
    unknown = sorted(set(report) - set(_KNOWN))
    if unknown:
        raise BadLine(f"unknown key {unknown[0][:40]}{did_you_mean(unknown[0], _KNOWN)}")
    error, context = _object(report, "error"), _object(report, "context")
    request = report.get("request_handoff")
    facts = AttemptFacts(
        reference=_text(report, "reference", REFERENCE_CHARACTERS, required=True),
        data=_object(report, "data"),
        confidence=_confidence(report.get("confidence")),
        error_type=_text(error, "type", WORD_CHARACTERS),
        error_message=_text(error, "message", TEXT_CHARACTERS),
        request_reason=None
        if request is None
        else _text(_object(report, "request_handoff"), "reason", TEXT_CHARACTERS),
        proposed_outcome=_text(report, "proposed_outcome", OUTCOME_CHARACTERS),
        acted=report.get("action_taken") is not None,
    )
    return Row(
        line=line,
        at=next((moment for key in TIME_KEYS if (moment := _moment(report, key))), None),
        facts=facts,
        summary=_text(context, "summary", 500),
        root_cause=_text(context, "root_cause", TEXT_CHARACTERS),
        documents=_words(context.get("documents")),
        outcome=_text(report, "outcome", OUTCOME_CHARACTERS),
        ended_at=_moment(report, "resolved_at"),
    )


class Columns:
    """The header of a CSV file: where each column goes. Raises BadLine for one that a replay cannot use."""

    def __init__(self, names: list[str], schema: DataSchema) -> None:
        self.names = [name.strip() for name in names]
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise BadLine(f"the column {twice[:40]!r} stands twice" if twice else "a column has no name")
        unknown = next((name for name in self.names if name not in COLUMNS and not name.startswith("data.")), None)
        if unknown is not None:
            near = did_you_mean(unknown, COLUMNS)
            raise BadLine(f"the column {unknown[:40]!r} is not known{near or ': what attempts carry is named data.…'}")
        if "reference" not in self.names:
            raise BadLine("the column reference is missing: it names the case")
        self.types = {name: _types_of(schema, name) for name in self.names if name.startswith("data.")}

    def report(self, cells: list[str]) -> dict[str, Any]:
        """A line as a report in the shape of the API; empty cells are left out. Raises BadLine."""
        if len(cells) != len(self.names):
            raise BadLine(f"{len(cells)} cells, but the header has {len(self.names)} columns")
        report: dict[str, Any] = {}
        for name, cell in zip(self.names, cells, strict=True):
            text = cell.strip()
            if FORMULA.match(text):
                raise BadLine(f"{name} holds a spreadsheet formula: export values, not formulas")
            if text and name not in IGNORED:
                self._put(report, name, text)
        return report

    def _put(self, report: dict[str, Any], name: str, text: str) -> None:
        if name.startswith("data."):
            *way, last = name.split(".")
            _within(report, way)[last] = coerced(text, self.types[name])
        else:
            way, read = COLUMNS[name]
            _within(report, way[:-1])[way[-1]] = read(text)


def coerced(text: str, types: frozenset[str]) -> Any:
    """A cell as the JSON value that the policy's data schema says it is; what does not fit stays text."""
    if "string" in types:
        return text
    if not types or types & {"number", "integer"}:
        return exact_number(text) if "." in text and NUMBER.match(text) else _whole(text)
    if "boolean" in types and text.casefold() in YES + NO:
        return text.casefold() in YES
    if types & {"array", "object"}:
        return _json(text)
    return text


def _whole(text: str) -> int | str:
    return int(text) if NUMBER.match(text) else text


def _json(text: str) -> Any:
    try:
        return strict_json.read(f'{{"value": {text}}}'.encode()).get("value", text)
    except strict_json.BodyUnreadable:
        return text


def _types_of(schema: DataSchema, name: str) -> frozenset[str]:
    try:
        spec = schema.field(name)
    except Exception as error:
        raise BadLine(f"the column {name[:40]!r} is no path such as data.amount") from error
    return frozenset(spec.type.split("|")) - {"", "null"} if spec else frozenset()


def _within(report: dict[str, Any], way: list[str]) -> dict[str, Any]:
    for part in way:
        below = report.setdefault(part, {})
        if not isinstance(below, dict):
            raise BadLine(f"{'.'.join(way)} is both a value and an object")
        report = below
    return report


def _text(within: Mapping[str, Any], key: str, characters: int, *, required: bool = False) -> str:
    value = within.get(key)
    if value is None or value == "":
        if required:
            raise BadLine(f"{key} is missing")
        return ""
    if not isinstance(value, str):
        raise BadLine(f"{key} must be a text")
    if len(value) > characters:
        raise BadLine(f"{key} has {len(value)} characters, {characters} are allowed")
    if "\0" in value:
        raise BadLine(f"{key} holds a NUL character")
    return value


def _object(within: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = within.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadLine(f"{key} must be an object")
    return value


def _words(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(word, str) and len(word) <= 255 for word in value):
        raise BadLine("documents must be a list of names")
    return tuple(value[:50])


def _confidence(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= 1:
        raise BadLine("confidence must be a number from 0 to 1")
    return Decimal(value)


def _moment(report: Mapping[str, Any], key: str) -> datetime | None:
    value = report.get(key)
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadLine(f"{key} is no time: write 2026-11-20T09:00:00Z") from error
    if not 1990 <= moment.year <= 2100:
        raise BadLine(f"{key} is in the year {moment.year}")
    return moment


def _number(text: str) -> Any:
    return coerced(text, frozenset({"number"}))


def _list(text: str) -> list[str]:
    return [word.strip() for word in re.split("[;|]", text) if word.strip()]


def _flag(text: str) -> dict[str, Any] | None:
    return None if text.casefold() in NO else {"summary": text}


def _request(text: str) -> dict[str, Any] | None:
    return None if text.casefold() in NO else {"reason": "" if text.casefold() in YES else text}


COLUMNS: dict[str, tuple[list[str], Any]] = {
    **{name: ([name], str) for name in ("reference", *TIME_KEYS, "proposed_outcome", "outcome", "resolved_at")},
    "confidence": (["confidence"], _number),
    "error.type": (["error", "type"], str),
    "error.message": (["error", "message"], str),
    "error_type": (["error", "type"], str),
    "error_message": (["error", "message"], str),
    "request_handoff": (["request_handoff"], _request),
    "action_taken": (["action_taken"], _flag),
    "summary": (["context", "summary"], str),
    "root_cause": (["context", "root_cause"], str),
    "documents": (["context", "documents"], _list),
}
IGNORED = frozenset(
    ("workflow", "accepted_at", "role", "trigger", "decided_by", "returns", "reopens", "not_needed", "state",
     "correlation_id", "callback_url")
)  # fmt: skip
"""What a file of past handoffs carries beside; the replay finds out by itself."""
COLUMNS |= {name: ([name], str) for name in IGNORED}
_KNOWN = ("reference", *TIME_KEYS, "data", "confidence", "error", "request_handoff", "action_taken", "proposed_outcome",
          "context", "outcome", "resolved_at", *sorted(IGNORED))  # fmt: skip
