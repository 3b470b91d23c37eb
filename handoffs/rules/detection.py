"""Which triggers fire on an attempt, and why: one function per kind of trigger, every result kept."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handoffs.choices import OnUnknown, Pattern, TriggerKind
from handoffs.rules.conditions import Truth
from handoffs.rules.durations import words
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import FailureLimit, Policy, Trigger
from handoffs.rules.rollout import is_sampled

REQUESTED_KEY = "requested"
SUPERVISION_KEY = "supervision"
RESERVED_KEYS = {
    REQUESTED_KEY: "stands for what automation asks",
    SUPERVISION_KEY: "stands for the review of what automation did",
}
MASK = "•••"


@dataclass(frozen=True, kw_only=True)
class TriggerResult:
    """One trigger on one attempt. `because` is technical, `sentence` is for people, `fields` are the paths it read.

    `across_cases` says that it is about the whole workflow: what fires is an outage, no matter of this one case.
    """

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
    across_cases: bool = False

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
    """The result of every trigger in the policy's order, then of its supervision, then of the automation's request."""
    hidden = frozenset(shown.field for shown in policy.context.fields if shown.sensitive)
    results = [_masked(_judge(trigger, policy, sighting), hidden) for trigger in policy.triggers]
    if policy.pattern is Pattern.SUPERVISED and sighting.attempt.acted:
        results.append(_masked(_by_supervision(policy, sighting), hidden))
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
    if limit.across_cases:
        return _by_failures_across_cases(trigger, limit, sighting)
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


def cases_failed_within(limit: FailureLimit, sighting: Sighting) -> int:
    """How many cases, this one included, failed within the window with the same error as this attempt."""
    attempt, since = sighting.attempt, sighting.at - timedelta(seconds=limit.within_seconds)
    if not _counts(limit, attempt.error_type):
        return 0
    alike = [failure for failure in sighting.history.workflow_failures if failure[1] == attempt.error_type]
    return len({attempt.reference, *(reference for at, _, reference in alike if at > since)})


def _by_failures_across_cases(trigger: Trigger, limit: FailureLimit, sighting: Sighting) -> TriggerResult:
    """An outage lasts from the case that makes it full until it is over, however few fail meanwhile."""
    kind = sighting.attempt.error_type
    count, counted = cases_failed_within(limit, sighting), _counts(limit, kind)
    fired = counted and (sighting.history.outage_is_open or count >= limit.count)
    failures = failures_within(limit, sighting)
    told = f"{count} {'case' if count == 1 else 'cases'} failed with {kind} within {words(limit.within_seconds)}"
    return TriggerResult(
        key=trigger.key,
        title=trigger.title,
        kind=TriggerKind.FAILURES,
        fired=fired,
        because=f"cases failed = {count}",
        sentence=told if counted else "No error that counts",
        fields=("error.type",),
        failures=failures,
        limit=limit.count,
        retry_after_seconds=_retry_after(limit, failures) if counted and not fired else None,
        root_cause=trigger.root_cause,
        across_cases=True,
    )


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


def _by_supervision(policy: Policy, sighting: Sighting) -> TriggerResult:
    """Always what the policy says, and a stable sample of the rest; what cannot be known is reviewed."""
    rule = policy.supervision
    always = rule.always_when.evaluate(sighting.names) if rule.always_when else None
    if always and always.truth is not Truth.NO:
        return _supervised(
            True, always.because, always.sentence, fields=always.read, unknown=always.truth is Truth.UNKNOWN
        )
    percent, reference = rule.sample_percent, sighting.attempt.reference
    sampled = is_sampled(percent=percent, salt=f"sample:{policy.workflow}:{SUPERVISION_KEY}", reference=reference)
    because = f"sample of {percent:g} %"
    return _supervised(
        sampled,
        f"{always.because}; {because}" if always else because,
        f"{percent:g} % of what the automation did by itself is reviewed",
        fields=always.read if always else (),
    )


def _supervised(
    fired: bool, because: str, sentence: str, *, fields: Iterable[str] = (), unknown: bool = False
) -> TriggerResult:
    return TriggerResult(
        key=SUPERVISION_KEY,
        title="Review of what the automation did",
        kind=TriggerKind.SUPERVISION,
        fired=fired,
        because=because,
        sentence=sentence,
        unknown=unknown,
        fields=tuple(fields),
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
