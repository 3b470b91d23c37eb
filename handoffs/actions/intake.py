"""Takes an automation's report on a case: judges it, opens or updates a handoff, and answers what to do now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from handoffs import access
from handoffs.actions import audit, context, lifecycle, recovery
from handoffs.actions.context import locked, package_of
from handoffs.choices import PRIORITY_RANKS, Event, Pattern, ProceedReason, State, Verdict, WebhookType
from handoffs.errors import Invalid, KeyReused, Mistake, PolicyNotPublished
from handoffs.models import Actor, Attempt, Case, Document, Handoff, Workflow
from handoffs.models.case import failure_times
from handoffs.models.fields import new_id
from handoffs.queries import representation
from handoffs.queries.policies import policy_of
from handoffs.rules import package as packages
from handoffs.rules.addresses import check_callback_url
from handoffs.rules.evaluate import Evaluation, evaluate, suggest
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import Policy


class ContextInvalid(Invalid):
    """A handoff is needed, but the package misses what the policy requires for it."""

    code = "context_incomplete"


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
class _Visit:
    """One report on its way through, with what was looked up for it."""

    report: AttemptReport
    automation: User
    workflow: Workflow
    policy: Policy
    case: Case
    now: datetime
    documents: list[Document]
    history: FailureHistory

    @property
    def names(self) -> dict[str, Any]:
        return self.report.facts().names(attempts=self.history.attempts + 1)


def receive(report: AttemptReport, *, automation: User, now: datetime) -> Answer:
    """Store an attempt and open a handoff if the live policy asks for one.

    The same idempotency key with the same content replays the first answer. Raises NotThere, PolicyNotPublished,
    Invalid (documents, callback URL), ContextInvalid if the package misses what the policy requires, and KeyReused.
    """
    try:
        return _receive(report, automation=automation, now=now)
    except IntegrityError as error:
        if "one_attempt_per_idempotency_key" not in str(error):
            raise
    return _replayed(_first_with_key(report, automation), report)


@transaction.atomic(durable=True)
def _receive(report: AttemptReport, *, automation: User, now: datetime) -> Answer:
    workflow = access.workflow_for(automation, report.workflow)
    if workflow.live_version_id is None:
        raise PolicyNotPublished(f"{workflow.key} has no published policy yet, so nothing can be judged by it.")
    if report.callback_url:
        check_callback_url(report.callback_url, workflow.allowed_hosts)
    case = _locked_case(workflow, report.reference, now)
    first = _first_with_key(report, automation)
    if first is not None:
        return _replayed(first, report)
    visit = _visit(report, automation, workflow, case, now)
    handoff = Handoff.objects.open().filter(case=case).first()
    if handoff is not None:
        return _on_open_handoff(visit, locked(handoff))
    return _on_free_case(visit)


def _locked_case(workflow: Workflow, reference: str, now: datetime) -> Case:
    """The case's row, made if need be and locked either way: one report on a case at a time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO handoffs_case (id, workflow_id, reference, first_attempted_at, attempts_count)"
            " VALUES (%s, %s, %s, %s, 1) ON CONFLICT (workflow_id, reference)"
            " DO UPDATE SET attempts_count = handoffs_case.attempts_count + 1"
            " RETURNING id, workflow_id, reference, first_attempted_at, attempts_count",
            [new_id(), workflow.pk, reference, now],
        )
        case = Case.from_db(
            None, ["id", "workflow_id", "reference", "first_attempted_at", "attempts_count"], cursor.fetchone()
        )
    case.workflow = workflow
    return case


def _first_with_key(report: AttemptReport, automation: User) -> Attempt | None:
    if report.idempotency_key is None:
        return None
    return Attempt.objects.filter(automation=automation, idempotency_key=report.idempotency_key).first()


def _replayed(first: Attempt | None, report: AttemptReport) -> Answer:
    assert first is not None
    if first.content_digest != report.content_digest:
        raise KeyReused(
            "This Idempotency-Key was used for another body. Use a new key for a new attempt.", attempt=str(first.pk)
        )
    return Answer(status=first.answer_status, body=first.answer)


def _visit(report: AttemptReport, automation: User, workflow: Workflow, case: Case, now: datetime) -> _Visit:
    assert workflow.live_version_id is not None
    policy = policy_of(workflow.live_version_id)
    counts_failures = any(trigger.failures for trigger in policy.triggers)
    failures = failure_times(case, since=_last_success(case)) if counts_failures else ()
    return _Visit(
        report=report,
        automation=automation,
        workflow=workflow,
        policy=policy,
        case=case,
        now=now,
        documents=context.named_documents(workflow, list(report.document_ids), automation=automation)
        if report.document_ids
        else [],
        history=FailureHistory(attempts=case.attempts_count - 1, case_failures=failures),
    )


def _last_success(case: Case) -> datetime | None:
    """Failures count since the case last went well, or was last with a person."""
    last = case.attempts.filter(error_type="").order_by("-received_at").values_list("received_at", flat=True).first()
    ended = (
        case.handoffs.exclude(resolved_at=None).order_by("-resolved_at").values_list("resolved_at", flat=True).first()
    )
    return max((moment for moment in (last, ended) if moment), default=None)


def _on_free_case(visit: _Visit) -> Answer:
    evaluation = evaluate(visit.report.facts(), visit.policy, visit.history, at=visit.now)
    if evaluation.opens_handoff:
        return _open(visit, evaluation)
    attempt = _store(visit, evaluation, evaluation.verdict, handoff=None)
    return _answer(attempt, visit, 200, _not_handed_off(evaluation))


def _not_handed_off(evaluation: Evaluation) -> dict[str, Any]:
    if evaluation.retry is not None:
        retry = evaluation.retry
        seconds = retry.retry_after_seconds
        return {"retry_after_seconds": seconds, "failures": retry.failures, "limit": retry.limit}
    assert evaluation.proceed_reason is not None
    return {"reason": evaluation.proceed_reason.value}


def _open(visit: _Visit, evaluation: Evaluation) -> Answer:
    _require_context(visit)
    assert evaluation.primary is not None
    assert evaluation.routing is not None
    package = _package(
        visit, visit.policy, root_cause=_root_cause(visit, evaluation), suggested=evaluation.suggested_outcome
    )
    handoff = _new_handoff(visit, evaluation, package)
    lifecycle.wind(handoff, now=visit.now)
    actor = Actor.of(visit.automation)
    audit.insert(handoff, actor=actor, now=visit.now, reason=evaluation.primary.sentence, details=_why(evaluation))
    attempt = _store(visit, evaluation, evaluation.verdict, handoff=handoff)
    context.freeze(handoff, package, attempt=attempt, now=visit.now)
    context.attach(handoff, visit.documents)
    recovery.tell(handoff, WebhookType.OPENED, now=visit.now, package=package)
    return _answer(attempt, visit, 201, {"handoff": representation.handoff_json(handoff, package=package)})


def _new_handoff(visit: _Visit, evaluation: Evaluation, package: Mapping[str, Any]) -> Handoff:
    assert evaluation.primary is not None
    assert evaluation.routing is not None
    role = Group.objects.get(name=evaluation.routing.role)
    handoff = Handoff(
        workflow=visit.workflow,
        case=visit.case,
        policy_version_id=visit.workflow.live_version_id,
        pattern=visit.policy.pattern,
        role=role,
        routed_role_ids=[role.pk],
        priority=PRIORITY_RANKS[evaluation.routing.priority],
        opened_by=visit.automation,
        opened_at=visit.now,
        clock_started_at=visit.now,
        fixed_resolve_by=visit.report.resolve_by,
        primary_trigger=evaluation.primary.key,
    )
    context.take_over(handoff, package)
    return handoff


def _why(evaluation: Evaluation) -> dict[str, Any]:
    assert evaluation.routing is not None
    fired = [result.key for result in evaluation.triggers if result.fired]
    return {"triggers": fired, "role": evaluation.routing.role, "routed_because": evaluation.routing.because}


def _require_context(visit: _Visit) -> None:
    """Raises ContextInvalid naming every required field and document that is not there."""
    mistakes = [
        Mistake(pointer="/" + path.replace(".", "/"), detail="The policy requires this field for a handoff.")
        for path in packages.missing(visit.policy, visit.names)
    ]
    have = {word for document in visit.documents for word in _names_of(document)}
    mistakes += [
        Mistake(pointer="/context/documents", detail=f"The policy requires a document titled {title!r} for a handoff.")
        for title in visit.policy.context.required_documents
        if title.casefold() not in have
    ]
    if mistakes:
        raise ContextInvalid(
            "A person is needed, but could not decide with this. Add what is missing.", mistakes=mistakes
        )


def _names_of(document: Document) -> set[str]:
    """A required document is recognised by its title, its file name, or its file name without the ending."""
    return {document.title.casefold(), document.name.casefold(), document.name.rpartition(".")[0].casefold()}


def _package(visit: _Visit, policy: Policy, *, root_cause: str, suggested: str) -> dict[str, Any]:
    given = packages.GivenContext(
        summary=visit.report.summary,
        root_cause=visit.report.root_cause,
        links=visit.report.links,
        documents=[context.described(document) for document in visit.documents],
    )
    return packages.build(policy, visit.names, given, root_cause=root_cause, suggested_outcome=suggested)


def _root_cause(visit: _Visit, evaluation: Evaluation) -> str:
    """The policy's words for the trigger, else the automation's error, else the reason it asked for a person."""
    assert evaluation.primary is not None
    return evaluation.primary.root_cause or visit.report.error_message or visit.report.request_reason or ""


def _on_open_handoff(visit: _Visit, handoff: Handoff) -> Answer:
    policy = policy_of(handoff.policy_version_id)
    evaluation = evaluate(visit.report.facts(), policy, visit.history, at=visit.now)
    if _went_well(handoff, evaluation, visit):
        return _withdraw_after_success(visit, handoff, evaluation)
    verdict = Verdict.STOP if handoff.pattern == Pattern.ESCALATION else Verdict.WAIT
    attempt = _store(visit, evaluation, verdict, handoff=handoff)
    package = _next_package(visit, handoff, policy, evaluation)
    if handoff.state == State.RETURNED:
        _resubmit(visit, handoff, package, attempt)
    elif packages.digest(package) != handoff.context_digest:
        _revise(visit, handoff, package, attempt, Event.CONTEXT_CHANGED)
    else:
        _count_occurrence(visit, handoff, attempt)
    return _answer(attempt, visit, 200, {"handoff": representation.one(handoff)})


def _went_well(handoff: Handoff, evaluation: Evaluation, visit: _Visit) -> bool:
    """In the escalation pattern a later success means that nobody is needed any more."""
    escalation = handoff.pattern == Pattern.ESCALATION
    return escalation and evaluation.verdict is Verdict.PROCEED and not visit.report.error_type


def _withdraw_after_success(visit: _Visit, handoff: Handoff, evaluation: Evaluation) -> Answer:
    attempt = _store(visit, evaluation, Verdict.PROCEED, handoff=handoff)
    reason = "The automation succeeded on its own"
    lifecycle.take_back(handoff, by=Actor.of(visit.automation), reason=reason, now=visit.now)
    body = {"reason": ProceedReason.NO_TRIGGER.value, "handoff": representation.one(handoff)}
    return _answer(attempt, visit, 200, body)


def _next_package(visit: _Visit, handoff: Handoff, policy: Policy, evaluation: Evaluation) -> dict[str, Any]:
    """What the reviewer would see now; documents not named again stay."""
    current = package_of(handoff)
    suggested = suggest(policy, visit.report.facts(), visit.history)
    root_cause = _root_cause(visit, evaluation) if evaluation.primary else current["root_cause"]
    package = _package(visit, policy, root_cause=root_cause, suggested=suggested)
    if not visit.documents:
        package["documents"] = current["documents"]
    if not visit.report.links:
        package["links"] = current["links"]
    return package


def _resubmit(visit: _Visit, handoff: Handoff, package: Mapping[str, Any], attempt: Attempt) -> None:
    handoff.resubmit(now=visit.now)
    lifecycle.wind(handoff, now=visit.now)
    _revise(visit, handoff, package, attempt, Event.RESUBMITTED)


def _revise(visit: _Visit, handoff: Handoff, package: Mapping[str, Any], attempt: Attempt, event: Event) -> None:
    changes = packages.changes(package_of(handoff), package)
    handoff.context_revision_number += 1
    context.take_over(handoff, package)
    context.freeze(handoff, package, attempt=attempt, now=visit.now)
    context.attach(handoff, visit.documents)
    details = {"revision": handoff.context_revision_number, "changes": changes}
    audit.record(handoff, event, actor=Actor.of(visit.automation), now=visit.now, details=details)


def _count_occurrence(visit: _Visit, handoff: Handoff, attempt: Attempt) -> None:
    handoff.occurrences_count += 1
    details = {"attempt": str(attempt.pk), "occurrences": handoff.occurrences_count}
    audit.record(handoff, Event.OCCURRED_AGAIN, actor=Actor.of(visit.automation), now=visit.now, details=details)


def _store(visit: _Visit, evaluation: Evaluation, verdict: Verdict, *, handoff: Handoff | None) -> Attempt:
    report = visit.report
    return Attempt.objects.create(
        case=visit.case,
        handoff=handoff,
        automation=visit.automation,
        policy_version_id=handoff.policy_version_id if handoff else visit.workflow.live_version_id,
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


def _answer(attempt: Attempt, visit: _Visit, status: int, extra: Mapping[str, Any]) -> Answer:
    """What the automation is told, kept with the attempt where it may be asked for again."""
    body = {
        "verdict": str(attempt.verdict),
        "case": {"workflow": visit.workflow.key, "reference": visit.case.reference},
        "attempt": str(attempt.pk),
        "policy_version": representation.version_number(attempt.policy_version_id),
        "triggers": [{name: result[name] for name in ("key", "fired", "because")} for result in attempt.triggers],
        **extra,
    }
    if attempt.idempotency_key is not None:
        Attempt.objects.filter(pk=attempt.pk).update(answer=body, answer_status=status)
    return Answer(status=status, body=body)
