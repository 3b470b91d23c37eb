"""The handoff as the contract shows it, and what people and automations send about one."""

from handoffs.actions.checks import MAX_REASON_CHARACTERS
from handoffs.actions.feedback import MAX_MISSING_PARTS
from handoffs.api.schemas.parts import (
    Schema,
    answer,
    boolean,
    free,
    integer,
    line,
    listed,
    moment,
    nullable,
    one_of,
    page_of,
    ref,
    request,
    string,
    text,
    uuid,
)
from handoffs.choices import (
    ActorKind,
    DecidedBy,
    Event,
    FieldType,
    Mode,
    Pattern,
    Priority,
    ReasonRule,
    ReceiptStatus,
    RecoveryAction,
    RecoveryState,
    State,
)
from handoffs.rules.calendars import StretchKind
from handoffs.rules.sla import Target

MAX_QUESTIONS = 20
DIGEST = "sha256: and the SHA-256 of the context package in hexadecimal"
_due = nullable(moment())

FIELD = answer(
    {
        "key": string(),
        "label": string(),
        "type": one_of(FieldType),
        "value": {"description": "As the automation sent it; null where it is missing or masked"},
        "currency": string(),
        "masked": boolean("It is sensitive: reviewers open it in the portal"),
    },
    optional=("currency", "masked"),
)
DOCUMENT = answer(
    {
        "id": uuid(),
        "name": string(),
        "title": string(),
        "content_type": string(),
        "size_bytes": integer(),
        "sha256": string(),
    }
)
OUTCOME = answer(
    {
        "key": string(),
        "label": string(),
        "reason": one_of(ReasonRule),
        "recovery": one_of(RecoveryAction),
        "explain": string(),
        "answers": free("JSON Schema of the answers that this outcome asks for"),
    }
)
UNDO = answer(
    {
        "attempt": uuid("The attempt that reported it"),
        "summary": string("What was done"),
        "undo": {"description": "As the automation posted it with action_taken"},
    }
)
DECISION = answer(
    {
        "outcome": string("Key of the outcome"),
        "recovery": one_of(RecoveryAction),
        "reason": string(),
        "decided_by": answer({"kind": one_of(DecidedBy), "name": string()}),
        "decided_at": moment(),
        "context_revision": integer(least=1),
        "context_digest": string(DIGEST),
        "answers": free("By the outcome's schema"),
        "undo": listed(UNDO, "For the automation, with roll_back: what it did, in the order in which to undo it"),
    },
    optional=("undo",),
)
RECOVERY = answer(
    {
        "id": uuid(),
        "action": one_of(RecoveryAction),
        "state": one_of(RecoveryState),
        "correlation_id": nullable(string()),
        "delivered_at": _due,
        "receipt_due_at": _due,
        "received_at": _due,
        "reversed_at": _due,
        "detail": string(),
        "steps": listed(
            answer({"attempt": uuid(), "status": one_of(ReceiptStatus), "detail": string(), "at": moment()}),
            "With roll_back: what was undone step by step",
        ),
        "later_facts": listed(
            answer({"status": one_of(ReceiptStatus), "detail": string(), "at": moment()}),
            "What the automation said after its receipt: reversed, not_needed",
        ),
    }
)
HANDOFF = answer(
    {
        "id": uuid(),
        "number": integer(least=1),
        "workflow": string(),
        "reference": string(),
        "pattern": one_of(Pattern),
        "policy_version": integer(least=1),
        "state": one_of(State),
        "version": integer("Grows with every change"),
        "role": string(),
        "escalation_level": integer(),
        "priority": one_of(Priority),
        "holder": nullable(string("Who works on it")),
        "summary": string(),
        "root_cause": string(),
        "fields": listed(FIELD),
        "documents": listed(DOCUMENT),
        "links": listed(answer({"label": string(), "url": string()})),
        "suggested_outcome": nullable(string()),
        "mode": one_of(Mode, "Only a live decision has effect; the others are compared"),
        "automation_outcome": nullable(string("In shadow, once resolved: what the automation proposed itself")),
        "outcomes": listed(OUTCOME),
        "context_revision": integer(least=1),
        "context_digest": string(DIGEST),
        "occurrences": integer("How often the automation reported this", least=1),
        "opened_at": moment(),
        "accept_by": _due,
        "resolve_by": _due,
        "cut_off_at": _due,
        "accepted_at": _due,
        "resolved_at": _due,
        "updated_at": moment(),
        "returned": nullable(
            answer({"reason": string(), "questions": listed(string(), "For the automation, while it is returned")})
        ),
        "decision": nullable(DECISION),
        "recovery": listed(RECOVERY, "One for each caller that the decision goes back to"),
    }
)
HISTORY_ROW = answer(
    {
        "sequence": integer(least=1),
        "at": moment(),
        "event": one_of(Event),
        "actor": answer({"kind": one_of(ActorKind), "name": string()}),
        "reason": string(),
        "details": free("What the event is about"),
        "state": one_of(State),
        "role": string(),
        "holder": nullable(string()),
        "context_revision": integer(least=1),
        "previous_digest": string(),
        "digest": string("SHA-256 over this row and the digest before it"),
    }
)
EVENT = answer(
    {
        "cursor": string("Its place in the feed, for `after`"),
        "event": one_of(Event),
        "at": moment(),
        "handoff": answer(
            {
                "id": uuid(),
                "number": integer(least=1),
                "workflow": string(),
                "reference": string(),
                "state": one_of(State, "After the event"),
            }
        ),
        "sequence": integer("Of the handoff's history", least=1),
        "actor": answer({"kind": one_of(ActorKind), "name": string()}),
        "reason": string(),
        "details": free("What the event is about"),
    }
)
EVENT_PAGE = answer(
    {
        "results": listed(EVENT),
        "after": string("Where to go on"),
        "has_more": boolean("More is there already: ask again at once"),
    }
)

_reason = text("Why", most=MAX_REASON_CHARACTERS, least=1)
EMPTY = request({})
WITH_REASON = request({"reason": _reason}, required=("reason",))
RELEASE = request({"reason": text("Why", most=MAX_REASON_CHARACTERS)})
RETURN = request(
    {"reason": _reason, "questions": listed(text(most=1000, least=1), "For the automation", most=MAX_QUESTIONS)},
    required=("reason",),
)
FEEDBACK = request(
    {
        "context_sufficed": nullable(boolean("Was this enough to decide?")),
        "context_missing": text("What was missing", most=500),
        "missing_parts": listed(
            text("A field (data.po_number) or a document (document:invoice)", most=200, least=1),
            "What was missing, for the figures by field and document",
            most=MAX_MISSING_PARTS,
        ),
        "person_needed": nullable(boolean("Did this need a person?")),
        "comment": text("For whoever tunes the policy", most=500),
    }
)
DECIDE = request(
    {
        "outcome": line("Key of the outcome", most=64),
        "context_digest": text("The digest of what you saw", most=71, least=1),
        "reason": text(most=MAX_REASON_CHARACTERS),
        "answers": free("By the outcome's schema"),
        "feedback": FEEDBACK,
    },
    required=("outcome", "context_digest"),
)
NOTE = request({"text": text(most=MAX_REASON_CHARACTERS, least=1)}, required=("text",))
NOTE_ANSWER = answer({"author": string(), "written_at": moment(), "text": string()})
TAKE_NEXT = request(
    {
        "workflow": nullable(text("Only of this workflow", most=64)),
        "role": nullable(text("Only of this role", most=150)),
    }
)
RECEIPT = request(
    {
        "status": one_of(ReceiptStatus, "reversed and not_needed (of a person) may come at any time"),
        "detail": text("What came of it", most=MAX_REASON_CHARACTERS),
        "context_digest": nullable(text("Of the decision that was applied", most=71)),
        "correlation_id": nullable(text("Of one of several callers; else all of this automation", most=200)),
        "attempt": nullable(uuid("Of one step of `undo`, the first that is not undone yet; else of all")),
    },
    required=("status",),
)
RECEIPT_ANSWER = answer({"recovery": listed(ref("Recovery")), "state": one_of(State, "Of the handoff now")})

STRETCH = answer({"kind": one_of(StretchKind), "from": moment(), "to": moment(), "seconds": integer()})
SLA_TARGET = answer(
    {
        "target": one_of(Target),
        "due_at": nullable(moment("Null while the clock stands still before it")),
        "allowed_seconds": nullable(integer("Of the calendar's time")),
        "calendar": string(),
        "time_zone": string(),
        "fixed": boolean("The automation gave this deadline; pauses do not move it"),
        "stretches": listed(STRETCH, "From the start of the clock to the due time, or to now"),
    }
)
SLA = answer({"handoff": uuid(), "targets": listed(SLA_TARGET)})

COMPONENTS: dict[str, Schema] = {
    "Handoff": HANDOFF,
    "EventPage": EVENT_PAGE,
    "HandoffPage": page_of(ref("Handoff")),
    "HistoryPage": page_of(ref("HistoryRow")),
    "HistoryRow": HISTORY_ROW,
    "Recovery": RECOVERY,
    "Document": DOCUMENT,
    "Decide": DECIDE,
    "Empty": EMPTY,
    "Note": NOTE,
    "NoteAnswer": NOTE_ANSWER,
    "Receipt": RECEIPT,
    "ReceiptAnswer": RECEIPT_ANSWER,
    "Release": RELEASE,
    "Sla": SLA,
    "Return": RETURN,
    "TakeNext": TAKE_NEXT,
    "WithReason": WITH_REASON,
}
