"""Runs attempts through a policy in the order of their time, each with the history that it would have met then.

The verdict is `evaluate`'s, as it is live. What is simulated is what live reads from rows: which handoffs would be
open, and which failures would count. When a handoff that only the replay opened ends is told by the caller.
"""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handoffs.choices import Pattern, ReplayChange, Verdict
from handoffs.rules import outages
from handoffs.rules import package as packages
from handoffs.rules.evaluate import Evaluation, evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import Policy


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """When the handoff that an attempt opens ends, None for never. Only a resolution lets failures count anew."""

    at: datetime | None
    resolves: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a timeline keeps of one attempt: enough to build it again after a crash, without judging anything anew.

    `opens` is the reference of the case on which it opened a handoff (an outage has one of its own), else empty.
    """

    reference: str
    at: datetime
    error_type: str
    verdict: Verdict
    opens: str = ""
    role: str = ""
    ends: End | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One attempt under one policy. `role` is where it is with a person, whether this attempt opened that or not."""

    evaluation: Evaluation
    history: FailureHistory
    seen: Seen
    role: str

    @property
    def opened(self) -> bool:
        """Whether this attempt opened a handoff."""
        return bool(self.seen.opens)

    @property
    def with_person(self) -> bool:
        """Whether the case is with a person after this attempt."""
        return bool(self.role)


@dataclass(frozen=True, slots=True)
class _Stay:
    role: str
    ends: End

    def is_over(self, at: datetime) -> bool:
        return self.ends.at is not None and self.ends.at <= at


class Timeline:
    """The past of a workflow as it would be under one policy, attempt by attempt."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.limits = [trigger.failures for trigger in policy.triggers if trigger.failures]
        self.outages = outages.references(policy)
        self.attempts: Counter[str] = Counter()
        self.failures: dict[str, list[tuple[datetime, str]]] = {}
        self.alike: dict[str, deque[tuple[datetime, str, str]]] = {}
        self.open: dict[str, _Stay] = {}
        self.ended: dict[str, datetime] = {}

    def judge(self, attempt: AttemptFacts, *, at: datetime, end: End) -> Judged:
        """The next attempt, not earlier than the one before. `end` is for the handoff that it may open."""
        history = self.history(attempt, at=at)
        evaluation = evaluate(attempt, self.policy, history, at=at)
        judged = self._settled(attempt, at, history, evaluation, end)
        self.remember(judged.seen)
        return judged

    def history(self, attempt: AttemptFacts, *, at: datetime) -> FailureHistory:
        """What the rules may know of earlier attempts, as live intake would look it up."""
        limit = outages.widest(self.limits, attempt.error_type)
        outage = outages.reference_of(attempt.error_type)
        for reference in (attempt.reference, *((outage,) if limit else ())):
            self._close_if_over(reference, at)
        ended_at = self.ended.get(outage) if limit else None
        before = self.attempts[attempt.reference]
        return FailureHistory(
            attempts=before,
            case_failures=self._of_case(attempt.reference, ended_at) if before and self.limits else (),
            workflow_failures=self._across(attempt.error_type, limit.within_seconds, ended_at, at) if limit else (),
            outage_is_open=bool(limit) and outage in self.open,
        )

    def remember(self, seen: Seen) -> None:
        """Take an attempt that was judged into the past."""
        self._close_if_over(seen.reference, seen.at)
        self.attempts[seen.reference] += 1
        self._count_failure(seen)
        if seen.opens and seen.ends:
            self.open[seen.opens] = _Stay(seen.role, seen.ends)
        elif seen.verdict is Verdict.PROCEED and not seen.error_type:
            self._went_well(seen)

    def _settled(
        self, attempt: AttemptFacts, at: datetime, history: FailureHistory, evaluation: Evaluation, end: End
    ) -> Judged:
        stay, verdict, opens = self.open.get(attempt.reference), evaluation.verdict, ""
        if stay is not None:
            verdict = self._while_open(attempt, evaluation)
            stay = stay if verdict is not Verdict.PROCEED or self.policy.rollout.shadow else None
        elif history.outage_is_open and evaluation.is_outage:
            stay = self.open[outages.reference_of(attempt.error_type)]
        elif asks_a_person(evaluation):
            opens = outages.reference_of(attempt.error_type) if evaluation.is_outage else attempt.reference
            assert evaluation.routing is not None
            stay = _Stay(evaluation.routing.role, end)
        role = stay.role if stay else ""
        seen = Seen(
            reference=attempt.reference,
            at=at,
            error_type=attempt.error_type,
            verdict=verdict,
            opens=opens,
            role=role if opens else "",
            ends=end if opens else None,
        )
        return Judged(evaluation=evaluation, history=history, seen=seen, role=role)

    def _while_open(self, attempt: AttemptFacts, evaluation: Evaluation) -> Verdict:
        """In the escalation pattern a later success means that nobody is needed any more; in shadow all goes on."""
        if self.policy.rollout.shadow:
            return evaluation.verdict
        escalation = self.policy.pattern is Pattern.ESCALATION
        if escalation and evaluation.verdict is Verdict.PROCEED and not attempt.failed:
            return Verdict.PROCEED
        return Verdict.STOP if escalation else Verdict.WAIT

    def _close_if_over(self, reference: str, at: datetime) -> None:
        stay = self.open.get(reference)
        if stay is None or not stay.is_over(at) or stay.ends.at is None:
            return
        del self.open[reference]
        if reference in self.outages:
            self.ended[reference] = stay.ends.at
        elif stay.ends.resolves and reference in self.failures:
            self.failures[reference] = [each for each in self.failures[reference] if each[0] > stay.ends.at]

    def _of_case(self, reference: str, ended_at: datetime | None) -> tuple[tuple[datetime, str], ...]:
        failed = self.failures.get(reference, ())
        return tuple(each for each in failed if ended_at is None or each[0] > ended_at)

    def _across(
        self, error_type: str, within_seconds: int, ended_at: datetime | None, at: datetime
    ) -> tuple[tuple[datetime, str, str], ...]:
        since = at - timedelta(seconds=within_seconds)
        since = max(since, ended_at) if ended_at else since
        return tuple(each for each in self.alike.get(error_type, ()) if each[0] > since)

    def _count_failure(self, seen: Seen) -> None:
        if not seen.error_type:
            self.failures.pop(seen.reference, None)
            return
        if self.limits:
            self.failures.setdefault(seen.reference, []).append((seen.at, seen.error_type))
        limit = outages.widest(self.limits, seen.error_type)
        if limit:
            latest = self.alike.setdefault(seen.error_type, deque(maxlen=outages.failures_looked_at(limit)))
            latest.append((seen.at, seen.error_type, seen.reference))

    def _went_well(self, seen: Seen) -> None:
        """It ends the outages of the workflow, and in the escalation pattern the handoff of its own case."""
        if self.policy.pattern is Pattern.ESCALATION and not self.policy.rollout.shadow:
            self.open.pop(seen.reference, None)
        for reference in self.outages:
            if self.open.pop(reference, None):
                self.ended[reference] = seen.at


def asks_a_person(evaluation: Evaluation) -> bool:
    """Whether somebody would be asked, for real or in shadow; an outage in shadow leaves nothing to compare."""
    return evaluation.opens_handoff or (evaluation.routing is not None and not evaluation.is_outage)


def lacking(policy: Policy, names: Mapping[str, Any], documents: Collection[str]) -> list[str]:
    """What the package would miss: required fields as paths, required documents as `document: invoice`.

    `documents` are the words that the documents at hand go by: titles, names, and names without the ending.
    """
    have = {word.casefold() for word in documents}
    titles = [title for title in policy.context.required_documents if title.casefold() not in have]
    return [*packages.missing(policy, names), *(f"document: {title}" for title in titles)]


def change_between(now: str, before: str) -> ReplayChange:
    """How an attempt fares under one version against another, by the roles (empty: nobody) that it is with."""
    if now == before:
        return ReplayChange.SAME
    if not before:
        return ReplayChange.NEWLY
    return ReplayChange.OTHER_ROLE if now else ReplayChange.NO_LONGER
