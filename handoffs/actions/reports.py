"""An automation's report on its way through: what it says, what was looked up for it, and what it is answered."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from handoffs.actions import context
from handoffs.choices import Verdict
from handoffs.models import Attempt, Case, Document, Handoff, Workflow
from handoffs.queries import representation
from handoffs.queries.team import Opening
from handoffs.rules import package as packages
from handoffs.rules.evaluate import Evaluation
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import Policy


@dataclass(frozen=True, kw_only=True)
class AttemptReport:
    """What an automation posts about a case, already checked for shape and size by the door."""

    workflow: str
    reference: str
    data: Mapping[str, Any] = field(default_factory=dict)
    confidence: Decimal | None = None
    error_type: str = ""
    error_message: str = ""
    request_reason: str | None = None
    action_taken: Mapping[str, Any] | None = None
    proposed_outcome: str = ""
    summary: str = ""
    root_cause: str = ""
    links: tuple[Mapping[str, str], ...] = ()
    document_ids: tuple[str, ...] = ()
    callback_url: str = ""
    correlation_id: str = ""
    resolve_by: datetime | None = None
    idempotency_key: str | None = None
    content_digest: str = ""

    def facts(self) -> AttemptFacts:
        """What the rules may know of it."""
        return AttemptFacts(
            reference=self.reference,
            data=self.data,
            confidence=self.confidence,
            error_type=self.error_type,
            error_message=self.error_message,
            request_reason=self.request_reason,
            proposed_outcome=self.proposed_outcome,
            acted=self.action_taken is not None,
        )


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the automation is told: an HTTP status (201 where a handoff was opened, else 200) and the body."""

    status: int
    body: Mapping[str, Any]


@dataclass(kw_only=True)
class Visit:
    """One report on its way through, with what was looked up for it."""

    report: AttemptReport
    automation: User
    workflow: Workflow
    version_id: uuid.UUID
    policy: Policy
    case: Case
    now: datetime
    documents: list[Document]
    history: FailureHistory
    opening: Opening | None = None
    evaluation: Evaluation | None = None
    attempt: Attempt | None = None

    @property
    def names(self) -> dict[str, Any]:
        return self.report.facts().names(attempts=self.history.attempts + 1)


def attempt_of(visit: Visit, evaluation: Evaluation, verdict: Verdict, *, handoff: Handoff | None) -> Attempt:
    """The row of this report, not stored yet; the visit remembers it with what it was judged by."""
    report = visit.report
    visit.evaluation, visit.attempt = evaluation, Attempt(
        case=visit.case,
        handoff=handoff,
        automation=visit.automation,
        policy_version_id=handoff.policy_version_id if handoff else visit.version_id,
        received_at=visit.now,
        data=report.data,
        confidence=report.confidence,
        error_type=report.error_type,
        error_message=report.error_message,
        request_reason=report.request_reason,
        action_taken=report.action_taken,
        proposed_outcome=report.proposed_outcome,
        given_context={"summary": report.summary, "root_cause": report.root_cause, "links": list(report.links),
                       "documents": list(report.document_ids)},
        callback_url=report.callback_url,
        correlation_id=report.correlation_id,
        content_digest=report.content_digest,
        verdict=verdict,
        triggers=[result.stored() for result in evaluation.triggers],
        idempotency_key=report.idempotency_key,
    )  # fmt: skip
    return visit.attempt


def answer(attempt: Attempt, visit: Visit, status: int, extra: Mapping[str, Any]) -> Answer:
    """What the automation is told, kept with the attempt where it may be asked for again."""
    body = {
        "verdict": str(attempt.verdict),
        "case": {"workflow": visit.workflow.key, "reference": visit.case.reference},
        "attempt": str(attempt.pk),
        "policy_version": representation.version_number(attempt.policy_version_id),
        "triggers": [{name: result[name] for name in ("key", "fired", "because")} for result in attempt.triggers],
        **extra,
    }
    attempt.answer, attempt.answer_status = (body, status) if attempt.idempotency_key is not None else (None, status)
    return Answer(status=status, body=body)


def package_for(visit: Visit, policy: Policy, *, root_cause: str, suggested: str) -> dict[str, Any]:
    """The context package as `policy` shows this report."""
    given = packages.GivenContext(
        summary=visit.report.summary,
        root_cause=visit.report.root_cause,
        links=visit.report.links,
        documents=[context.described(document) for document in visit.documents],
    )
    return packages.build(policy, visit.names, given, root_cause=root_cause, suggested_outcome=suggested)


def root_cause(visit: Visit, evaluation: Evaluation) -> str:
    """The policy's words for the trigger, else the automation's error, else the reason it asked for a person."""
    assert evaluation.primary is not None
    return evaluation.primary.root_cause or visit.report.error_message or visit.report.request_reason or ""
