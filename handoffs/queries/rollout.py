"""How the stage of a live version does: its own figures, those of what stays outside, and the stages before it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Q, QuerySet

from handoffs.choices import DecidedBy, DecisionStatus, Mode, PolicyStatus, RecoveryState, Verdict
from handoffs.models import Attempt, CandidateRun, Decision, Handoff, PolicyVersion, Recovery, Workflow
from handoffs.rules.policy import Policy
from handoffs.rules.policy_loading import load
from handoffs.rules.stages import StageFigures

LONGEST = timedelta(days=90)
"""A stage is looked at no further back than this."""
STAGES_SHOWN = 20
RUNS_KEPT = 64


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What became of the handoffs of one version: counts, and what the limits are held against."""

    version_number: int
    since: datetime
    opened_count: int
    decided_count: int
    suggested_count: int
    overridden_count: int
    clock_count: int
    carried_count: int
    failed_count: int
    mtta_seconds: float | None

    @property
    def stage(self) -> StageFigures:
        """The same as shares."""
        return StageFigures(
            decided_count=self.decided_count,
            override_ratio=_ratio(self.overridden_count, self.suggested_count),
            cut_off_ratio=_ratio(self.clock_count, self.decided_count),
            failed_recovery_ratio=_ratio(self.failed_count, self.carried_count),
            mtta_seconds=self.mtta_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Attempts since the stage began that it left to the old way although a trigger fired, and all that came in."""

    attempts_count: int
    left_count: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One published version as a step of the rollout."""

    number: int
    percent: float
    shadow: bool
    is_live: bool
    at: datetime
    by: str
    reason: str


@lru_cache(maxsize=RUNS_KEPT)
def candidate_policy(run_id: UUID) -> Policy:
    """The policy of a candidate run; kept in memory, as its document never changes."""
    return load(CandidateRun.objects.values_list("document", flat=True).get(pk=run_id))


def running_candidate(workflow: Workflow) -> CandidateRun | None:
    """The candidate that runs beside the live version, if any."""
    return CandidateRun.objects.filter(workflow=workflow, ended_at=None).select_related("started_by").first()


def figures_of(version: PolicyVersion, *, now: datetime) -> Figures:
    """What became of the handoffs that opened under a version, in three queries; shadow and second looks left out."""
    since = max(version.published_at or version.created_at, now - LONGEST)
    handoffs = Handoff.objects.filter(
        workflow=version.workflow_id, opened_at__gte=since, policy_version=version, mode=Mode.LIVE
    ).order_by()
    taken = ExpressionWrapper(F("accepted_at") - F("opened_at"), output_field=DurationField())
    opened = handoffs.aggregate(count=Count("pk"), mtta=Avg(taken, filter=Q(accepted_at__isnull=False)))
    decided = _decided(handoffs)
    carried = Recovery.objects.filter(handoff__in=handoffs).aggregate(
        count=Count("pk"), failed=Count("pk", filter=Q(state=RecoveryState.FAILED))
    )
    return Figures(
        version_number=version.number,
        since=since,
        opened_count=opened["count"],
        decided_count=decided["count"],
        suggested_count=decided["suggested"],
        overridden_count=decided["overridden"],
        clock_count=decided["clock"],
        carried_count=carried["count"],
        failed_count=carried["failed"],
        mtta_seconds=opened["mtta"].total_seconds() if opened["mtta"] is not None else None,
    )


def _decided(handoffs: Any) -> dict[str, int]:
    """Every final decision counts, also one that was reopened since; an override is a person's other choice."""
    by_person = Q(decided_by_kind=DecidedBy.PERSON) & ~Q(suggested_outcome="")
    return Decision.objects.filter(handoff__in=handoffs, status=DecisionStatus.FINAL).aggregate(
        count=Count("pk"),
        suggested=Count("pk", filter=by_person),
        overridden=Count("pk", filter=by_person & ~Q(outcome=F("suggested_outcome"))),
        clock=Count("pk", filter=Q(decided_by_kind=DecidedBy.CLOCK)),
    )


def outside_of(version: PolicyVersion, *, now: datetime) -> Outside:
    """What the stage left alone: attempts on which a trigger fired and which went on nevertheless."""
    since = max(version.published_at or version.created_at, now - LONGEST)
    attempts = Attempt.objects.filter(
        case__workflow=version.workflow_id, policy_version=version, received_at__gte=since
    ).order_by()
    fired = Q(verdict=Verdict.PROCEED, handoff=None, triggers__contains=[{"fired": True}])
    found = attempts.aggregate(count=Count("pk"), left=Count("pk", filter=fired))
    return Outside(attempts_count=found["count"], left_count=found["left"])


def version_before(version: PolicyVersion) -> PolicyVersion | None:
    """The version that was live before."""
    published = PolicyVersion.objects.filter(workflow=version.workflow_id).exclude(status=PolicyStatus.DRAFT)
    return published.filter(published_at__lt=version.published_at).order_by("-published_at").first()


def stages_of(workflow: Workflow) -> list[Stage]:
    """The last published versions as steps of the rollout, newest first."""
    return [
        Stage(
            number=version.number,
            percent=float(rollout.get("percent", 100)),
            shadow=bool(rollout.get("shadow")),
            is_live=version.status == PolicyStatus.LIVE,
            at=version.published_at,
            by=version.publisher_name,
            reason=version.publish_reason,
        )
        for version, rollout in published(workflow)
        if version.published_at is not None
    ]


def published(workflow: Workflow) -> list[tuple[PolicyVersion, dict[str, Any]]]:
    """The last STAGES_SHOWN published versions, newest first, each with the rollout that its document says."""
    rows = workflow.policy_versions.exclude(status=PolicyStatus.DRAFT).select_related("published_by")
    rows = rows.annotate(rollout=F("document__rollout")).defer("document").order_by("-published_at")
    return [(version, version.rollout or {}) for version in rows[:STAGES_SHOWN]]


def earlier_rollouts(workflow: Workflow) -> list[dict[str, Any]]:
    """The rollouts of the versions before the live one, newest first."""
    return [rollout for version, rollout in published(workflow) if version.status != PolicyStatus.LIVE]


def with_limits() -> QuerySet[Workflow]:
    """The workflows whose live version sets limits on its stage."""
    limited = Workflow.objects.filter(live_version__document__rollout__has_key="limits")
    return limited.select_related("live_version").order_by("key")


def last_counted(version: PolicyVersion) -> Handoff | None:
    """The last handoff that the figures of a version count, for telling what came of them."""
    counted = Handoff.objects.filter(workflow=version.workflow_id, policy_version=version, mode=Mode.LIVE)
    related = ("workflow", "case", "role", "holder")
    return counted.select_related(*related).order_by("-opened_at").first()


def open_without_effect(workflow: Workflow, mode: Mode) -> int:
    """How many are still to be decided without effect."""
    return Handoff.objects.open().filter(workflow=workflow, mode=mode).count()


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
