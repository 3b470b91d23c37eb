"""Dry runs: what a policy would have done with the last stored attempts; read-only, in bounded time, by live rules."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from handoffs.choices import Mode
from handoffs.models import Attempt, Handoff, Workflow
from handoffs.rules.conditions import Condition, Truth
from handoffs.rules.detection import MASK
from handoffs.rules.evaluate import Evaluation, evaluate
from handoffs.rules.facts import AttemptFacts, FailureHistory
from handoffs.rules.policy import Policy

ATTEMPTS_LIMIT = 500
EVALUATIONS_LIMIT = 40_000
"""Triggers times attempts: with more than 80 triggers fewer attempts are looked at."""
SECONDS_LIMIT = 4.0
SIBLINGS_LIMIT = 20_000
EXAMPLES_LIMIT = 5


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One stored attempt as the rules see it, with what happened before it on its case."""

    id: uuid.UUID
    handoff_id: uuid.UUID | None
    received_at: datetime
    facts: AttemptFacts
    history: FailureHistory

    @property
    def names(self) -> dict[str, Any]:
        """What conditions could read when the attempt came."""
        return self.facts.names(attempts=self.history.attempts + 1)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A case that a count stands for; `handoff_id` where the attempt belongs to one."""

    reference: str
    sentence: str
    handoff_id: uuid.UUID | None
    attempt_id: uuid.UUID


@dataclass(kw_only=True)
class Count:
    """How many attempts, how many under the policy compared with, and a few of them."""

    key: str = ""
    title: str = ""
    count: int = 0
    before: int | None = None
    unknown: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """One more."""
        self.count += 1
        if len(self.examples) < EXAMPLES_LIMIT:
            self.examples.append(example)


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a policy would do with `looked_at` attempts, the last ones stored, and what the other one would.

    `stopped` says that the time was up before all were looked at. `newly` are handed off only by the new policy,
    `no_longer` only by the one compared with.
    """

    looked_at: int
    stopped: bool
    triggers: tuple[Count, ...]
    roles: tuple[Count, ...]
    handed_off: Count
    newly: Count
    no_longer: Count
    compared: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How often one condition would hold among the last attempts."""

    looked_at: int
    stopped: bool
    yes: Count
    unknown: Count


def recent(workflow: Workflow, *, limit: int = ATTEMPTS_LIMIT) -> list[Stored]:
    """The last `limit` attempts of a workflow, newest first, in three queries; none that is to be decided in shadow."""
    rows = _not_held_back(workflow).select_related("case")
    attempts = list(rows.defer("answer", "triggers").order_by("-id")[:limit])
    before = _Past(attempts)
    return [
        Stored(
            id=attempt.pk,
            handoff_id=attempt.handoff_id,
            received_at=attempt.received_at,
            facts=attempt.facts(),
            history=before.of(attempt),
        )
        for attempt in attempts
    ]


def dry_run(policy: Policy, attempts: Sequence[Stored], *, against: Policy | None) -> DryRun:
    """Judge `attempts` by `policy`, and by `against` (the live version) to compare."""
    tally = _Tally(policy, against)
    policies = [policy, against] if against else [policy]
    each = max(sum(len(judged.triggers) for judged in policies), 1)
    chosen = attempts[: max(EVALUATIONS_LIMIT // each, 1)]
    until = time.monotonic() + SECONDS_LIMIT
    looked_at = 0
    for stored in chosen:
        if time.monotonic() > until:
            break
        tally.add(stored)
        looked_at += 1
    return tally.result(looked_at, stopped=looked_at < len(chosen))


def try_condition(condition: Condition, attempts: Sequence[Stored], *, hidden: frozenset[str] = frozenset()) -> Trial:
    """How often one condition holds; what it read of `hidden` (sensitive) paths is not told."""
    yes, unknown = Count(), Count()
    until = time.monotonic() + SECONDS_LIMIT
    looked_at = 0
    for stored in attempts:
        if time.monotonic() > until:
            break
        result = condition.evaluate(stored.names)
        looked_at += 1
        said = MASK if hidden.intersection(result.read) else result.sentence
        if result.truth is Truth.YES:
            yes.add(_example(stored, said))
        elif result.truth is Truth.UNKNOWN:
            unknown.add(_example(stored, said))
    return Trial(looked_at=looked_at, stopped=looked_at < len(attempts), yes=yes, unknown=unknown)


def hidden_paths(document: Mapping[str, Any]) -> frozenset[str]:
    """The paths that a policy document marks as sensitive, whatever else may be wrong with it."""
    context = document.get("context")
    fields = context.get("fields") if isinstance(context, Mapping) else None
    shown = [each for each in fields if isinstance(each, Mapping)] if isinstance(fields, list) else []
    return frozenset(str(each.get("field")) for each in shown if each.get("sensitive"))


def one_of(workflow: Workflow, attempt_id: uuid.UUID | None, *, policy: Policy) -> tuple[Attempt, Stored] | None:
    """The attempt asked for, else the latest that `policy` would hand off, else the latest; None without attempts."""
    rows = _not_held_back(workflow).select_related("case")
    if attempt_id is not None:
        attempt = rows.filter(pk=attempt_id).first()
        return (attempt, _stored(attempt)) if attempt else None
    latest = list(rows.order_by("-id")[:50])
    fitting = (attempt for attempt in latest if judge(policy, _plain(attempt)).opens_handoff)
    attempt = next(fitting, latest[0] if latest else None)
    return (attempt, _stored(attempt)) if attempt else None


def latest_references(workflow: Workflow, *, limit: int = 50) -> list[tuple[uuid.UUID, str]]:
    """(attempt, reference) of the last attempts, to choose from."""
    rows = _not_held_back(workflow).order_by("-id")
    return list(rows.values_list("id", "case__reference")[:limit])


def _not_held_back(workflow: Workflow) -> QuerySet[Attempt]:
    """Without the cases that somebody is to decide in shadow, not knowing what the automation proposed."""
    in_shadow = Handoff.objects.open().filter(workflow=workflow, mode=Mode.SHADOW)
    return Attempt.objects.filter(case__workflow=workflow).exclude(case__in=in_shadow.values("case"))


def judge(policy: Policy, stored: Stored) -> Evaluation:
    """The verdict of a policy on a stored attempt, by the function that judges live ones."""
    return evaluate(stored.facts, policy, stored.history, at=stored.received_at)


def _stored(attempt: Attempt) -> Stored:
    past = _Past([attempt])
    return Stored(
        id=attempt.pk,
        handoff_id=attempt.handoff_id,
        received_at=attempt.received_at,
        facts=attempt.facts(),
        history=past.of(attempt),
    )


def _plain(attempt: Attempt) -> Stored:
    return Stored(
        id=attempt.pk,
        handoff_id=attempt.handoff_id,
        received_at=attempt.received_at,
        facts=attempt.facts(),
        history=FailureHistory(),
    )


class _Past:
    """What happened on the cases of some attempts before each of them, in two queries."""

    def __init__(self, attempts: Iterable[Attempt]) -> None:
        attempts = list(attempts)
        cases = {attempt.case_id for attempt in attempts}
        failed = [(each.received_at, each.error_type, each.case.reference) for each in attempts if each.error_type]
        self.failed = sorted(failed)
        self.attempts: dict[Any, list[tuple[datetime, str]]] = {case: [] for case in cases}
        self.ended: dict[Any, list[datetime]] = {case: [] for case in cases}
        rows = Attempt.objects.filter(case__in=cases).order_by("-id").values_list("case", "received_at", "error_type")
        for case, at, error in reversed(rows[:SIBLINGS_LIMIT]):
            self.attempts[case].append((at, error))
        resolved = Handoff.objects.filter(case__in=cases).exclude(resolved_at=None)
        for case, ended_at in resolved.values_list("case", "resolved_at")[:SIBLINGS_LIMIT]:
            if ended_at is not None:
                self.ended[case].append(ended_at)

    def of(self, attempt: Attempt) -> FailureHistory:
        """Failures count since the case last went well, or was last with a person."""
        at = attempt.received_at
        earlier = [(then, error) for then, error in self.attempts[attempt.case_id] if then < at]
        fresh = [then for then, error in earlier if not error]
        since = max([*fresh, *(ended for ended in self.ended[attempt.case_id] if ended < at)], default=None)
        failures = tuple((then, error) for then, error in earlier if error and (since is None or then > since))
        alike = tuple(failure for failure in self.failed if failure[0] < at and failure[1] == attempt.error_type)
        return FailureHistory(attempts=len(earlier), case_failures=failures, workflow_failures=alike)


class _Tally:
    """Counts of one dry run, filled attempt by attempt."""

    def __init__(self, policy: Policy, against: Policy | None) -> None:
        self.policy, self.against = policy, against
        before = 0 if against else None
        self.triggers = {each.key: Count(key=each.key, title=each.title) for each in policy.triggers}
        known = {each.key for each in against.triggers} if against else set()
        for key, count in self.triggers.items():
            count.before = 0 if key in known else None
        self.roles: dict[str, Count] = {}
        self.before_roles: Counter[str] = Counter()
        self.handed_off = Count(before=before)
        self.newly, self.no_longer = Count(), Count()

    def add(self, stored: Stored) -> None:
        """One more attempt."""
        now = judge(self.policy, stored)
        self._count_triggers(now, stored)
        if now.opens_handoff:
            self.handed_off.add(_example(stored, _why(now)))
            self._role(now).add(_example(stored, _why(now)))
        if self.against:
            self._compare(now, judge(self.against, stored), stored)

    def _count_triggers(self, now: Evaluation, stored: Stored) -> None:
        for result in now.triggers:
            count = self.triggers.setdefault(result.key, Count(key=result.key, title=result.title))
            count.unknown += result.unknown
            if result.fired:
                count.add(_example(stored, result.sentence))

    def _compare(self, now: Evaluation, before: Evaluation, stored: Stored) -> None:
        for result in before.triggers:
            count = self.triggers.get(result.key)
            if count is not None and result.fired:
                count.before = (count.before or 0) + 1
        if before.opens_handoff:
            assert before.routing is not None
            self.before_roles[before.routing.role] += 1
            self.handed_off.before = (self.handed_off.before or 0) + 1
        if now.opens_handoff and not before.opens_handoff:
            self.newly.add(_example(stored, _why(now)))
        if before.opens_handoff and not now.opens_handoff:
            self.no_longer.add(_example(stored, _why(before)))

    def _role(self, now: Evaluation) -> Count:
        assert now.routing is not None
        role = now.routing.role
        return self.roles.setdefault(role, Count(key=role, title=role))

    def result(self, looked_at: int, *, stopped: bool) -> DryRun:
        for role in self.before_roles:
            self.roles.setdefault(role, Count(key=role, title=role))
        for role, count in self.roles.items():
            count.before = self.before_roles[role] if self.against else None
        return DryRun(
            looked_at=looked_at,
            stopped=stopped,
            triggers=tuple(self.triggers.values()),
            roles=tuple(sorted(self.roles.values(), key=lambda count: -count.count)),
            handed_off=self.handed_off,
            newly=self.newly,
            no_longer=self.no_longer,
            compared=self.against is not None,
        )


def _why(evaluation: Evaluation) -> str:
    return evaluation.primary.sentence if evaluation.primary else ""


def _example(stored: Stored, sentence: str) -> Example:
    return Example(
        reference=stored.facts.reference, sentence=sentence, handoff_id=stored.handoff_id, attempt_id=stored.id
    )
