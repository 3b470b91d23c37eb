"""A handoff as the HTTP contract shows it: in answers, in lists and in webhooks alike."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db.models import F

from handoffs.choices import DecisionStatus, Event, Mode, State
from handoffs.models import ContextRevision, Decision, Handoff, PolicyVersion, Recovery, ShadowProposal, rows
from handoffs.models.fields import ExactDecoder
from handoffs.queries.policies import policy_of
from handoffs.rules.policy import Outcome

REVISION = """(
    SELECT jsonb_build_array(number, package) FROM handoffs_contextrevision
    WHERE handoff_id = handoffs_handoff.id AND number = context_revision_number
)"""
"""The number and the package of a handoff's current revision, in SQL beside its row."""


def handoff_json(
    handoff: Handoff,
    *,
    package: Mapping[str, Any],
    decision: Decision | None = None,
    recoveries: Iterable[Recovery] = (),
    returned: Mapping[str, Any] | None = None,
    proposal: str | None = None,
) -> dict[str, Any]:
    """The contract's handoff object; the value of a sensitive field is masked (`null`, `"masked": true`).

    `proposal` is the automation's own answer to a handoff in shadow, told only once it is resolved.
    """
    return {
        **_identity(handoff),
        "role": handoff.role.name,
        "escalation_level": handoff.escalation_level,
        "priority": handoff.priority_word.value,
        "holder": handoff.holder.display_name if handoff.holder else None,
        "summary": package["summary"],
        "root_cause": package["root_cause"],
        "fields": [_masked(fact) for fact in package["fields"]],
        "documents": package["documents"],
        "links": package["links"],
        "suggested_outcome": package["suggested_outcome"],
        "mode": handoff.mode,
        "automation_outcome": proposal,
        "outcomes": [_outcome(outcome) for outcome in policy_of(handoff.policy_version_id).outcomes],
        "context_revision": handoff.context_revision_number,
        "context_digest": handoff.context_digest,
        "occurrences": handoff.occurrences_count,
        **_times(handoff),
        "returned": dict(returned) if returned else None,
        "decision": decision_json(decision) if decision else None,
        "recovery": [recovery_json(recovery) for recovery in recoveries],
    }


def one(handoff: Handoff) -> dict[str, Any]:
    """The contract's object of one stored handoff, with what belongs to it."""
    version, decision, recoveries = getattr(handoff, "_decided", (None, None, ()))
    if version == handoff.version:
        return handoff_json(handoff, package=package_of(handoff), decision=decision, recoveries=recoveries)
    return many([handoff])[0]


def package_of(handoff: Handoff) -> dict[str, Any]:
    """The handoff's current context package; read once per object and revision, as revisions are frozen."""
    number, package = getattr(handoff, "_package", (0, {}))
    if number != handoff.context_revision_number:
        number = handoff.context_revision_number
        where = "handoff_id = %s AND number = %s"
        (revision,) = rows.select(ContextRevision, where, [handoff.pk, number], columns=("id", "package"))
        package = revision.package
        remember(handoff, package)
    return package


def remember(handoff: Handoff, package: dict[str, Any]) -> None:
    """Spare `package_of` the reading: this is the package of the handoff's current revision."""
    handoff._package = (handoff.context_revision_number, package)  # type: ignore[attr-defined]


def remember_revision(handoff: Handoff, told: str | None) -> None:
    """The same from what REVISION said; of no use, and asked for again, where the handoff shows another one by now."""
    handoff._package = tuple(json.loads(told, cls=ExactDecoder)) if told else (0, {})  # type: ignore[attr-defined]


def remember_decision(handoff: Handoff, decision: Decision, recoveries: list[Recovery]) -> None:
    """Spare `one` the reading: this is what was decided just now, and who is to act on it."""
    handoff._decided = (handoff.version, decision, recoveries)  # type: ignore[attr-defined]


def many(handoffs: list[Handoff]) -> list[dict[str, Any]]:
    """The contract's objects of stored handoffs, in a number of queries that does not grow with them."""
    packages = packages_of(handoffs)
    decisions = final_decisions([handoff.pk for handoff in handoffs if handoff.resolved_at])
    recoveries = _recoveries(decisions.values())
    questions = _questions([handoff.pk for handoff in handoffs if handoff.state == State.RETURNED])
    proposals = proposals_of(handoffs)
    return [
        handoff_json(
            handoff,
            package=packages[handoff.pk],
            decision=decisions.get(handoff.pk),
            recoveries=recoveries.get(handoff.pk, ()),
            returned=questions.get(handoff.pk),
            proposal=proposals.get(handoff.pk),
        )
        for handoff in handoffs
    ]


def proposals_of(handoffs: Iterable[Handoff]) -> dict[Any, str]:
    """The automation's own answers to those that were decided in shadow, by handoff id."""
    decided = [each.pk for each in handoffs if each.mode == Mode.SHADOW and not each.is_blind]
    if not decided:
        return {}
    return dict(ShadowProposal.objects.filter(pk__in=decided).exclude(outcome="").values_list("pk", "outcome"))


def packages_of(handoffs: list[Handoff]) -> dict[Any, dict[str, Any]]:
    """The current context package of each handoff by its id, in one query."""
    if len(handoffs) == 1:
        return {handoffs[0].pk: package_of(handoffs[0])}
    current = ContextRevision.objects.filter(handoff__in=handoffs, number=F("handoff__context_revision_number"))
    return dict(current.values_list("handoff_id", "package"))


def _questions(returned_ids: list[Any]) -> dict[Any, dict[str, Any]]:
    """Reason and questions of the last return of each handoff that is returned now."""
    if not returned_ids:
        return {}
    rows: Any = Handoff.history.model.objects.filter(id__in=returned_ids, event=Event.RETURNED).order_by("sequence")
    return {
        handoff_id: {"reason": details.get("reason", ""), "questions": details.get("questions", [])}
        for handoff_id, details in rows.values_list("id", "details")
    }


def _recoveries(decisions: Iterable[Decision]) -> dict[Any, list[Recovery]]:
    found: dict[Any, list[Recovery]] = {}
    ids = [decision.pk for decision in decisions]
    for recovery in Recovery.objects.filter(decision__in=ids).order_by("created_at") if ids else ():
        found.setdefault(recovery.handoff_id, []).append(recovery)
    return found


def final_decisions(handoff_ids: list[Any]) -> dict[Any, Decision]:
    """The last final decision of each handoff that is resolved now, by handoff id."""
    if not handoff_ids:
        return {}
    decisions = (
        Decision.objects.filter(
            handoff__in=handoff_ids, status=DecisionStatus.FINAL, handoff__resolved_at__isnull=False
        )
        .select_related("decided_by")
        .order_by("resolution_number")
    )
    return {decision.handoff_id: decision for decision in decisions}


def decision_json(decision: Decision) -> dict[str, Any]:
    """The contract's decision object."""
    return {
        "outcome": decision.outcome,
        "recovery": decision.recovery,
        "reason": decision.reason,
        "decided_by": {"kind": decision.decided_by_kind, "name": decision.decider_name},
        "decided_at": rfc3339(decision.decided_at),
        "context_revision": decision.context_revision_number,
        "context_digest": decision.context_digest,
        "answers": decision.answers,
    }


def recovery_json(recovery: Recovery) -> dict[str, Any]:
    """One caller's recovery: its state, and when what happened."""
    return {
        "id": str(recovery.pk),
        "action": recovery.action,
        "state": recovery.state,
        "correlation_id": recovery.correlation_id or None,
        "delivered_at": rfc3339(recovery.delivered_at),
        "receipt_due_at": rfc3339(recovery.receipt_due_at),
        "received_at": rfc3339(recovery.received_at),
        "reversed_at": rfc3339(recovery.reversed_at),
        "detail": recovery.detail,
        "steps": recovery.steps,
        "later_facts": recovery.later_facts,
    }


def rfc3339(moment: datetime | None) -> str | None:
    """UTC with microseconds and a Z, or None."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z") if moment else None


def _identity(handoff: Handoff) -> dict[str, Any]:
    return {
        "id": str(handoff.pk),
        "number": handoff.number,
        "workflow": handoff.workflow.key,
        "reference": handoff.case.reference,
        "pattern": handoff.pattern,
        "policy_version": version_number(handoff.policy_version_id),
        "state": handoff.state,
        "version": handoff.version,
    }


@lru_cache(maxsize=512)
def version_number(version_id: Any) -> int:
    """The number of a policy version; numbers never change."""
    return PolicyVersion.objects.values_list("number", flat=True).get(pk=version_id)


def _times(handoff: Handoff) -> dict[str, Any]:
    names = ("opened_at", "accept_by", "resolve_by", "cut_off_at", "accepted_at", "resolved_at", "updated_at")
    return {name: rfc3339(getattr(handoff, name)) for name in names}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "key": outcome.key,
        "label": outcome.title,
        "reason": outcome.reason.value,
        "recovery": outcome.recovery.value,
        "explain": outcome.explain,
        "answers": dict(outcome.answers),
    }


def _masked(fact: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in fact.items() if key != "sensitive"}
    return shown | {"value": None, "masked": True} if fact["sensitive"] else shown
