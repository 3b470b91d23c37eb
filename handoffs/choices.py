"""Every closed set of words in the domain, and the named sets of states; no code lives here."""

from enum import StrEnum


class Labelled(StrEnum):
    """A closed set whose members read as words: `AWAITING_CONFIRMATION` is "awaiting confirmation"."""

    @property
    def label(self) -> str:
        return self.value.replace("_", " ")

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        return [(member.value, member.label.capitalize()) for member in cls]


class Pattern(Labelled):
    ALERT_AND_WAIT = "alert_and_wait"
    ESCALATION = "escalation"
    SUPERVISED = "supervised"


class State(Labelled):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    RETURNED = "returned"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


OPEN_STATES = (State.PENDING, State.IN_PROGRESS, State.RETURNED, State.AWAITING_CONFIRMATION)
HELD_STATES = (State.IN_PROGRESS, State.AWAITING_CONFIRMATION)
FINAL_STATES = (State.RESOLVED, State.WITHDRAWN)


class Verdict(Labelled):
    PROCEED = "proceed"
    RETRY = "retry"
    HANDOFF = "handoff"
    WAIT = "wait"
    STOP = "stop"


class ProceedReason(Labelled):
    NO_TRIGGER = "no_trigger"
    OUTSIDE_ROLLOUT = "outside_rollout"
    SHADOW = "shadow"


class Mode(Labelled):
    """Whether a decision has effect: live it has; in shadow and at a second look it is only compared."""

    LIVE = "live"
    SHADOW = "shadow"
    SECOND_LOOK = "second_look"


class TriggerKind(Labelled):
    CONDITION = "condition"
    FAILURES = "failures"
    SAMPLE = "sample"
    REQUESTED = "requested"
    SUPERVISION = "supervision"


class OnUnknown(Labelled):
    HAND_OFF = "hand_off"
    IGNORE = "ignore"


class Priority(Labelled):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


PRIORITY_RANKS = {Priority.LOW: 10, Priority.NORMAL: 20, Priority.HIGH: 30, Priority.URGENT: 40}
"""How priorities are stored, so that a database can sort by them: larger is more urgent."""


class OutcomeKind(Labelled):
    APPROVE = "approve"
    CORRECT = "correct"
    REJECT = "reject"
    OTHER = "other"


class RecoveryAction(Labelled):
    RESUME = "resume"
    RETRY = "retry"
    MARK_RESOLVED = "mark_resolved"
    ROLL_BACK = "roll_back"
    NONE = "none"


class ReasonRule(Labelled):
    OPTIONAL = "optional"
    REQUIRED = "required"


class FieldType(Labelled):
    MONEY = "money"
    PERCENT = "percent"
    NUMBER = "number"
    DATE = "date"
    TEXT = "text"
    TABLE = "table"
    LINK = "link"


class DecidedBy(Labelled):
    PERSON = "person"
    CLOCK = "clock"


class DecisionStatus(Labelled):
    PROPOSED = "proposed"
    FINAL = "final"
    OBJECTED = "objected"


class RecoveryState(Labelled):
    AWAITING = "awaiting"
    DELIVERED = "delivered"
    APPLIED = "applied"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    PARKED = "parked"


RECEIVED_STATES = (RecoveryState.APPLIED, RecoveryState.FAILED, RecoveryState.ROLLED_BACK)
"""A receipt came: the loop of this recovery is closed."""


class ReceiptStatus(Labelled):
    APPLIED = "applied"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    REVERSED = "reversed"
    NOT_NEEDED = "not_needed"


class OnFailure(Labelled):
    REOPEN = "reopen"
    KEEP = "keep"


class DeliveryState(Labelled):
    QUEUED = "queued"
    DELIVERED = "delivered"
    PARKED = "parked"


class PolicyStatus(Labelled):
    DRAFT = "draft"
    LIVE = "live"
    RETIRED = "retired"


class ActorKind(Labelled):
    PERSON = "person"
    AUTOMATION = "automation"
    CLOCK = "clock"


class Event(Labelled):
    """What a row of the audit trail says happened."""

    OPENED = "opened"
    ACCEPTED = "accepted"
    ASSIGNED = "assigned"
    RELEASED = "released"
    ESCALATED = "escalated"
    RETURNED = "returned"
    RESUBMITTED = "resubmitted"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    OBJECTED = "objected"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    REOPENED = "reopened"
    OCCURRED_AGAIN = "occurred_again"
    CONTEXT_CHANGED = "context_changed"
    NOTE_ADDED = "note_added"
    REMINDED = "reminded"
    REMINDER_SUPERSEDED = "reminder_superseded"
    FIELD_REVEALED = "field_revealed"
    DOCUMENT_OPENED = "document_opened"
    FEEDBACK_GIVEN = "feedback_given"
    DECISION_REFUSED = "decision_refused"
    DECISION_DELIVERED = "decision_delivered"
    DELIVERY_PARKED = "delivery_parked"
    DELIVERY_REPLAYED = "delivery_replayed"
    RECEIPT_REFUSED = "receipt_refused"
    CASE_FILE_TAKEN = "case_file_taken"
    RECEIPT_RECEIVED = "receipt_received"
    RECEIPT_OVERDUE = "receipt_overdue"
    ROUTED_TO_EMPTY_ROLE = "routed_to_empty_role"
    RESCHEDULED = "rescheduled"


class WebhookType(Labelled):
    """Messages to automations; the value is the wire name."""

    OPENED = "handoff.opened"
    ACCEPTED = "handoff.accepted"
    ESCALATED = "handoff.escalated"
    RETURNED = "handoff.returned"
    RESOLVED = "handoff.resolved"
    WITHDRAWN = "handoff.withdrawn"
    REOPENED = "handoff.reopened"


DEFAULT_WEBHOOK_TYPES = (WebhookType.RESOLVED, WebhookType.RETURNED, WebhookType.WITHDRAWN)


class StepKind(Labelled):
    """What the ladder of a handoff's clock can do next."""

    REMIND = "remind"
    ESCALATE = "escalate"
    IDLE_RELEASE = "idle_release"
    CUT_OFF = "cut_off"


class EscalationWhen(Labelled):
    NOT_ACCEPTED = "not_accepted"
    NOT_RESOLVED = "not_resolved"


class ReminderAnchor(Labelled):
    ACCEPT = "accept"
    RESOLVE = "resolve"
    CUT_OFF = "cut_off"


class ReminderTo(Labelled):
    HOLDER = "holder"
    ROLE = "role"


class NoticeKind(Labelled):
    """What people are told about a handoff, beside what they look up themselves."""

    REMINDER = "reminder"
    ESCALATED = "escalated"
    CUT_OFF = "cut_off"
    GIVEN_BACK = "given_back"
    ASSIGNED = "assigned"
    COVERED = "covered"
    RECEIPT_OVERDUE = "receipt_overdue"
    DELIVERY_PARKED = "delivery_parked"
    ENDPOINT_OFF = "endpoint_off"
    EMPTY_ROLE = "empty_role"
    STEPPED_BACK = "stepped_back"


OVERTAKEN_KINDS = (
    NoticeKind.REMINDER,
    NoticeKind.ESCALATED,
    NoticeKind.ASSIGNED,
    NoticeKind.COVERED,
)
"""What asks somebody to act: once the handoff has moved on, nobody needs to hear of it."""


class Channel(Labelled):
    """How a notice reaches people."""

    IN_APP = "in_app"
    EMAIL = "email"
    CHAT = "chat"


class MessageState(Labelled):
    """How far a message to the outside has come."""

    QUEUED = "queued"
    SENT = "sent"
    PARKED = "parked"
    SUPERSEDED = "superseded"


class ReplaySource(Labelled):
    """Where the attempts of a replay come from."""

    STORED = "stored"
    UPLOAD = "upload"


class ReplayState(Labelled):
    """How far a replay has come."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


UNFINISHED_REPLAYS = (ReplayState.QUEUED, ReplayState.RUNNING)


class ReplayChange(Labelled):
    """How an attempt fares under one policy version against another."""

    SAME = "same"
    NEWLY = "newly"
    NO_LONGER = "no_longer"
    OTHER_ROLE = "other_role"


class ImportState(Labelled):
    """How far past handoffs from a file have come; refused means that nothing of it was imported."""

    CHECKING = "checking"
    REFUSED = "refused"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"


class ListPage(Labelled):
    """The lists of the portal whose filters a person may save under a name."""

    QUEUE = "queue"
    CASES = "cases"
