"""Which triggers fire on an attempt, and why: one function per kind of trigger, every result kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handoffs.choices import OnUnknown, TriggerKind
from handoffs.rules.conditions import Truth
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import FailureLimit, Policy, Trigger
from handoffs.rules.rollout import is_sampled

REQUESTED_KEY = "requested"
MASK = "•••"


@dataclass(frozen=True, kw_only=True)
class TriggerResult:
    """One trigger on one attempt. `because` is technical, `sentence` is for people, `fields` are the paths it read."""

    key: str
    title: str
    kind: TriggerKind
    fired: bool
    because: str
    sentence: str
    unknown: bool = False
    fields: tuple[str, ...] = ()
    failures: int = 0
    limit: int = 0
    retry_after_seconds: int | None = None
    root_cause: str = ""

    def stored(self) -> dict[str, Any]:
        """What is kept with the attempt."""
        return {
            "key": self.key,
            "title": self.title,
            "kind": self.kind.value,
            "fired": self.fired,
            "because": self.because,
            "sentence": self.sentence,
            "unknown": self.unknown,
            "fields": list(self.fields),
        }


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """An attempt with all that its triggers may look at; `at` is when it was received."""

    attempt: AttemptFacts
    history: FailureHistory
    at: datetime
    names: Mapping[str, Any] = field(default_factory=dict)


def detect(policy: Policy, sighting: Sighting) -> tuple[TriggerResult, ...]:
    """The result of every trigger of the policy in its order, then of a request by the automation itself."""
    hidden = frozenset(shown.field for shown in policy.context.fields if shown.sensitive)
    results = [_masked(_judge(trigger, policy, sighting), hidden) for trigger in policy.triggers]
    if sighting.attempt.request_reason is not None:
        results.append(_requested(sighting.attempt.request_reason))
    return tuple(results)


def _judge(trigger: Trigger, policy: Policy, sighting: Sighting) -> TriggerResult:
    kind = next(kind for kind, part in _PART_OF_KIND.items() if getattr(trigger, part) is not None)
    return _JUDGES[kind](trigger, policy, sighting)


def _by_condition(trigger: Trigger, policy: Policy, sighting: Sighting) -> TriggerResult:
    assert trigger.when is not None
    result = trigger.when.evaluate(sighting.names)
    unknown = result.truth is Truth.UNKNOWN
    return TriggerResult(
        key=trigger.key,
        title=trigger.title,
        kind=TriggerKind.CONDITION,
        fired=result.truth is Truth.YES or (unknown and trigger.unknown is OnUnknown.HAND_OFF),
        because=result.because,
        sentence=result.sentence,
        unknown=unknown,
        fields=tuple(result.read),
        root_cause=trigger.root_cause,
    )


def _by_failures(trigger: Trigger, policy: Policy, sighting: Sighting) -> TriggerResult:
    limit = trigger.failures
    assert limit is not None
    count = failures_within(limit, sighting)
    counted = _counts(limit, sighting.attempt.error_type)
    sentence = f"{count} of {limit.count} failures allowed within {limit.within_seconds} s"
    return TriggerResult(
        key=trigger.key,
        title=trigger.title,
        kind=TriggerKind.FAILURES,
        fired=counted and count >= limit.count,
        because=f"failures = {count}",
        sentence=sentence,
        fields=("error.type",),
        failures=count,
        limit=limit.count,
        retry_after_seconds=_retry_after(limit, count) if counted and count < limit.count else None,
        root_cause=trigger.root_cause,
    )


def failures_within(limit: FailureLimit, sighting: Sighting) -> int:
    """How many failures of the counted kinds fell into the window that ends with this attempt, itself included."""
    since = sighting.at - timedelta(seconds=limit.within_seconds)
    before = sum(at > since and _counts(limit, kind) for at, kind in sighting.history.case_failures)
    return before + _counts(limit, sighting.attempt.error_type)


def _by_sample(trigger: Trigger, policy: Policy, sighting: Sighting) -> TriggerResult:
    percent = trigger.sample_percent or 0
    reference = sighting.attempt.reference
    return TriggerResult(
        key=trigger.key,
        title=trigger.title,
        kind=TriggerKind.SAMPLE,
        fired=is_sampled(percent=percent, salt=f"sample:{policy.workflow}:{trigger.key}", reference=reference),
        because=f"sample of {percent:g} %",
        sentence=f"{percent:g} % of all cases are looked at",
        root_cause=trigger.root_cause,
    )


def _requested(reason: str) -> TriggerResult:
    return TriggerResult(
        key=REQUESTED_KEY,
        title="The automation asked for a person",
        kind=TriggerKind.REQUESTED,
        fired=True,
        because="request_handoff",
        sentence=reason or "The automation asked for a person",
        root_cause=reason,
    )


_PART_OF_KIND = {
    TriggerKind.CONDITION: "when",
    TriggerKind.FAILURES: "failures",
    TriggerKind.SAMPLE: "sample_percent",
}
_JUDGES: dict[TriggerKind, Callable[[Trigger, Policy, Sighting], TriggerResult]] = {
    TriggerKind.CONDITION: _by_condition,
    TriggerKind.FAILURES: _by_failures,
    TriggerKind.SAMPLE: _by_sample,
}


def _counts(limit: FailureLimit, error_type: str) -> bool:
    return bool(error_type) and (not limit.errors or error_type in limit.errors)


def _retry_after(limit: FailureLimit, failures: int) -> int:
    delays = limit.retry_after_seconds
    return delays[min(max(failures, 1), len(delays)) - 1]


def _masked(result: TriggerResult, hidden: frozenset[str]) -> TriggerResult:
    """A trigger that read a sensitive field says that it did, not what it read."""
    if not hidden.intersection(result.fields):
        return result
    paths = ", ".join(result.fields)
    said = {"because": f"{paths} = {MASK}", "sentence": f"{result.title} ({MASK})"}
    return TriggerResult(**{name: getattr(result, name) for name in result.__dataclass_fields__} | said)
