"""What is said and heard: attempts, answers, handoffs and decisions, as the HTTP contract has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ReceiptStatus = Literal["applied", "failed", "rolled_back", "reversed", "not_needed"]
"""What may come of a decision; the last two are later facts, said at any time after it."""

OPEN_STATES = frozenset({"pending", "in_progress", "returned", "awaiting_confirmation"})
ROLL_BACK = "roll_back"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One report on a case. `data` is what the policy reads: amounts as Decimal or text, so that they stay exact.

    `error_type` says that it failed; `action_summary` and `undo` say what was done and how to take it back;
    `request_reason` asks for a person outright; `resolve_by` is a deadline of the case's own.
    """

    workflow: str
    reference: str
    data: Mapping[str, Any] = field(default_factory=dict)
    confidence: Any = None
    error_type: str = ""
    error_message: str = ""
    request_reason: str = ""
    action_summary: str = ""
    undo: Mapping[str, Any] | None = None
    proposed_outcome: str = ""
    summary: str = ""
    root_cause: str = ""
    links: Sequence[Mapping[str, str]] = ()
    documents: Sequence[str] = ()
    callback_url: str = ""
    correlation_id: str = ""
    resolve_by: datetime | None = None

    def body(self) -> dict[str, Any]:
        """The JSON object for `POST /api/v1/cases/`, without what was not said."""
        said = {
            "workflow": self.workflow,
            "reference": self.reference,
            "data": dict(self.data),
            "confidence": self.confidence,
            "error": {"type": self.error_type, "message": self.error_message} if self.error_type else None,
            "request_handoff": {"reason": self.request_reason} if self.request_reason else None,
            "action_taken": self._action(),
            "proposed_outcome": self.proposed_outcome,
            "context": self._context(),
            "callback_url": self.callback_url,
            "correlation_id": self.correlation_id,
            "resolve_by": self.resolve_by.isoformat() if self.resolve_by else None,
        }
        return {name: value for name, value in said.items() if value not in (None, "", {})}

    def _action(self) -> dict[str, Any] | None:
        if not self.action_summary:
            return None
        return {"summary": self.action_summary} | ({"undo": dict(self.undo)} if self.undo is not None else {})

    def _context(self) -> dict[str, Any]:
        given = {
            "summary": self.summary,
            "root_cause": self.root_cause,
            "links": [dict(link) for link in self.links],
            "documents": list(self.documents),
        }
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, kw_only=True)
class UndoStep:
    """One thing that this automation did, and what it said it takes to undo it."""

    attempt: str
    summary: str
    undo: Any


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided. `recovery` is what to do now: resume, retry, mark_resolved, roll_back or none.

    `undo` lists what to take back, the last step first. `decided_by` is a name; `by_clock`: it was the cut-off.
    """

    outcome: str
    recovery: str
    reason: str
    decided_by: str
    by_clock: bool
    decided_at: str
    context_digest: str
    answers: Mapping[str, Any]
    undo: tuple[UndoStep, ...]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Decision":
        """From the contract's object."""
        decided_by = told.get("decided_by") or {}
        return cls(
            outcome=told["outcome"],
            recovery=told["recovery"],
            reason=told.get("reason") or "",
            decided_by=decided_by.get("name", ""),
            by_clock=decided_by.get("kind") == "clock",
            decided_at=told["decided_at"],
            context_digest=told["context_digest"],
            answers=told.get("answers") or {},
            undo=tuple(
                UndoStep(attempt=step["attempt"], summary=step["summary"], undo=step["undo"])
                for step in told.get("undo") or ()
            ),
        )

    @property
    def rolls_back(self) -> bool:
        return self.recovery == ROLL_BACK


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """The request for a person, as far as an automation acts on it; `all` is the whole object of the contract."""

    id: str
    number: int
    workflow: str
    reference: str
    state: str
    context_digest: str
    decision: Decision | None
    questions: tuple[str, ...]
    correlation_id: str
    all: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Handoff":
        """From the contract's object, from an answer or a webhook."""
        decision = told.get("decision")
        returned = told.get("returned") or {}
        return cls(
            id=told["id"],
            number=told["number"],
            workflow=told["workflow"],
            reference=told["reference"],
            state=told["state"],
            context_digest=told["context_digest"],
            decision=Decision.of(decision) if decision else None,
            questions=tuple(returned.get("questions") or [returned["reason"]] if returned else ()),
            correlation_id=told.get("correlation_id") or "",
            all=dict(told),
        )

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def told_to(self) -> str | None:
        """The `correlation_id` of the run that a webhook spoke to; None where all runs of this automation are meant,
        as where it was asked for."""
        return self.correlation_id if "correlation_id" in self.all else None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the desk says to an attempt: proceed, retry, handoff, wait or stop.

    `retry_after_seconds` comes with retry; `handoff` with the last three. `all` is the whole object of the contract.
    """

    verdict: str
    attempt: str
    handoff: Handoff | None
    retry_after_seconds: int
    all: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Answer":
        """From the contract's object."""
        return cls(
            verdict=told["verdict"],
            attempt=told["attempt"],
            handoff=Handoff.of(told["handoff"]) if told.get("handoff") else None,
            retry_after_seconds=int(told.get("retry_after_seconds") or 0),
            all=dict(told),
        )

    @property
    def needs_person(self) -> bool:
        return self.verdict in ("handoff", "wait", "stop")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened to a handoff: `kind` such as `resolved`, and the state that it led to.

    `sequence` counts within the handoff's trail; `cursor` is its place in the feed; `all` is the whole object.
    """

    cursor: str
    kind: str
    at: str
    handoff_id: str
    workflow: str
    reference: str
    state: str
    sequence: int
    all: Mapping[str, Any]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Event":
        """From the contract's object."""
        handoff = told["handoff"]
        return cls(
            cursor=told["cursor"],
            kind=told["event"],
            at=told["at"],
            handoff_id=handoff["id"],
            workflow=handoff["workflow"],
            reference=handoff["reference"],
            state=handoff["state"],
            sequence=int(told["sequence"]),
            all=dict(told),
        )


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the feed of events; `after` is where the next one begins, `has_more` says that it is there already.

    `retry_after_seconds` is more than 0 where too many wait, and the desk asks for a pause.
    """

    events: tuple[Event, ...]
    after: str
    has_more: bool
    retry_after_seconds: float


@dataclass(frozen=True, kw_only=True)
class Document:
    """An uploaded document; name its `id` in an attempt within a day."""

    id: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str
