"""Takes an automation's report on a case: judges it, opens a handoff if need be, and answers what to do now."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Model

from accounts.models import User
from handoffs import access
from handoffs.actions import audit, availability, candidates, context, lifecycle, recovery, shadow
from handoffs.actions.context import locked
from handoffs.actions.occurrences import end_outages, on_open_handoff, on_open_outage
from handoffs.actions.reports import Answer, AttemptReport, Visit, answer, attempt_of, package_for, root_cause
from handoffs.choices import PRIORITY_RANKS, Mode, Verdict, WebhookType
from handoffs.errors import Invalid, KeyReused, Mistake, PolicyNotPublished
from handoffs.models import Actor, Attempt, Case, Document, Handoff, Workflow, rows
from handoffs.models.fields import new_id
from handoffs.queries import lookups, representation, team
from handoffs.queries.failures import history_of
from handoffs.queries.policies import policy_of
from handoffs.rules import outages
from handoffs.rules import package as packages
from handoffs.rules.addresses import check_callback_url
from handoffs.rules.detection import Sighting
from handoffs.rules.evaluate import Evaluation, evaluate

__all__ = ["Answer", "AttemptReport", "ContextInvalid", "receive"]


class ContextInvalid(Invalid):
    """A handoff is needed, but the package misses what the policy requires for it."""

    code = "context_incomplete"


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
        first = _first_with_key(report, automation)
    except Invalid:  # what is wrong with another body matters less than that it is another
        first = _first_with_key(report, automation)
        if first is None:
            raise
    return _replayed(first, report)


@transaction.atomic(durable=True)
def _receive(report: AttemptReport, *, automation: User, now: datetime) -> Answer:
    workflow = workflow_of(report, automation=automation)
    case = _locked_case(workflow, report.reference, now)
    if case.attempts_count == 1:
        return _answered(visit_of(report, automation, workflow, case, now))
    first = _first_with_key(report, automation)
    if first is not None:
        _uncount(case)
        return _replayed(first, report)
    return _answered(visit_of(report, automation, workflow, case, now))


def workflow_of(report: AttemptReport, *, automation: User) -> Workflow:
    """The workflow that the report is for. Raises NotThere, PolicyNotPublished, or Invalid for the callback URL."""
    workflow = lookups.once(("workflow", report.workflow), lambda: access.workflow_for(automation, report.workflow))
    if workflow.live_version_id is None:
        raise PolicyNotPublished(f"{workflow.key} has no published policy yet, so nothing can be judged by it.")
    if report.callback_url:
        check_callback_url(report.callback_url, workflow.allowed_hosts)
    return workflow


def _answered(visit: Visit) -> Answer:
    judged = candidates.judge(visit)
    handoff = Handoff.objects.open().filter(case=visit.case).first() if visit.case.attempts_count > 1 else None
    told = _on_taken_case(visit, locked(handoff)) if handoff else _on_free_case(visit)
    candidates.keep(visit, judged)
    if told.body["verdict"] == Verdict.PROCEED and not visit.report.error_type:
        end_outages(visit)
    return told


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


def _uncount(case: Case) -> None:
    """What is told again is no further attempt."""
    Case.objects.filter(pk=case.pk).update(attempts_count=case.attempts_count - 1)


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


def visit_of(report: AttemptReport, automation: User, workflow: Workflow, case: Case, now: datetime) -> Visit:
    """The report with what is looked up for it. Raises Invalid for a document that is not there."""
    assert workflow.live_version_id is not None
    policy = policy_of(workflow.live_version_id)
    return Visit(
        report=report,
        automation=automation,
        workflow=workflow,
        version_id=workflow.live_version_id,
        policy=policy,
        case=case,
        now=now,
        documents=context.named_documents(workflow, list(report.document_ids), automation=automation)
        if report.document_ids
        else [],
        history=history_of(case, policy, version_id=workflow.live_version_id, error_type=report.error_type, now=now),
    )


def _on_taken_case(visit: Visit, handoff: Handoff) -> Answer:
    """What is open without effect keeps nobody waiting, and gives way to a handoff that has one."""
    if handoff.has_effect:
        return on_open_handoff(visit, handoff)
    evaluation = judged(visit)
    if evaluation.opens_shadow and handoff.mode == Mode.SHADOW:
        return shadow.report_again(visit, handoff, evaluation)
    if evaluation.opens_handoff:
        shadow.give_way(visit, handoff)
        return _on_free_case(visit)
    return _not_opened(visit, evaluation)


def judged(visit: Visit) -> Evaluation:
    """What the live policy says to the report."""
    return evaluate(visit.report.facts(), visit.policy, visit.history, at=visit.now)


def _on_free_case(visit: Visit) -> Answer:
    return on_free_case(visit, judged(visit))


def on_free_case(visit: Visit, evaluation: Evaluation) -> Answer:
    """Do what the policy says where no handoff is open for the case, whose row the caller has locked."""
    if evaluation.opens_shadow and not mistakes_of(visit):  # an automation that goes on is not refused for its context
        return _beside(visit, evaluation)
    if evaluation.opens_handoff:
        return _on_outage(visit, evaluation) if evaluation.is_outage else _open(visit, evaluation)
    return _not_opened(visit, evaluation)


def _beside(visit: Visit, evaluation: Evaluation) -> Answer:
    handoff, is_staffed = _new_handoff(visit, evaluation, visit.case)
    return shadow.open_beside(visit, evaluation, handoff, is_staffed=is_staffed)


def _not_opened(visit: Visit, evaluation: Evaluation) -> Answer:
    attempt = attempt_of(visit, evaluation, evaluation.verdict, handoff=None)
    told = answer(attempt, visit, 200, _not_handed_off(evaluation))
    rows.insert(attempt)
    return told


def _not_handed_off(evaluation: Evaluation) -> dict[str, Any]:
    if evaluation.retry is not None:
        retry = evaluation.retry
        seconds = retry.retry_after_seconds
        return {"retry_after_seconds": seconds, "failures": retry.failures, "limit": retry.limit}
    assert evaluation.proceed_reason is not None
    return {"reason": evaluation.proceed_reason.value}


def _on_outage(visit: Visit, evaluation: Evaluation) -> Answer:
    """Join the outage's handoff or open it, on a case of its own; whoever comes second waits for that case's row."""
    case = _locked_case(visit.workflow, outages.reference_of(visit.report.error_type), visit.now)
    found = Handoff.objects.open().filter(case=case).select_for_update(of=("self",)).first()
    if found is not None:
        return on_open_outage(visit, locked(found), evaluation)
    if visit.history.outage_is_open:  # it ended while we waited: look again
        return _on_free_case(_looking_again(visit))
    return _open_outage(visit, evaluation, case)


def _looking_again(visit: Visit) -> Visit:
    visit.history = history_of(
        visit.case,
        visit.policy,
        version_id=visit.version_id,
        error_type=visit.report.error_type,
        now=visit.now,
    )
    return visit


def _open_outage(visit: Visit, evaluation: Evaluation, case: Case) -> Answer:
    assert evaluation.primary is not None
    sighting = Sighting(attempt=visit.report.facts(), history=visit.history, at=visit.now)
    package = outages.build(visit.policy, sighting, evaluation.primary, suggested_outcome=evaluation.suggested_outcome)
    return _opened(visit, evaluation, package, case=case)


def _open(visit: Visit, evaluation: Evaluation) -> Answer:
    _require_context(visit)
    package = package_for(
        visit, visit.policy, root_cause=root_cause(visit, evaluation), suggested=evaluation.suggested_outcome
    )
    return _opened(visit, evaluation, package, case=visit.case)


def _opened(visit: Visit, evaluation: Evaluation, package: dict[str, Any], *, case: Case) -> Answer:
    assert evaluation.primary is not None
    handoff, is_staffed = _new_handoff(visit, evaluation, case)
    context.take_over(handoff, package)
    lifecycle.wind(handoff, now=visit.now)
    reason, actor = evaluation.primary.sentence, Actor.of(visit.automation)
    new: list[Model] = audit.opened(handoff, actor=actor, now=visit.now, reason=reason, details=_why(evaluation))
    attempt = attempt_of(visit, evaluation, evaluation.verdict, handoff=handoff)
    new.append(context.frozen(handoff, package, attempt=attempt, now=visit.now))
    recovery.tell(handoff, WebhookType.OPENED, now=visit.now)
    if not is_staffed:
        rows.insert(*new)
        new = []
        availability.pass_on(handoff, now=visit.now)
    told = answer(attempt, visit, 201, {"handoff": representation.handoff_json(handoff, package=package)})
    rows.insert(*new, attempt)
    context.attach(handoff, visit.documents)
    return told


def _new_handoff(visit: Visit, evaluation: Evaluation, case: Case) -> tuple[Handoff, bool]:
    """The handoff, not stored yet and without its package, and whether anybody can work for its role now."""
    assert evaluation.primary is not None
    assert evaluation.routing is not None
    role, is_staffed, number = visit.opening or team.role_to_open_for(evaluation.routing.role, now=visit.now)
    handoff = Handoff(
        number=number,
        workflow=visit.workflow,
        case=case,
        policy_version_id=visit.version_id,
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
    return handoff, is_staffed


def _why(evaluation: Evaluation) -> dict[str, Any]:
    assert evaluation.routing is not None
    fired = [result.key for result in evaluation.triggers if result.fired]
    return {"triggers": fired, "role": evaluation.routing.role, "routed_because": evaluation.routing.because}


def _require_context(visit: Visit) -> None:
    """Raises ContextInvalid naming every required field and document that is not there."""
    mistakes = mistakes_of(visit)
    if mistakes:
        raise ContextInvalid(
            "A person is needed, but could not decide with this. Add what is missing.", mistakes=mistakes
        )


def mistakes_of(visit: Visit) -> list[Mistake]:
    """What the policy requires for a handoff and the report lacks."""
    mistakes = [
        Mistake(pointer="/" + path.replace(".", "/"), detail="The policy requires this field for a handoff.")
        for path in packages.missing(visit.policy, visit.names)
    ]
    have = {word for document in visit.documents for word in _names_of(document)}
    return mistakes + [
        Mistake(pointer="/context/documents", detail=f"The policy requires a document titled {title!r} for a handoff.")
        for title in visit.policy.context.required_documents
        if title.casefold() not in have
    ]


def _names_of(document: Document) -> set[str]:
    """A required document is recognised by its title, its file name, or its file name without the ending."""
    return {document.title.casefold(), document.name.casefold(), document.name.rpartition(".")[0].casefold()}
