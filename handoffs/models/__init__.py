"""Rows, constraints, indexes and chainable querysets; no side effects."""

from handoffs.models.audit import CLOCK, Actor, AuditRow
from handoffs.models.calendar import BusinessCalendar
from handoffs.models.case import Attempt, Case
from handoffs.models.context import ContextRevision, Document, DocumentContent, Note
from handoffs.models.decision import Decision
from handoffs.models.fact import HandoffFact
from handoffs.models.handoff import Handoff
from handoffs.models.history_import import HistoryImport, ImportPart
from handoffs.models.notification import Absence, Message, NoticeSettings, Notification, NotificationChannel
from handoffs.models.recovery import Delivery, DeliveryTry, Recovery, SweepHeartbeat
from handoffs.models.replay import Replay, ReplayChunk, ReplayedAttempt
from handoffs.models.rollout import CandidateResult, CandidateRun, SecondLook, ShadowProposal
from handoffs.models.saved_view import SavedView
from handoffs.models.tally import DayTally, HourTally, MonthTally, TalliedDay, TalliedMonth, TouchedDay
from handoffs.models.workflow import Endpoint, PolicyVersion, Workflow

__all__ = [
    "CLOCK",
    "Absence",
    "Actor",
    "Attempt",
    "AuditRow",
    "BusinessCalendar",
    "CandidateResult",
    "CandidateRun",
    "Case",
    "ContextRevision",
    "DayTally",
    "Decision",
    "Delivery",
    "DeliveryTry",
    "Document",
    "DocumentContent",
    "Endpoint",
    "Handoff",
    "HandoffFact",
    "HistoryImport",
    "HourTally",
    "ImportPart",
    "Message",
    "MonthTally",
    "Note",
    "NoticeSettings",
    "Notification",
    "NotificationChannel",
    "PolicyVersion",
    "Recovery",
    "Replay",
    "ReplayChunk",
    "ReplayedAttempt",
    "SavedView",
    "SecondLook",
    "ShadowProposal",
    "SweepHeartbeat",
    "TalliedDay",
    "TalliedMonth",
    "TouchedDay",
    "Workflow",
]
