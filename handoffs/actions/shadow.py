"""Shadow: opens a handoff beside an automation that goes on, holds its own answer back, and shows it once decided."""

import uuid
from collections.abc import Mapping
from typing import Any

from handoffs.actions import audit, availability, context, lifecycle, occurrences
from handoffs.actions.reports import Answer, Visit, answer, attempt_of, package_for, root_cause
from handoffs.choices import Event, Mode, ProceedReason
from handoffs.models import Actor, Document, Handoff, ShadowProposal, rows
from handoffs.queries.representation import package_of
from handoffs.rules import package as packages
from handoffs.rules.evaluate import Evaluation
from handoffs.rules.shadow import Veil, veil_for, veiled

GOES_ON = {"reason": ProceedReason.SHADOW.value}
OVERTAKEN = "A handoff with effect was opened for the same case"


def open_beside(visit: Visit, evaluation: Evaluation, handoff: Handoff, *, is_staffed: bool) -> Answer:
    """Store a new handoff in shadow; the automation is told to proceed, as without the desk, and nothing else."""
    assert evaluation.primary is not None
    handoff.mode = Mode.SHADOW
    veil, package, held = _held_back(visit, evaluation)
    context.take_over(handoff, package)
    lifecycle.wind(handoff, now=visit.now)
    said = veil.spoken(evaluation.primary.sentence, veil.spoken(evaluation.primary.title))
    details = _why(evaluation, veil)
    new = audit.opened(handoff, actor=Actor.of(visit.automation), now=visit.now, reason=said, details=details)
    attempt = attempt_of(visit, evaluation, evaluation.verdict, handoff=handoff)
    told = answer(attempt, visit, 200, GOES_ON)
    rows.insert(*new, context.frozen(handoff, package, attempt=attempt, now=visit.now), attempt)
    _keep(visit, handoff, evaluation, held)
    if not is_staffed:
        availability.pass_on(handoff, now=visit.now)
    return told


def report_again(visit: Visit, handoff: Handoff, evaluation: Evaluation) -> Answer:
    """Take another report on a case that is open in shadow; the caller holds the row locks of both."""
    attempt = attempt_of(visit, evaluation, evaluation.verdict, handoff=handoff)
    told = answer(attempt, visit, 200, GOES_ON)
    rows.insert(attempt)
    _, package, held = _held_back(visit, evaluation)
    if not visit.documents:
        package["documents"] = package_of(handoff)["documents"]
    _keep(visit, handoff, evaluation, held)
    if packages.digest(package) == handoff.context_digest:
        occurrences.count_occurrence(visit, handoff, attempt)
    else:
        occurrences.revise(visit, handoff, package, attempt, Event.CONTEXT_CHANGED)
    return told


def give_way(visit: Visit, handoff: Handoff) -> None:
    """End a handoff without effect, since one with effect is needed for its case; the caller holds the row locks."""
    lifecycle.take_back(handoff, by=Actor.of(visit.automation), reason=OVERTAKEN, now=visit.now)


def reveal(handoff: Handoff) -> None:
    """The decision is made: what was held back may be seen now, its documents too."""
    proposal = ShadowProposal.objects.filter(handoff=handoff).first()
    if proposal is not None and proposal.document_ids:
        handoff.documents.add(*proposal.document_ids)


def _held_back(visit: Visit, evaluation: Evaluation) -> tuple[Veil, dict[str, Any], dict[str, Any]]:
    """The veil over the automation's answer, the package as the reviewer sees it, and what is kept from them."""
    whole = package_for(visit, visit.policy, root_cause=root_cause(visit, evaluation), suggested="")
    veil = veil_for(visit.policy, evaluation.suggested_outcome or visit.report.proposed_outcome)
    sentence = packages.render(visit.policy.context.summary, visit.names)[: packages.MAX_SUMMARY_CHARACTERS]
    shown, held = veiled(whole, veil, summary=sentence)
    return veil, shown, held


def _keep(visit: Visit, handoff: Handoff, evaluation: Evaluation, held: Mapping[str, Any]) -> None:
    """Write down the proposal; documents that name it wait beside the handoff, the others belong to it."""
    held_ids = [document["id"] for document in held.get("documents", ())]
    shown = [document for document in visit.documents if str(document.pk) not in held_ids]
    context.attach(handoff, shown)
    Document.objects.filter(pk__in=[uuid.UUID(each) for each in held_ids]).update(expires_at=None)
    ShadowProposal.objects.update_or_create(
        handoff=handoff,
        defaults={
            "outcome": evaluation.suggested_outcome or visit.report.proposed_outcome,
            "is_suggested": evaluation.suggested_outcome != visit.report.proposed_outcome,
            "held": dict(held),
            "document_ids": held_ids,
            "created_at": visit.now,
        },
    )


def _why(evaluation: Evaluation, veil: Veil) -> dict[str, Any]:
    assert evaluation.routing is not None
    fired = [result.key for result in evaluation.triggers if result.fired]
    because = veil.spoken(evaluation.routing.because)
    return {"triggers": fired, "role": evaluation.routing.role, "routed_because": because, "mode": Mode.SHADOW.value}
