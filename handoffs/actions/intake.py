"""Takes an automation's report on a case: judges it, opens a handoff if need be, and answers what to do now."""

from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, transaction

from accounts.models import User
from handoffs import access
from handoffs.actions import candidates, doorbell, opening, shadow
from handoffs.actions.context import locked
from handoffs.actions.occurrences import end_outages, on_open_handoff
from handoffs.actions.opening import ContextInvalid, locked_case, on_free_case, visit_of
from handoffs.actions.reports import Answer, AttemptReport, Visit
from handoffs.choices import Mode, Verdict
from handoffs.errors import DeskError, Invalid, KeyReused, PolicyNotPublished
from handoffs.models import Attempt, Case, Handoff, Workflow, gathering
from handoffs.queries import lookups, team
from handoffs.rules import outages
from handoffs.rules.addresses import check_callback_url
from handoffs.rules.evaluate import Evaluation

__all__ = ["Answer", "AttemptReport", "ContextInvalid", "receive"]

_UNCHANGED = """
EXISTS (
    SELECT FROM handoffs_workflow
    WHERE id = %s AND live_version_id = %s AND allowed_hosts = %s::varchar[] AND candidate_id IS NULL
) AND NOT EXISTS (SELECT FROM handoffs_attempt WHERE automation_id = %s AND idempotency_key = %s)"""
_NOT_SO = (DeskError, ObjectDoesNotExist, IntegrityError, DataError, gathering.NotFirst)
_last_seen: dict[str, Workflow] = {}
"""Workflows by key, as this process read them last; whether they still are so, the statement that writes asks."""


def receive(report: AttemptReport, *, automation: User, now: datetime) -> Answer:
    """Store an attempt and open a handoff if the live policy asks for one.

    The same idempotency key with the same content replays the first answer. Raises NotThere, PolicyNotPublished,
    Invalid (documents, callback URL), ContextInvalid if the package misses what the policy requires, and KeyReused.
    """
    try:
        return _at_once(report, automation, now) or _receive(report, automation=automation, now=now)
    except IntegrityError as error:
        if "one_attempt_per_idempotency_key" not in str(error):
            raise
        first = _first_with_key(report, automation)
    except Invalid:  # what is wrong with another body matters less than that it is another
        first = _first_with_key(report, automation)
        if first is None:
            raise
    return _replayed(first, report)


def forget() -> None:
    """Remember no workflow: the next report on each is judged with its case's row locked."""
    _last_seen.clear()


def _at_once(report: AttemptReport, automation: User, now: datetime) -> Answer | None:
    """A plain report on a new case, judged by what this process knows and written by one statement if it is still so.

    None where it is not; then nothing is written. One statement needs no transaction around it.
    """
    workflow = _last_seen.get(report.workflow)
    if workflow is None or report.workflow not in (automation.workflow_scope or ()):
        return None
    try:
        found = _plain(report, automation, workflow, now)
        if found is None:
            return None
        with doorbell.held():
            return _first_on_case(*found)
    except _NOT_SO:  # with the case's row locked it is seen why
        return None


def _plain(report: AttemptReport, automation: User, workflow: Workflow, now: datetime) -> opening.Plain | None:
    if report.callback_url:
        check_callback_url(report.callback_url, workflow.allowed_hosts)
    return opening.plain(report, automation, workflow, now)


def _first_on_case(visit: Visit, evaluation: Evaluation) -> Answer | None:
    if evaluation.routing and evaluation.opens_handoff:
        role, workflow_id = evaluation.routing.role, visit.workflow.pk
        visit.opening = team.role_to_open_for(role, workflow_id=workflow_id, now=visit.now)
        if not visit.opening.is_staffed:
            return None
    workflow, key = visit.workflow, visit.report.idempotency_key
    known = [workflow.pk, visit.version_id, workflow.allowed_hosts, visit.automation.pk, key]
    with gathering.behind(visit.case, where=_UNCHANGED, params=known):
        return on_free_case(visit, evaluation)


@transaction.atomic(durable=True)
def _receive(report: AttemptReport, *, automation: User, now: datetime) -> Answer:
    workflow = workflow_of(report, automation=automation)
    case = locked_case(workflow, report.reference, now)
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
    _last_seen[workflow.key] = workflow
    return workflow


def _answered(visit: Visit) -> Answer:
    beside = candidates.judge(visit)
    handoff = _open_handoff(visit)
    told = _on_taken_case(visit, handoff) if handoff else on_free_case(visit, opening.judged(visit))
    candidates.keep(visit, beside)
    if told.body["verdict"] == Verdict.PROCEED and not visit.report.error_type:
        end_outages(visit)
    return told


def _open_handoff(visit: Visit) -> Handoff | None:
    """The open handoff of the case, locked; one that ends while we wait for its lock leaves the case free."""
    found = Handoff.objects.open().filter(case=visit.case).first() if _may_be_taken(visit.case) else None
    if found is None:
        return None
    handoff = locked(found)
    if handoff.is_open:
        return handoff
    opening.look_again(visit)
    return None


def _may_be_taken(case: Case) -> bool:
    return case.attempts_count > 1 or outages.stands_for_one(case.reference)


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


def _on_taken_case(visit: Visit, handoff: Handoff) -> Answer:
    """What is open without effect keeps nobody waiting, and gives way to a handoff that has one."""
    if handoff.has_effect:
        return on_open_handoff(visit, handoff)
    evaluation = opening.judged(visit)
    if evaluation.opens_shadow and handoff.mode == Mode.SHADOW:
        return shadow.report_again(visit, handoff, evaluation)
    if evaluation.opens_handoff:
        shadow.give_way(visit, handoff)
        return on_free_case(visit, evaluation)
    return opening.not_opened(visit, evaluation)
