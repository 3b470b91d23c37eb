"""The rows of past handoffs as the database copies them in: what happened in each, in the words of the trail."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from uuid_utils import compat

from handoffs.actions.audit import HISTORY_MODEL
from handoffs.actions.past_trail import Story, Trail
from handoffs.choices import (
    ActorKind,
    DecidedBy,
    DecisionStatus,
    OutcomeKind,
    RecoveryAction,
    RecoveryState,
    State,
    TriggerKind,
    Verdict,
)
from handoffs.models import Attempt, ContextRevision, Decision, Handoff, Recovery
from handoffs.queries.clocks import calendar_of
from handoffs.rules import package as packages
from handoffs.rules import sla
from handoffs.rules.canonical import exact_dumps
from handoffs.rules.detection import Sighting, TriggerResult, detect
from handoffs.rules.facts import AttemptFacts, ClockFacts, FailureHistory
from handoffs.rules.imports import IMPORTED_TRIGGER, PastHandoff, priority_rank
from handoffs.rules.policy import Outcome, Policy
from handoffs.rules.routing import route

NO_HISTORY = FailureHistory()


class Stories:
    """Makes the rows of past handoffs; `desk` is the `PastOf`, `cases` are ids by reference."""

    def __init__(self, desk: Any, cases: Mapping[str, Any]) -> None:
        self.desk, self.cases = desk, cases

    def of(self, past: PastHandoff) -> Story:
        """The handoff with all its rows."""
        story = self._begun(past)
        trail = Trail(story, self.desk)
        decision = self._decision(story) if past.state is State.RESOLVED else None
        trail.tell(decision)
        story.rows = {
            Handoff: [self._handoff(story, trail)],
            Attempt: [self._attempt(story)],
            ContextRevision: [_revision(story)],
            Decision: [decision] if decision else [],
            Recovery: list(self._recoveries(story, decision)),
            HISTORY_MODEL: trail.rows,
        }
        return story

    def attempt_alone(self, past: PastHandoff) -> dict[str, Any]:
        """The row of an attempt that needed nobody."""
        edition = self.desk.edition_at(past.opened_at)
        results = _detected(past, _facts(past), edition.policy)
        return {
            **self._told(past, edition.id, results),
            "id": _id_at(past.opened_at),
            "verdict": str(Verdict.PROCEED),
        }

    def _begun(self, past: PastHandoff) -> Story:
        edition = self.desk.edition_at(past.opened_at)
        facts = _facts(past)
        results, primary, because = _why(past, facts, edition.policy)
        role = past.role or route(edition.policy, facts.names()).role
        package = _package(past, facts, edition.policy)
        return Story(
            past=past,
            id=_id_at(past.opened_at),
            attempt_id=_id_at(past.opened_at),
            policy=edition.policy,
            version_id=edition.id,
            role=role,
            role_id=self.desk.roles[role],
            priority=priority_rank(past.priority),
            triggers=results,
            primary=primary,
            because=because,
            package=package,
            digest=packages.digest(package),
            due=_due(past, edition.policy, year=self.desk.now.year),
        )

    def _handoff(self, story: Story, trail: Trail) -> dict[str, Any]:
        past = story.past
        is_resolved = past.state is State.RESOLVED
        return {
            "id": story.id,
            "workflow_id": self.desk.workflow.pk,
            "case_id": self.cases[past.reference],
            "policy_version_id": story.version_id,
            "pattern": str(story.policy.pattern),
            "state": str(past.state),
            "version": len(trail.rows) - 1,
            "role_id": story.role_id,
            "routed_role_ids": [story.role_id],
            "priority": story.priority,
            "opened_by_id": self.desk.automation.pk,
            "opened_at": past.opened_at,
            "accepted_at": past.accepted_at,
            "resolved_at": past.ended_at if is_resolved else None,
            "updated_at": past.ended_at,
            "clock_started_at": past.opened_at,
            "accepted_since_start_at": past.accepted_at,
            "accept_by": story.due.accept_by,
            "resolve_by": story.due.resolve_by,
            "fixed_resolve_by": past.resolve_by,
            "cut_off_at": trail.cut_off_at,
            "due_at": story.due.resolve_by if past.accepted_at or not story.due.accept_by else story.due.accept_by,
            "primary_trigger": story.primary,
            "summary": story.package["summary"],
            "headline": packages.headline(story.package),
            "context_digest": story.digest,
            "returns_count": past.returns,
            "reopens_count": past.reopens,
            "audit_sequence": len(trail.rows),
            "audit_digest": trail.digest,
            "imported": True,
        }

    def _attempt(self, story: Story) -> dict[str, Any]:
        return {
            **self._told(story.past, story.version_id, story.triggers),
            "id": story.attempt_id,
            "handoff_id": story.id,
            "proposed_outcome": story.past.suggested_outcome,
            "content_digest": story.digest.removeprefix("sha256:"),
            "verdict": str(Verdict.HANDOFF),
            "answer_status": 201,
        }

    def _told(self, past: PastHandoff, version_id: Any, triggers: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "case_id": self.cases[past.reference],
            "automation_id": self.desk.automation.pk,
            "policy_version_id": version_id,
            "received_at": past.opened_at,
            "data": exact_dumps(past.data),
            "confidence": past.confidence,
            "triggers": exact_dumps(triggers),
        }

    def _decision(self, story: Story) -> dict[str, Any]:
        past, later = story.past, story.past.later
        decider = self.desk.people.of(past.decided_by)
        by_clock = decider.kind is ActorKind.CLOCK
        outcome = self.desk.outcomes.get(past.outcome) or _unknown_outcome(past.outcome)
        return {
            "id": _id_at(past.ended_at),
            "handoff_id": story.id,
            "resolution_number": past.reopens + 1,
            "status": str(DecisionStatus.FINAL),
            "outcome": outcome.key,
            "outcome_title": outcome.title,
            "kind": str(outcome.kind),
            "recovery": str(outcome.recovery),
            "reason": past.reason,
            "decided_by_kind": str(DecidedBy.CLOCK if by_clock else DecidedBy.PERSON),
            "decided_by_id": None if by_clock else decider.user.pk,
            "decided_at": past.ended_at,
            "context_revision_number": 1,
            "context_digest": story.digest,
            "suggested_outcome": story.package["suggested_outcome"] or "",
            "person_needed": past.person_needed,
            "context_sufficed": later.context_sufficed if later else None,
            "missing_parts": list(later.missing_parts) if later else [],
            "feedback_comment": later.comment if later else "",
        }

    def _recoveries(self, story: Story, decision: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
        """How it went back, where that is known; never anything that still has to go anywhere."""
        later = story.past.later
        if decision is not None and later is not None and later.applied_at is not None:
            yield {
                "id": _id_at(story.past.ended_at),
                "handoff_id": story.id,
                "decision_id": decision["id"],
                "attempt_id": story.attempt_id,
                "automation_id": self.desk.automation.pk,
                "action": decision["recovery"],
                "state": str(RecoveryState.APPLIED),
                "created_at": story.past.ended_at,
                "delivered_at": later.delivered_at,
                "received_at": later.applied_at,
                "reversed_at": later.reversed_at,
            }


def _id_at(moment: datetime) -> uuid.UUID:
    """A UUIDv7 of that time, so that the past sorts before what came after it."""
    return compat.uuid7(nanoseconds=max(int(moment.timestamp() * 1_000_000_000), 0))


def _facts(past: PastHandoff) -> AttemptFacts:
    return AttemptFacts(
        reference=past.reference,
        data=past.data,
        confidence=past.confidence,
        proposed_outcome=past.suggested_outcome,
    )


def _detected(past: PastHandoff, facts: AttemptFacts, policy: Policy) -> list[dict[str, Any]]:
    sighting = Sighting(attempt=facts, history=NO_HISTORY, at=past.opened_at, names=facts.names())
    return [result.stored() for result in detect(policy, sighting)]


def _why(past: PastHandoff, facts: AttemptFacts, policy: Policy) -> tuple[list[dict[str, Any]], str, str]:
    """(results, the primary trigger, its sentence): as the file says, else as the policy finds in the data."""
    results = _detected(past, facts, policy) if past.data and not past.trigger else []
    fired = next((result for result in results if result["fired"]), None)
    if fired is not None:
        return results, fired["key"], fired["sentence"]
    said = _as_the_file_says(past.trigger or IMPORTED_TRIGGER, policy)
    return [said, *results], said["key"], said["sentence"]


def _as_the_file_says(key: str, policy: Policy) -> dict[str, Any]:
    known = policy.trigger(key)
    title = known.title if known else key.replace("_", " ").capitalize()
    kind = TriggerKind.CONDITION if known else TriggerKind.REQUESTED
    result = TriggerResult(key=key, title=title, kind=kind, fired=True, because="imported", sentence=title)
    return result.stored()


def _package(past: PastHandoff, facts: AttemptFacts, policy: Policy) -> dict[str, Any]:
    given = packages.GivenContext() if past.data else packages.GivenContext(summary=f"{policy.title} {past.reference}")
    return packages.build(policy, facts.names(), given, root_cause="", suggested_outcome=past.suggested_outcome)


def _due(past: PastHandoff, policy: Policy, *, year: int) -> Any:
    clock = ClockFacts(
        state=past.state,
        clock_started_at=past.opened_at,
        accepted_at=past.accepted_at,
        fixed_resolve_by=past.resolve_by,
    )
    return sla.due_times(policy.sla, calendar_of(policy.sla.calendar, year=year), clock)


def _revision(story: Story) -> dict[str, Any]:
    return {
        "handoff_id": story.id,
        "number": 1,
        "attempt_id": story.attempt_id,
        "package": exact_dumps(story.package),
        "digest": story.digest,
        "created_at": story.past.opened_at,
    }


def _unknown_outcome(key: str) -> Outcome:
    title = key.replace("_", " ").capitalize() or "Outcome not recorded"
    return Outcome(key=key, title=title, kind=OutcomeKind.OTHER, recovery=RecoveryAction.NONE)
