"""Does what the policy says to a report: lets it proceed or retry, or opens a handoff with all that belongs to it."""

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import User
from handoffs.actions import audit, availability, context, lifecycle, recovery, shadow
from handoffs.actions.context import locked
from handoffs.actions.occurrences import on_open_outage
from handoffs.actions.reports import Answer, AttemptReport, Visit, answer, attempt_of, package_for, root_cause
from handoffs.choices import PRIORITY_RANKS, WebhookType
from handoffs.errors import Invalid, Mistake
from handoffs.models import Actor, Case, Document, Handoff, Workflow, rows
from handoffs.models.fields import new_id
from handoffs.queries import representation, team
from handoffs.queries.failures import history_of
from handoffs.queries.policies import policy_of
from handoffs.rules import outages
from handoffs.rules import package as packages
from handoffs.rules.detection import Sighting
from handoffs.rules.evaluate import Evaluation, evaluate

Plain = tuple[Visit, Evaluation]


class ContextInvalid(Invalid):
    """A handoff is needed, but the package misses what the policy requires for it."""

    code = "context_incomplete"


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


def judged(visit: Visit) -> Evaluation:
    """What the live policy says to the report."""
    return evaluate(visit.report.facts(), visit.policy, visit.history, at=visit.now)


def plain(report: AttemptReport, automation: User, workflow: Workflow, now: datetime) -> Plain | None:
    """The report judged as the first on its case, if nothing else matters to what becomes of it; else None."""
    if report.document_ids or report.error_type or workflow.candidate_id is not None:
        return None
    case = Case(workflow=workflow, reference=report.reference, first_attempted_at=now, attempts_count=1)
    visit = visit_of(report, automation, workflow, case, now)
    evaluation = judged(visit)
    needs_more = evaluation.opens_shadow or (evaluation.opens_handoff and mistakes_of(visit))
    return None if needs_more or outages.references(visit.policy) else (visit, evaluation)


def locked_case(workflow: Workflow, reference: str, now: datetime, *, attempts: int = 1) -> Case:
    """The case's row, made if need be and locked either way: one report on a case at a time. Counts its `attempts`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO handoffs_case (id, workflow_id, reference, first_attempted_at, attempts_count)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (workflow_id, reference)"
            " DO UPDATE SET attempts_count = handoffs_case.attempts_count + EXCLUDED.attempts_count"
            " RETURNING id, workflow_id, reference, first_attempted_at, attempts_count",
            [new_id(), workflow.pk, reference, now, attempts],
        )
        case = Case.from_db(
            None, ["id", "workflow_id", "reference", "first_attempted_at", "attempts_count"], cursor.fetchone()
        )
    case.workflow = workflow
    return case


def on_free_case(visit: Visit, evaluation: Evaluation) -> Answer:
    """Do what the policy says where no handoff is open for the case, whose row the caller has locked."""
    if evaluation.opens_shadow and not mistakes_of(visit):  # an automation that goes on is not refused for its context
        return _beside(visit, evaluation)
    if evaluation.opens_handoff:
        return _on_outage(visit, evaluation) if evaluation.is_outage else _open(visit, evaluation)
    return not_opened(visit, evaluation)


def _beside(visit: Visit, evaluation: Evaluation) -> Answer:
    handoff, is_staffed = _new_handoff(visit, evaluation, visit.case)
    return shadow.open_beside(visit, evaluation, handoff, is_staffed=is_staffed)


def not_opened(visit: Visit, evaluation: Evaluation) -> Answer:
    """Keep the attempt, and let the automation go on or try again."""
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
    reference = outages.reference_of(visit.report.error_type)
    case = locked_case(visit.workflow, reference, visit.now, attempts=0)  # each report is one of its own case
    found = Handoff.objects.open().filter(case=case).select_for_update(of=("self",)).first()
    if found is not None:
        return on_open_outage(visit, locked(found), evaluation)
    if visit.history.outage_is_open:  # it ended while we waited: look again
        look_again(visit)
        return on_free_case(visit, judged(visit))
    return _open_outage(visit, evaluation, case)


def look_again(visit: Visit) -> None:
    """Read what went before anew: a handoff that counts in it ended meanwhile."""
    visit.history = history_of(
        visit.case,
        visit.policy,
        version_id=visit.version_id,
        error_type=visit.report.error_type,
        now=visit.now,
    )


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
    found = visit.opening or team.role_to_open_for(
        evaluation.routing.role, workflow_id=visit.workflow.pk, now=visit.now
    )
    handoff = Handoff(
        number=found.number,
        workflow=visit.workflow,
        case=case,
        policy_version_id=visit.version_id,
        pattern=visit.policy.pattern,
        role=found.role,
        routed_role_ids=[found.role.pk],
        priority=PRIORITY_RANKS[evaluation.routing.priority],
        opened_by=visit.automation,
        opened_at=visit.now,
        clock_started_at=visit.now,
        fixed_resolve_by=visit.report.resolve_by,
        primary_trigger=evaluation.primary.key,
    )
    handoff.heard = found.heard
    return handoff, found.is_staffed


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
