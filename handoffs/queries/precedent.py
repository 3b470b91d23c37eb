"""Decided cases as precedent: the most similar ones for a reviewer, and the rules that many of them suggest."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoffs.choices import DecidedBy, DecisionStatus, Mode, RecoveryState, State
from handoffs.models import ContextRevision, Decision, Handoff, Recovery, Workflow, rows
from handoffs.rules.precedent import Decided, SuggestedRule, likeness, suggested_rules

LOOKED_AT = 60
SHOWN = 5
RULES_FROM = 500
LATER: dict[str, str] = {
    RecoveryState.APPLIED: "applied",
    RecoveryState.FAILED: "could not be applied",
    RecoveryState.ROLLED_BACK: "rolled back",
}
REVERSED = "reversed later"
SHOWN_LAST = "(handoff_id, number) IN (SELECT id, context_revision_number FROM handoffs_handoff WHERE id = ANY(%s))"
"""Of revisions, the current ones of these handoffs."""
COUNTS_NOW = """
    handoff_id = ANY(%s) AND status = 'final'
    AND resolution_number = (SELECT reopens_count + 1 FROM handoffs_handoff AS h WHERE h.id = handoff_id)
"""
"""Of decisions, those by which these handoffs were resolved last."""
DECISION_SHOWN = (
    "id", "handoff_id", "outcome_title", "decided_by_id",
    "decided_by__id", "decided_by__username", "decided_by__first_name", "decided_by__last_name",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SimilarCase:
    """A decided handoff of the same workflow and trigger: what it has in common, and what became of its decision."""

    id: uuid.UUID
    reference: str
    summary: str
    outcome: str
    decided_by: str
    resolved_at: datetime
    same: tuple[str, ...]
    later: str


def similar_to(handoff: Handoff, package: Mapping[str, Any], *, visible: Any) -> tuple[SimilarCase, ...]:
    """Of the handoffs last decided for the same trigger, as far as the reader may see them, those most alike."""
    recent = (
        visible.filter(
            workflow=handoff.workflow_id,
            primary_trigger=handoff.primary_trigger,
            state=State.RESOLVED,
            mode=Mode.LIVE,
        )
        .exclude(pk=handoff.pk)
        .order_by("-opened_at")
    )
    if handoff.is_blind:  # what was decided on the very case would tell
        recent = recent.exclude(case=handoff.case_id)
    found = {row["id"]: row for row in recent.values("id", "case__reference", "summary", "resolved_at")[:LOOKED_AT]}
    facts = _facts(list(found)) if found else {}
    compared = {pk: likeness(package["fields"], facts.get(pk, ())) for pk in found}
    nearest = sorted(found, key=lambda pk: -compared[pk].score)[:SHOWN]
    decisions = _decisions(nearest) if nearest else {}
    later = _later(decisions) if decisions else {}
    return tuple(
        _similar(found[pk], decisions[pk], compared[pk].same, later.get(pk, "")) for pk in nearest if pk in decisions
    )


def rules_of(workflow: Workflow) -> tuple[SuggestedRule, ...]:
    """What people's last decisions suggest, one rule per trigger at most; shadow and second looks take no part."""
    decisions = Decision.objects.filter(
        handoff__workflow=workflow,
        handoff__mode=Mode.LIVE,
        status=DecisionStatus.FINAL,
        decided_by_kind=DecidedBy.PERSON,
    ).order_by("-decided_at")
    found = list(decisions.values_list("handoff", "handoff__primary_trigger", "outcome")[:RULES_FROM])
    facts = _facts([pk for pk, _, _ in found]) if found else {}
    return suggested_rules(
        Decided(trigger=trigger, outcome=outcome, facts=facts[pk]) for pk, trigger, outcome in found if pk in facts
    )


def _facts(handoff_ids: list[uuid.UUID]) -> dict[uuid.UUID, Any]:
    current = rows.select(ContextRevision, SHOWN_LAST, [handoff_ids], columns=("id", "handoff_id", "package"))
    return {revision.handoff_id: revision.package["fields"] for revision in current}


def _decisions(handoff_ids: list[uuid.UUID]) -> dict[uuid.UUID, Decision]:
    found = rows.select_with(Decision, COUNTS_NOW, [handoff_ids], related=("decided_by",), columns=DECISION_SHOWN)
    return {decision.handoff_id: decision for decision in found}


def _later(decisions: Mapping[uuid.UUID, Decision]) -> dict[uuid.UUID, str]:
    """What the automations said afterwards; that it was reversed outweighs all else."""
    found: dict[uuid.UUID, str] = {}
    wanted = [[each.pk for each in decisions.values()]]
    columns = ("id", "handoff_id", "state", "reversed_at")
    for recovery in rows.select(Recovery, "decision_id = ANY(%s)", wanted, columns=columns):
        said = REVERSED if recovery.reversed_at else LATER.get(recovery.state, "")
        if said and found.get(recovery.handoff_id) != REVERSED:
            found[recovery.handoff_id] = said
    return found


def _similar(row: Mapping[str, Any], decision: Decision, same: tuple[str, ...], later: str) -> SimilarCase:
    return SimilarCase(
        id=row["id"],
        reference=row["case__reference"],
        summary=row["summary"],
        outcome=decision.outcome_title,
        decided_by=decision.decider_name,
        resolved_at=row["resolved_at"],
        same=same,
        later=later,
    )
