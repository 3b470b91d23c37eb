"""Cases as the HTTP contract shows them: what was reported on them, and what became of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from handoffs.choices import Mode
from handoffs.models import Attempt, Case, Handoff
from handoffs.queries.representation import rfc3339, version_number
from handoffs.rules.shadow import HELD_BACK

ATTEMPTS_SHOWN = 100
HANDOFFS_SHOWN = 100


def cases_json(cases: Iterable[Case], *, visible: QuerySet[Handoff]) -> list[dict[str, Any]]:
    """Cases with the names of those of their handoffs that are in `visible`; one query, however many cases."""
    cases = list(cases)
    names: dict[Any, list[dict[str, Any]]] = {case.pk: [] for case in cases}
    columns = ("id", "number", "state", "opened_at", "case_id")
    rows = visible.filter(case__in=list(names)).order_by("-opened_at", "-pk").values(*columns)
    for row in rows[: HANDOFFS_SHOWN * max(len(cases), 1)]:
        names[row["case_id"]].append(_handoff_name(row))
    return [_case(case, names[case.pk]) for case in cases]


def case_json(case: Case, *, visible: QuerySet[Handoff], with_data: bool) -> dict[str, Any]:
    """One case with its latest ATTEMPTS_SHOWN attempts; `data` is for automations, people see what the policy shows."""
    attempts = case.attempts.select_related("automation").order_by("-received_at", "-pk")
    if not with_data:
        attempts = attempts.defer("data")
    attempts = attempts.defer("answer", "given_context", "action_taken")[:ATTEMPTS_SHOWN]
    hidden = not with_data and is_blind(case)
    told = cases_json([case], visible=visible)[0]
    seen = {handoff["id"] for handoff in told["handoffs"]}
    shown = [_attempt(each, with_data=with_data, hidden=hidden) for each in attempts]
    for attempt in shown:
        attempt["handoff"] = attempt["handoff"] if attempt["handoff"] in seen else None
    return told | {"attempts": shown}


def _case(case: Case, handoffs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "workflow": case.workflow.key,
        "reference": case.reference,
        "first_attempted_at": rfc3339(case.first_attempted_at),
        "attempts_count": case.attempts_count,
        "handoffs": handoffs,
    }


def _handoff_name(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "number": row["number"],
        "state": row["state"],
        "opened_at": rfc3339(row["opened_at"]),
    }


def is_blind(case: Case) -> bool:
    """Whether somebody is to decide on the case without knowing what the automation proposed."""
    return Handoff.objects.open().filter(case=case).exclude(mode=Mode.LIVE).exists()


def _attempt(attempt: Attempt, *, with_data: bool, hidden: bool) -> dict[str, Any]:
    error = {"type": attempt.error_type, "message": attempt.error_message} if attempt.error_type else None
    return {
        "id": str(attempt.pk),
        "received_at": rfc3339(attempt.received_at),
        "automation": attempt.automation.display_name,
        "verdict": attempt.verdict,
        "policy_version": version_number(attempt.policy_version_id),
        "triggers": [_trigger(result, hidden=hidden) for result in attempt.triggers],
        "confidence": attempt.confidence.normalize() if attempt.confidence is not None else None,
        "error": error,
        "proposed_outcome": None if hidden else attempt.proposed_outcome or None,
        "correlation_id": attempt.correlation_id or None,
        "handoff": str(attempt.handoff_id) if attempt.handoff_id else None,
        **({"data": attempt.data} if with_data else {}),
    }


def _trigger(result: Mapping[str, Any], *, hidden: bool) -> dict[str, Any]:
    """What it read is told, unless that may be the automation's own opinion."""
    said = HELD_BACK if hidden else result["because"]
    return {"key": result["key"], "fired": result["fired"], "because": said}
