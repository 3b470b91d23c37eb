"""An outage: the same error over many cases, handed off once, as a case of its own."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from handoffs.choices import FieldType
from handoffs.rules.detection import Sighting, TriggerResult
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.policy import FailureLimit, Policy

PREFIX = "outage:"
CASES_SHOWN = 50
FAILURES_PER_CASE = 5
"""So many of the latest failures are looked at for each case that makes an outage: the cost has an end."""


def reference_of(error_type: str) -> str:
    """The case that stands for an outage, such as `outage:timeout`."""
    return PREFIX + error_type


def stands_for_one(reference: str) -> bool:
    """Whether this is the case of an outage: what is reported of the outage is not counted there."""
    return reference.startswith(PREFIX)


def facts_of(attempt: AttemptFacts) -> AttemptFacts:
    """What conditions may know of an outage: its error, and nothing of the one case that happened to show it."""
    return AttemptFacts(
        reference=reference_of(attempt.error_type),
        error_type=attempt.error_type,
        error_message=attempt.error_message,
    )


def references(policy: Policy) -> list[str]:
    """The cases that stand for the outages that this policy looks for."""
    wide = [trigger.failures for trigger in policy.triggers if trigger.failures and trigger.failures.across_cases]
    return sorted({reference_of(error) for limit in wide for error in limit.errors})


def widest(limits: Iterable[FailureLimit], error_type: str) -> FailureLimit | None:
    """Of the limits across cases that count this error, the one that looks back farthest."""
    counting = [limit for limit in limits if limit.across_cases and error_type in limit.errors]
    return max(counting, key=lambda limit: limit.within_seconds, default=None)


def failures_looked_at(limit: FailureLimit) -> int:
    """How many of the latest failures with one error decide whether it is an outage."""
    return limit.count * FAILURES_PER_CASE


def build(policy: Policy, sighting: Sighting, result: TriggerResult, *, suggested_outcome: str) -> dict[str, Any]:
    """The context package: which error, what it said last, and which cases failed, newest first."""
    attempt = sighting.attempt
    return {
        "workflow": policy.workflow,
        "reference": reference_of(attempt.error_type),
        "summary": f"{result.title}: {result.sentence}",
        "root_cause": result.root_cause or attempt.error_message,
        "fields": [
            _field("error_type", "Error", FieldType.TEXT, attempt.error_type),
            _field("error_message", "What it said last", FieldType.TEXT, attempt.error_message),
            _field("cases", "Cases that failed", FieldType.TABLE, _cases(sighting)),
        ],
        "links": [],
        "documents": [],
        "suggested_outcome": suggested_outcome or None,
    }


def _field(key: str, label: str, kind: FieldType, value: Any) -> Mapping[str, Any]:
    return {"key": key, "label": label, "type": kind.value, "value": value, "sensitive": False}


def _cases(sighting: Sighting) -> list[dict[str, str]]:
    last_failed_at = {reference: at for at, _, reference in sighting.history.workflow_failures}
    last_failed_at[sighting.attempt.reference] = sighting.at
    newest_first = sorted(last_failed_at.items(), key=lambda pair: pair[1], reverse=True)
    return [
        {"case": reference, "failed_at": at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
        for reference, at in newest_first[:CASES_SHOWN]
    ]
