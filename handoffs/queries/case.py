"""Everything that the page of one handoff shows, in a fixed number of queries; its words are left to the door."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs.choices import DecisionStatus, Event, Mode, Pattern, State
from handoffs.models import Attempt, ContextRevision, Decision, Handoff, Note, Recovery, ShadowProposal, records, rows
from handoffs.models.fields import ExactDecoder
from handoffs.queries.policies import policy_of
from handoffs.queries.precedent import SimilarCase, similar_to
from handoffs.rules.policy import Policy
from handoffs.rules.routing import next_escalation
from handoffs.rules.shadow import veil_for

HISTORY_LIMIT = 300
NOTES_LIMIT = 200
ACTIONS_LIMIT = 50
NOTE_SHOWN = (
    "id", "author_id", "written_at", "text",
    "author__id", "author__username", "author__first_name", "author__last_name",
)  # fmt: skip
TRAIL = """
    SELECT sequence, history_date, event, actor_name, history_user_id, reason, details
    FROM handoffs_historicalhandoff WHERE id = %s ORDER BY sequence DESC LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class TrailRow:
    """One row of the audit trail."""

    sequence: int
    at: datetime
    event: Event
    actor: str
    actor_id: int | None
    reason: str
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ActionTaken:
    """Something that an automation did by itself, and whether it said how to undo that."""

    at: datetime
    by: str
    summary: str
    can_be_undone: bool


@dataclass(frozen=True, kw_only=True)
class CasePage:
    """One handoff with its current context, its policy, its trail, and what became of its decision."""

    handoff: Handoff
    policy: Policy
    package: Mapping[str, Any]
    triggers: tuple[Mapping[str, Any], ...]
    trail: tuple[TrailRow, ...]
    notes: tuple[Note, ...]
    decision: Decision | None
    recoveries: tuple[Recovery, ...]
    similar: tuple[SimilarCase, ...]
    next_role: str
    actions: tuple[ActionTaken, ...] = ()
    proposal: ShadowProposal | None = None

    def last(self, *events: Event) -> TrailRow | None:
        """The latest row of the trail that tells one of these events."""
        return next((row for row in reversed(self.trail) if row.event in events), None)


def case_page(handoff: Handoff, *, visible: Any) -> CasePage:
    """The page of a handoff that was fetched through `access`; `visible` are the handoffs its reader may see."""
    policy = policy_of(handoff.policy_version_id)
    package, triggers = _context(handoff)
    proposal = _proposal(handoff)
    decision = current_decision(handoff)
    step = next_escalation(policy, role=handoff.role.name, steps_done=frozenset(handoff.steps_done))
    return CasePage(
        handoff=handoff,
        policy=policy,
        package=package,
        triggers=_unveiled(handoff, policy, triggers, proposal),
        proposal=proposal if proposal and not handoff.is_blind else None,
        trail=trail_of(handoff),
        notes=_notes(handoff),
        decision=decision,
        recoveries=recoveries_of(decision),
        similar=similar_to(handoff, package, visible=visible),
        next_role=step[1].role if step else "",
        actions=_actions(handoff),
    )


def _actions(handoff: Handoff) -> tuple[ActionTaken, ...]:
    """What the automation did before anybody looked, the first first; in shadow that would tell its own answer."""
    if handoff.pattern != Pattern.SUPERVISED or handoff.mode == Mode.SHADOW:
        return ()
    acted = Attempt.objects.filter(handoff=handoff, action_taken__isnull=False).order_by("received_at")
    return tuple(_action(attempt) for attempt in acted.select_related("automation")[:ACTIONS_LIMIT])


def _action(attempt: Attempt) -> ActionTaken:
    told = attempt.action_taken or {}
    return ActionTaken(
        at=attempt.received_at,
        by=attempt.automation.display_name,
        summary=told.get("summary") or "",
        can_be_undone=bool(told.get("undo")),
    )


def _context(handoff: Handoff) -> tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]]:
    """The current package, and the triggers that fired on its attempt, else those that opened the handoff."""
    numbers = {1, handoff.context_revision_number}
    revisions = ContextRevision.objects.filter(handoff=handoff, number__in=numbers).order_by("number")
    found = list(revisions.values("number", "package", "attempt__triggers"))
    fired = [[trigger for trigger in row["attempt__triggers"] if trigger["fired"]] for row in found]
    return found[-1]["package"], tuple(fired[-1] or fired[0])


def _proposal(handoff: Handoff) -> ShadowProposal | None:
    return ShadowProposal.objects.filter(handoff=handoff).first() if handoff.mode == Mode.SHADOW else None


def _unveiled(
    handoff: Handoff, policy: Policy, triggers: tuple[Mapping[str, Any], ...], proposal: ShadowProposal | None
) -> tuple[Mapping[str, Any], ...]:
    """The triggers as they may be read now: in shadow none may tell the proposal before the decision."""
    if proposal is None or not handoff.is_blind:
        return triggers
    veil = veil_for(policy, proposal.outcome)
    return tuple({**each, "sentence": veil.spoken(each["sentence"], each["title"])} for each in triggers)


def trail_of(handoff: Handoff) -> tuple[TrailRow, ...]:
    """The last HISTORY_LIMIT rows of the audit trail, oldest first."""
    with records.prepared() as cursor:
        cursor.execute(TRAIL, [handoff.pk, HISTORY_LIMIT])
        found = cursor.fetchall()
    return tuple(_trail_row(*row) for row in reversed(found))


def _trail_row(
    sequence: int, at: datetime, event: str, actor: str, actor_id: int | None, reason: str, details: str
) -> TrailRow:
    return TrailRow(
        sequence=sequence,
        at=at,
        event=Event(event),
        actor=actor,
        actor_id=actor_id,
        reason=reason,
        details=json.loads(details, cls=ExactDecoder),
    )


def _notes(handoff: Handoff) -> tuple[Note, ...]:
    """The first NOTES_LIMIT notes with their authors, oldest first."""
    which = "handoff_id = %s ORDER BY written_at LIMIT %s"
    found = rows.select_with(Note, which, [handoff.pk, NOTES_LIMIT], related=("author",), columns=NOTE_SHOWN)
    return tuple(sorted(found, key=lambda note: note.written_at))


def current_decision(handoff: Handoff) -> Decision | None:
    """The decision that counts now: a proposal that waits, or what the handoff was resolved with."""
    if handoff.state not in (State.RESOLVED, State.AWAITING_CONFIRMATION):
        return None
    return (
        Decision.objects.filter(handoff=handoff, resolution_number=handoff.reopens_count + 1)
        .exclude(status=DecisionStatus.OBJECTED)
        .select_related("decided_by", "confirmed_by")
        .first()
    )


def recoveries_of(decision: Decision | None) -> tuple[Recovery, ...]:
    """How far a decision has come on its way back, one per caller."""
    if decision is None or decision.status != DecisionStatus.FINAL:
        return ()
    return tuple(Recovery.objects.filter(decision=decision).select_related("automation").order_by("created_at"))
