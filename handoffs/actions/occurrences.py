"""What a report does to a handoff that is open already: resubmits, revises, counts, or makes it needless."""

from collections.abc import Mapping
from typing import Any

from handoffs.actions import audit, context, lifecycle
from handoffs.actions.context import locked
from handoffs.actions.reports import Answer, Visit, answer, attempt_of, package_for, root_cause
from handoffs.choices import Event, Pattern, ProceedReason, State, Verdict
from handoffs.models import Actor, Attempt, Handoff, rows
from handoffs.queries import representation
from handoffs.queries.failures import open_outages
from handoffs.queries.policies import policy_of
from handoffs.queries.representation import package_of
from handoffs.rules import outages
from handoffs.rules import package as packages
from handoffs.rules.evaluate import Evaluation, evaluate, suggest
from handoffs.rules.policy import Policy


def on_open_handoff(visit: Visit, handoff: Handoff) -> Answer:
    """Take a report on a case whose handoff is open; the caller holds the row locks of both."""
    policy = policy_of(handoff.policy_version_id)
    evaluation = evaluate(visit.report.facts(), policy, visit.history, at=visit.now)
    if _went_well(handoff, evaluation, visit):
        return _withdraw_after_success(visit, handoff, evaluation)
    verdict = Verdict.STOP if handoff.pattern == Pattern.ESCALATION else Verdict.WAIT
    attempt = attempt_of(visit, evaluation, verdict, handoff=handoff)
    rows.insert(attempt)
    package = _next_package(visit, handoff, policy, evaluation)
    if handoff.state == State.RETURNED:
        _resubmit(visit, handoff, package, attempt)
    elif packages.digest(package) != handoff.context_digest:
        revise(visit, handoff, package, attempt, Event.CONTEXT_CHANGED)
    else:
        count_occurrence(visit, handoff, attempt)
    return _answered_later(attempt, visit, {"handoff": representation.one(handoff)})


def on_open_outage(visit: Visit, handoff: Handoff, evaluation: Evaluation) -> Answer:
    """Take a failure of one more case as a part of the open outage; the caller holds the row locks of all three."""
    attempt = attempt_of(visit, evaluation, Verdict.STOP, handoff=handoff)
    rows.insert(attempt)
    count_occurrence(visit, handoff, attempt)
    return _answered_later(attempt, visit, {"handoff": representation.one(handoff)})


def end_outages(visit: Visit) -> None:
    """One case that goes well ends the outages of its workflow: nobody is needed, and failures count anew from here."""
    references = outages.references(visit.policy)
    if not references:
        return
    still_open = open_outages(visit.case, references).order_by("pk").select_for_update(of=("self",))
    for handoff in list(still_open):
        reason = f"{visit.case.reference} went well: the outage is over"
        lifecycle.take_back(locked(handoff), by=Actor.of(visit.automation), reason=reason, now=visit.now)


def _went_well(handoff: Handoff, evaluation: Evaluation, visit: Visit) -> bool:
    """In the escalation pattern a later success means that nobody is needed any more."""
    escalation = handoff.pattern == Pattern.ESCALATION
    return escalation and evaluation.verdict is Verdict.PROCEED and not visit.report.error_type


def _withdraw_after_success(visit: Visit, handoff: Handoff, evaluation: Evaluation) -> Answer:
    attempt = attempt_of(visit, evaluation, Verdict.PROCEED, handoff=handoff)
    rows.insert(attempt)
    reason = "The automation succeeded on its own"
    lifecycle.take_back(handoff, by=Actor.of(visit.automation), reason=reason, now=visit.now)
    body = {"reason": ProceedReason.NO_TRIGGER.value, "handoff": representation.one(handoff)}
    return _answered_later(attempt, visit, body)


def _next_package(visit: Visit, handoff: Handoff, policy: Policy, evaluation: Evaluation) -> dict[str, Any]:
    """What the reviewer would see now; documents not named again stay, and one uploaded again is the same."""
    current = package_of(handoff)
    suggested = suggest(policy, visit.report.facts(), visit.history)
    cause = root_cause(visit, evaluation) if evaluation.primary else current["root_cause"]
    package = package_for(visit, policy, root_cause=cause, suggested=suggested)
    if not visit.documents or _papers(package) == _papers(current):
        package["documents"] = current["documents"]
    if not visit.report.links:
        package["links"] = current["links"]
    return package


def _papers(package: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(document["sha256"], document["name"], document["title"]) for document in package["documents"]]


def _resubmit(visit: Visit, handoff: Handoff, package: dict[str, Any], attempt: Attempt) -> None:
    handoff.resubmit(now=visit.now)
    lifecycle.wind(handoff, now=visit.now)
    revise(visit, handoff, package, attempt, Event.RESUBMITTED)


def revise(visit: Visit, handoff: Handoff, package: dict[str, Any], attempt: Attempt, event: Event) -> None:
    """Show another package from now on, as a further revision; the caller holds the row lock."""
    changes = packages.changes(package_of(handoff), package)
    handoff.context_revision_number += 1
    context.take_over(handoff, package)
    revision = context.frozen(handoff, package, attempt=attempt, now=visit.now)
    if handoff.has_effect:  # in shadow some of them are held back
        context.attach(handoff, visit.documents)
    details = {"revision": handoff.context_revision_number, "changes": changes}
    actor = Actor.of(visit.automation)
    audit.record(handoff, event, actor=actor, now=visit.now, details=details, rows=[revision])


def count_occurrence(visit: Visit, handoff: Handoff, attempt: Attempt) -> None:
    """The same again: one more on the count; the caller holds the row lock."""
    handoff.occurrences_count += 1
    details = {
        "attempt": str(attempt.pk),
        "occurrences": handoff.occurrences_count,
        "reference": visit.case.reference,
    }
    audit.record(handoff, Event.OCCURRED_AGAIN, actor=Actor.of(visit.automation), now=visit.now, details=details)


def _answered_later(attempt: Attempt, visit: Visit, extra: Mapping[str, Any]) -> Answer:
    """The answer of an attempt that had to be stored before the handoff showed what it led to."""
    told = answer(attempt, visit, 200, extra)
    attempt.save(update_fields=["answer", "answer_status"])
    return told
