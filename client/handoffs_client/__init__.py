"""Talk to Handoff Desk from an automation: report attempts, wait for decisions, say what came of them."""

from handoffs_client.desk import Desk
from handoffs_client.errors import (
    AnswerUnclear,
    DeskError,
    DeskUnreachable,
    KeyReused,
    Mistake,
    NotDecided,
    NotPossibleNow,
    NotThere,
    Refused,
    TokenRefused,
    WebhookRefused,
)
from handoffs_client.feed import Feed
from handoffs_client.follower import Follower
from handoffs_client.journal import Journal
from handoffs_client.messages import (
    Answer,
    Attempt,
    Decision,
    Document,
    Event,
    Handoff,
    ReceiptStatus,
    Stretch,
    UndoStep,
)
from handoffs_client.patterns import (
    ContextMoved,
    NotCarriedOn,
    RetryLater,
    Returned,
    Stopped,
    Withdrawn,
    alert_and_wait,
    carry_out,
    escalates,
    settle,
    supervised,
)
from handoffs_client.receiver import Receiver, on_kept_port
from handoffs_client.webhooks import Inbox, News

__all__ = [
    "Answer",
    "AnswerUnclear",
    "Attempt",
    "ContextMoved",
    "Decision",
    "Desk",
    "DeskError",
    "DeskUnreachable",
    "Document",
    "Event",
    "Feed",
    "Follower",
    "Handoff",
    "Inbox",
    "Journal",
    "KeyReused",
    "Mistake",
    "News",
    "NotCarriedOn",
    "NotDecided",
    "NotPossibleNow",
    "NotThere",
    "ReceiptStatus",
    "Receiver",
    "Refused",
    "RetryLater",
    "Returned",
    "Stopped",
    "Stretch",
    "TokenRefused",
    "UndoStep",
    "WebhookRefused",
    "Withdrawn",
    "alert_and_wait",
    "carry_out",
    "escalates",
    "on_kept_port",
    "settle",
    "supervised",
]
