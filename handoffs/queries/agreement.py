"""Who agrees with whom: people with the automation, a candidate with the live version, reviewers with each other."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q

from handoffs.choices import DecidedBy, DecisionStatus, Event, Mode, State
from handoffs.models import CandidateResult, CandidateRun, Decision, Handoff, PolicyVersion, SecondLook, ShadowProposal
from handoffs.models.workflow import Workflow
from handoffs.queries.rollout import published
from handoffs.rules.agreement import Agreement, agreement, band_of, of_counts
from handoffs.rules.package import as_decimal

CASES_LIMIT = 5_000
LISTED = 100
WINDOW = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One case that two judged; `first` and `second` are what they said, in words."""

    handoff_id: UUID
    reference: str
    summary: str
    trigger: str
    role: str
    band: str
    first: str
    second: str
    first_by: str
    second_by: str
    reason: str
    at: datetime

    @property
    def agrees(self) -> bool:
        """Whether both chose the same outcome."""
        return self.first == self.second


@dataclass(frozen=True, kw_only=True)
class Part:
    """The agreement on the cases that share a trigger, a role, an amount band or a pair of people."""

    name: str
    found: Agreement


@dataclass(frozen=True, kw_only=True)
class Report:
    """Agreement overall and by part; `silent_count` were decided where the other judge said nothing."""

    overall: Agreement
    by_trigger: tuple[Part, ...]
    by_role: tuple[Part, ...]
    by_band: tuple[Part, ...]
    by_people: tuple[Part, ...]
    disagreements: tuple[Compared, ...]
    silent_count: int
    open_count: int


@dataclass(frozen=True, kw_only=True)
class CandidateReport:
    """What a candidate would have answered against what was answered; `differing` are the newest that differ."""

    run: CandidateRun
    found: Agreement
    count: int
    differs_count: int
    error_count: int
    differing: tuple[CandidateResult, ...]


@dataclass(frozen=True, kw_only=True)
class Unopened:
    """How often a reviewer decided without having opened any document of the handoff."""

    name: str
    count: int
    unopened_count: int


def of_shadow(version: PolicyVersion) -> Report:
    """People against the automation, since the live version and those just before it are in shadow."""
    since = shadow_since(version)
    handoffs = Handoff.objects.filter(workflow=version.workflow_id, mode=Mode.SHADOW, opened_at__gte=since)
    proposals = ShadowProposal.objects.filter(handoff__in=handoffs, handoff__state=State.RESOLVED)
    by_handoff = dict(proposals.order_by("-handoff__opened_at").values_list("pk", "outcome")[:CASES_LIMIT])
    decisions = _decisions(list(by_handoff))
    told = [each for each in decisions if by_handoff[each.handoff_id]]
    titles = _titles(decisions)
    compared = [
        _compared(each, first=_title(titles, by_handoff[each.handoff_id]), first_by="the automation") for each in told
    ]
    return _report(compared, silent_count=len(decisions) - len(told), open_count=handoffs.open().count())


def shadow_since(version: PolicyVersion) -> datetime:
    """When the shadow began: with the first of the versions in a row that are in shadow, up to this one."""
    began = version.published_at or version.created_at
    for earlier, rollout in published(version.workflow):
        if earlier.published_at is None or earlier.published_at > began:
            continue
        if not rollout.get("shadow"):
            break
        began = earlier.published_at
    return began


def of_second_looks(workflow: Workflow, *, now: datetime) -> Report:
    """Reviewers against those who decided first, within the window."""
    looks = SecondLook.objects.filter(handoff__workflow=workflow, created_at__gte=now - WINDOW)
    firsts = {
        look.handoff_id: look.first
        for look in looks.select_related("first__decided_by").order_by("-created_at")[:CASES_LIMIT]
    }
    decisions = _decisions(list(firsts))
    compared = [
        _compared(each, first=firsts[each.handoff_id].outcome_title, first_by=firsts[each.handoff_id].decider_name)
        for each in decisions
    ]
    waiting = Handoff.objects.open().filter(workflow=workflow, mode=Mode.SECOND_LOOK).count()
    return _report(compared, silent_count=0, open_count=waiting)


def of_candidate(run: CandidateRun) -> CandidateReport:
    """A candidate against the live version, by verdict."""
    results = CandidateResult.objects.filter(run=run)
    rows = results.filter(error="").order_by().values_list("live_verdict", "verdict").annotate(count=Count("pk"))
    counts = {(live, candidate): count for live, candidate, count in rows}
    totals = results.aggregate(
        count=Count("pk"), differs=Count("pk", filter=Q(differs=True)), errors=Count("pk", filter=~Q(error=""))
    )
    differing = results.filter(differs=True).select_related("attempt__case").order_by("-attempt__received_at")
    return CandidateReport(
        run=run,
        found=of_counts(counts),
        count=totals["count"],
        differs_count=totals["differs"],
        error_count=totals["errors"],
        differing=tuple(differing.defer("attempt__data", "attempt__answer", "attempt__triggers")[:LISTED]),
    )


def unopened_documents(workflow: Workflow, *, now: datetime) -> list[Unopened]:
    """Per reviewer: decisions on handoffs with documents, and those made before the reviewer opened any of them."""
    history: Any = Handoff.history.model
    opened = history.objects.filter(
        id=OuterRef("handoff"),
        event=Event.DOCUMENT_OPENED,
        history_user=OuterRef("decided_by"),
        history_date__lte=OuterRef("decided_at"),
    )
    carried = Handoff.documents.through.objects.filter(handoff_id=OuterRef("handoff"))
    decisions = Decision.objects.filter(
        handoff__workflow=workflow, decided_by_kind=DecidedBy.PERSON, decided_at__gte=now - WINDOW
    )
    rows = (
        decisions.filter(Exists(carried))
        .select_related("decided_by")
        .annotate(was_opened=Exists(opened))
        .order_by("-decided_at")[:CASES_LIMIT]
    )
    told: dict[str, list[bool]] = defaultdict(list)
    for decision in rows:
        told[decision.decider_name].append(decision.was_opened)
    return [
        Unopened(name=name, count=len(all_), unopened_count=all_.count(False)) for name, all_ in sorted(told.items())
    ]


def _decisions(handoff_ids: list[UUID]) -> list[Decision]:
    """What people decided, newest first; the clock is nobody to agree with."""
    found = Decision.objects.filter(
        handoff__in=handoff_ids,
        status=DecisionStatus.FINAL,
        decided_by_kind=DecidedBy.PERSON,
        resolution_number=F("handoff__reopens_count") + 1,
    )
    return list(found.select_related("decided_by", "handoff__case", "handoff__role").order_by("-decided_at"))


def _titles(decisions: Iterable[Decision]) -> dict[str, str]:
    return {decision.outcome: decision.outcome_title for decision in decisions}


def _title(titles: dict[str, str], key: str) -> str:
    return titles.get(key) or key.replace("_", " ").capitalize()


def _compared(decision: Decision, *, first: str, first_by: str) -> Compared:
    handoff = decision.handoff
    amount = as_decimal(handoff.headline.split(" ")[0].replace(",", "")) if handoff.headline else None
    return Compared(
        handoff_id=handoff.pk,
        reference=handoff.case.reference,
        summary=handoff.summary,
        trigger=handoff.primary_trigger.replace("_", " "),
        role=handoff.role.name,
        band=band_of(amount),
        first=first,
        second=decision.outcome_title,
        first_by=first_by,
        second_by=decision.decider_name,
        reason=decision.reason,
        at=decision.decided_at,
    )


def _report(compared: list[Compared], *, silent_count: int, open_count: int) -> Report:
    return Report(
        overall=_agreement(compared),
        by_trigger=_by(compared, lambda each: each.trigger),
        by_role=_by(compared, lambda each: each.role),
        by_band=_by(compared, lambda each: each.band),
        by_people=_by(compared, lambda each: f"{each.first_by} and {each.second_by}"),
        disagreements=tuple(each for each in compared if not each.agrees)[:LISTED],
        silent_count=silent_count,
        open_count=open_count,
    )


def _by(compared: list[Compared], key: Callable[[Compared], str]) -> tuple[Part, ...]:
    parts: dict[str, list[Compared]] = defaultdict(list)
    for each in compared:
        parts[key(each)].append(each)
    return tuple(Part(name=name, found=_agreement(cases)) for name, cases in sorted(parts.items()))


def _agreement(compared: list[Compared]) -> Agreement:
    return agreement((each.first, each.second) for each in compared)
