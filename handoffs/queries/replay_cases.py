"""One attempt of a replay as it stood then: judged again with the history that the replay's own rows tell."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.db.models import Q, QuerySet

from handoffs.choices import Verdict
from handoffs.models import Replay, ReplayedAttempt
from handoffs.queries.replay_sources import Input
from handoffs.rules import outages
from handoffs.rules.policy import Policy, Rollout
from handoffs.rules.policy_loading import load
from handoffs.rules.replaying import End, Judged, Seen, Timeline

COLUMNS = ("reference", "at", "error_type", "ends_at", "end_resolves")
NOW, BEFORE = ("verdict", "opens", "role"), ("was_verdict", "was_opens", "was_role")


def policy_of(replay: Replay) -> Policy:
    """The policy as the replay judges by it."""
    policy = load(replay.document)
    return replace(policy, rollout=Rollout()) if replay.fully_rolled_out else policy


def end_of(replay: Replay, given: Input) -> End:
    """When a handoff that this attempt opens ends: as it did then, else after the time that the replay assumes."""
    return given.end or End(at=given.at + timedelta(seconds=replay.stay_seconds))


def past(rows: QuerySet[ReplayedAttempt], *, before: bool = False) -> Iterator[Seen]:
    """What the rows left behind, in their order; `before` under the version compared with."""
    told = rows.order_by("position").values_list(*COLUMNS, *(BEFORE if before else NOW))
    for reference, at, error_type, ends_at, resolves, verdict, opens, role in told.iterator(chunk_size=5_000):
        yield Seen(
            reference=reference,
            at=at,
            error_type=error_type,
            verdict=Verdict(verdict),
            opens=opens,
            role=role,
            ends=End(at=ends_at, resolves=resolves) if opens else None,
        )


def judged_again(replay: Replay, given: Input) -> Judged:
    """The same answer as in the report, with every reason."""
    timeline = Timeline(policy_of(replay))
    earlier = replay.attempts.filter(position__lt=given.position)
    for seen in past(earlier.filter(_bearing_on(given, timeline))):
        timeline.remember(seen)
    return timeline.judge(given.facts, at=given.at, end=end_of(replay, given))


def _bearing_on(given: Input, timeline: Timeline) -> Q:
    """The attempts that may matter to this one: of its case; of its error; and what ends an outage."""
    bearing = Q(reference=given.facts.reference)
    if given.facts.failed and timeline.outages:
        error_type = given.facts.error_type
        bearing |= Q(error_type=error_type) | Q(opens=outages.reference_of(error_type))
        bearing |= Q(error_type="", verdict=Verdict.PROCEED)
    return bearing
