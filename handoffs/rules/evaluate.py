"""The one decision core: is a person needed, who, and what happens now. Live intake, shadow and replay all call it."""

from dataclasses import dataclass
from datetime import datetime

from handoffs.choices import ProceedReason, TriggerKind, Verdict
from handoffs.rules.conditions import Truth
from handoffs.rules.detection import Sighting, TriggerResult, detect
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.outages import facts_of
from handoffs.rules.policy import Policy
from handoffs.rules.rollout import is_inside
from handoffs.rules.routing import Routing, route


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The answer to an attempt on a case that is not with a person yet.

    `verdict` is proceed, retry, handoff or stop (a handoff that also tells the automation to stop retrying).
    `primary` is the first trigger that fired. `retry` is the failure trigger whose delay applies.
    """

    verdict: Verdict
    triggers: tuple[TriggerResult, ...]
    proceed_reason: ProceedReason | None = None
    primary: TriggerResult | None = None
    routing: Routing | None = None
    suggested_outcome: str = ""
    retry: TriggerResult | None = None

    @property
    def opens_handoff(self) -> bool:
        """Whether a person is to decide, with effect."""
        return self.verdict in (Verdict.HANDOFF, Verdict.STOP)

    @property
    def opens_shadow(self) -> bool:
        """Whether a person decides beside the automation, without effect. An outage leaves nothing to compare."""
        return self.proceed_reason is ProceedReason.SHADOW and not self.is_outage

    @property
    def is_outage(self) -> bool:
        """Whether the handoff stands for an error of many cases, and not for this one."""
        return self.primary is not None and self.primary.across_cases


def evaluate(attempt: AttemptFacts, policy: Policy, history: FailureHistory, *, at: datetime) -> Evaluation:
    """Judge one attempt by one policy version; depends on its arguments alone."""
    names = attempt.names(attempts=history.attempts + 1)
    results = detect(policy, Sighting(attempt=attempt, history=history, at=at, names=names))
    primary = _primary(results)
    if primary is None:
        return _no_person_needed(results)
    if not is_inside(policy.rollout, workflow=policy.workflow, reference=attempt.reference, names=names):
        return Evaluation(verdict=Verdict.PROCEED, triggers=results, proceed_reason=ProceedReason.OUTSIDE_ROLLOUT)
    about = facts_of(attempt) if primary.across_cases else attempt
    handed_off = Verdict.STOP if primary.kind is TriggerKind.FAILURES else Verdict.HANDOFF
    return Evaluation(
        verdict=Verdict.PROCEED if policy.rollout.shadow else handed_off,
        proceed_reason=ProceedReason.SHADOW if policy.rollout.shadow else None,
        triggers=results,
        primary=primary,
        routing=route(policy, about.names(attempts=history.attempts + 1)),
        suggested_outcome=suggest(policy, about, history),
    )


def suggest(policy: Policy, attempt: AttemptFacts, history: FailureHistory) -> str:
    """The outcome to put first: the automation's own proposal if the policy offers it, else the first matching rule."""
    if policy.outcome(attempt.proposed_outcome):
        return attempt.proposed_outcome
    names = attempt.names(attempts=history.attempts + 1)
    for suggestion in policy.suggest:
        if suggestion.when is None or suggestion.when.evaluate(names).truth is Truth.YES:
            return suggestion.outcome
    return ""


def _primary(results: tuple[TriggerResult, ...]) -> TriggerResult | None:
    """The first that fired; but cases that only failed are not handed off one by one while their error is an outage."""
    fired = [result for result in results if result.fired]
    outage = next((result for result in fired if result.across_cases), None)
    of_the_case = next((result for result in fired if not result.across_cases), None)
    if outage and (of_the_case is None or of_the_case.kind is TriggerKind.FAILURES):
        return outage
    return of_the_case


def _no_person_needed(results: tuple[TriggerResult, ...]) -> Evaluation:
    waiting = [result for result in results if result.retry_after_seconds is not None]
    retry = min(waiting, key=lambda result: result.across_cases, default=None)  # the case's own limit speaks first
    if retry is not None:
        return Evaluation(verdict=Verdict.RETRY, triggers=results, retry=retry)
    return Evaluation(verdict=Verdict.PROCEED, triggers=results, proceed_reason=ProceedReason.NO_TRIGGER)
