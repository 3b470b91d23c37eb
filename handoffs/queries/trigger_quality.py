"""How good a workflow's triggers are: what each one led to, which fire together, and what reviewers said of it all."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Avg, Count, Exists, F, OuterRef, Q, QuerySet

from handoffs.choices import DecidedBy, DecisionStatus, Mode
from handoffs.models import Attempt, Decision, Handoff, Recovery, Workflow

ATTEMPTS_LIMIT = 20_000
COMMENTS_SHOWN = 30


@dataclass(frozen=True, kw_only=True)
class Window:
    """From `start`, before `end`."""

    start: datetime
    end: datetime

    def of(self, column: str) -> Q:
        """What lies in it by a column of time."""
        return Q(**{f"{column}__gte": self.start, f"{column}__lt": self.end})


_final = Decision.objects.filter(
    handoff=OuterRef("pk"), status=DecisionStatus.FINAL, resolution_number=OuterRef("reopens_count") + 1
)
_recoveries = Recovery.objects.filter(handoff=OuterRef("pk"))
NOT_NEEDED = Q(Exists(_final.filter(person_needed=False))) | Q(Exists(_recoveries.filter(not_needed_at__isnull=False)))
_OF_RESOLVED: Mapping[str, Q] = {
    "resolved": Q(),
    "returned": Q(returns_count__gt=0),
    "reopened": Q(reopens_count__gt=0),
    "reversed": Q(Exists(_recoveries.filter(reversed_at__isnull=False))),
    "not_needed": NOT_NEEDED,
    "suggested": Q(Exists(_final.exclude(suggested_outcome=""))),
    "as_suggested": Q(Exists(_final.exclude(suggested_outcome="").filter(outcome=F("suggested_outcome")))),
    "answered": Q(Exists(_final.filter(context_sufficed__isnull=False))),
    "lacking": Q(Exists(_final.filter(context_sufficed=False))),
}
FIGURES = ("opened", *_OF_RESOLVED)
"""What can be counted per trigger; all but the first among the handoffs resolved in the window."""


@dataclass(frozen=True, kw_only=True)
class TriggerQuality:
    """One trigger in a window: `counts` by figure, the mean seconds to resolve, and how often it fired at all."""

    key: str
    counts: Mapping[str, int]
    resolve_seconds: float | None
    fired_count: int = 0
    alone_count: int = 0

    def ratio(self, figure: str) -> float | None:
        """The share of a figure among the resolved (of `as_suggested` among those that had a suggestion)."""
        among = {"as_suggested": "suggested", "lacking": "answered"}.get(figure, "resolved")
        return self.counts[figure] / self.counts[among] if self.counts[among] else None


@dataclass(frozen=True, kw_only=True)
class Together:
    """Two triggers, and on how many handoffs both fired; `of` is how often the rarer of them fired."""

    keys: tuple[str, str]
    count: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Said:
    """One line of feedback, and the handoff that it is about."""

    handoff_id: Any
    reference: str
    trigger: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class ContextScore:
    """Of the decisions with an answer, how many had enough; what was missing by part, the most missed first."""

    answered_count: int
    sufficed_count: int
    missing: tuple[tuple[str, int], ...]
    comments: tuple[Said, ...] = field(default_factory=tuple)


def behind(
    workflow: Workflow, window: Window, *, figure: str, trigger: str = "", part: str = "", outcome: str = ""
) -> QuerySet[Handoff]:
    """The handoffs that a figure counts."""
    handoffs = Handoff.objects.filter(_in(window, figure), workflow=workflow, mode=Mode.LIVE)
    if trigger:
        handoffs = handoffs.filter(primary_trigger=trigger)
    if part:
        handoffs = handoffs.filter(Exists(_final.filter(missing_parts__contains=[part])))
    if outcome:
        handoffs = handoffs.filter(Exists(_final.filter(outcome=outcome)))
    return handoffs


def overview(workflows: Iterable[Workflow], window: Window) -> dict[Any, dict[str, int]]:
    """By the workflow's id: how many were opened and resolved, not needed, and worked on again."""
    lists = {
        "opened": _in(window, "opened"),
        "resolved": _in(window, "resolved"),
        "not_needed": _in(window, "not_needed"),
        "again": _in(window, "resolved") & Q(Q(returns_count__gt=0) | Q(reopens_count__gt=0)),
    }
    handoffs = Handoff.objects.filter(lists["opened"] | lists["resolved"], workflow__in=workflows, mode=Mode.LIVE)
    counts = {f"n_{name}": Count("pk", filter=wanted) for name, wanted in lists.items()}
    rows: Iterable[Mapping[str, Any]] = handoffs.order_by().values("workflow").annotate(**counts)
    return {row["workflow"]: {name: row[f"n_{name}"] for name in lists} for row in rows}


def _in(window: Window, figure: str) -> Q:
    if figure == "opened":
        return window.of("opened_at")
    return Q(state="resolved") & window.of("resolved_at") & _OF_RESOLVED[figure]


def qualities(workflow: Workflow, window: Window, combinations: Mapping[tuple[str, ...], int]) -> list[TriggerQuality]:
    """Every trigger that opened or is behind anything in the window, the busiest first."""
    rows = (
        Handoff.objects.filter(_in(window, "opened") | _in(window, "resolved"), workflow=workflow, mode=Mode.LIVE)
        .order_by()
        .values("primary_trigger")
        .annotate(
            mean=Avg(F("resolved_at") - F("opened_at"), filter=_in(window, "resolved")),
            **{f"n_{figure}": Count("pk", filter=_in(window, figure)) for figure in FIGURES},
        )
    )
    fired: Counter[str] = Counter()
    for keys, count in combinations.items():
        fired.update(dict.fromkeys(keys, count))
    found = [_quality(row, fired, combinations) for row in rows]
    return sorted(found, key=lambda one: (-one.counts["opened"], one.key))


def _quality(
    row: Mapping[str, Any], fired: Counter[str], combinations: Mapping[tuple[str, ...], int]
) -> TriggerQuality:
    key = row["primary_trigger"]
    return TriggerQuality(
        key=key,
        counts={figure: row[f"n_{figure}"] for figure in FIGURES},
        resolve_seconds=row["mean"] / timedelta(seconds=1) if row["mean"] is not None else None,
        fired_count=fired[key],
        alone_count=combinations.get((key,), 0),
    )


def combinations(workflow: Workflow, window: Window) -> dict[tuple[str, ...], int]:
    """Which triggers fired on the attempts that opened handoffs, as sorted sets with how often; the newest few."""
    with connection.cursor() as cursor:
        cursor.execute(_COMBINATIONS, [workflow.pk, Mode.LIVE.value, window.start, window.end, ATTEMPTS_LIMIT])
        return {tuple(keys): count for keys, count in cursor.fetchall()}


_COMBINATIONS = f"""
SELECT keys, count(*) FROM (
    SELECT (SELECT array_agg(t->>'key' ORDER BY t->>'key') FROM jsonb_array_elements(attempt.triggers) t
            WHERE (t->>'fired')::boolean) AS keys
    FROM {Attempt._meta.db_table} attempt JOIN {Handoff._meta.db_table} handoff ON handoff.id = attempt.handoff_id
    WHERE handoff.workflow_id = %s AND handoff.mode = %s AND handoff.opened_at >= %s AND handoff.opened_at < %s
      AND attempt.verdict IN ('handoff', 'stop')
    ORDER BY handoff.opened_at DESC LIMIT %s
) AS fired WHERE keys IS NOT NULL GROUP BY keys
"""  # noqa: S608 - the names of our own tables


def together(found: Mapping[tuple[str, ...], int]) -> list[Together]:
    """Pairs of triggers that fire on the same handoffs, the most entangled first."""
    fired: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for keys, count in found.items():
        fired.update(dict.fromkeys(keys, count))
        pairs.update({(one, other): count for one in keys for other in keys if one < other})
    made = [Together(keys=pair, count=count, of=min(fired[key] for key in pair)) for pair, count in pairs.items()]
    return sorted(made, key=lambda one: (-one.count / one.of, -one.count))


def chosen_outcomes(workflow: Workflow, window: Window) -> Counter[str]:
    """How often people chose each outcome in the window."""
    rows = Decision.objects.filter(
        window.of("decided_at"),
        handoff__workflow=workflow,
        handoff__mode=Mode.LIVE,
        status=DecisionStatus.FINAL,
        decided_by_kind=DecidedBy.PERSON,
    )
    return Counter(dict(rows.order_by().values_list("outcome").annotate(count=Count("pk"))))


def context_score(workflow: Workflow, window: Window) -> ContextScore:
    """What reviewers said of the context of what was resolved in the window."""
    resolved = behind(workflow, window, figure="answered")
    lacking = behind(workflow, window, figure="lacking")
    answered, without = resolved.count(), lacking.count()
    return ContextScore(
        answered_count=answered,
        sufficed_count=answered - without,
        missing=tuple(_missing(lacking).most_common()),
        comments=_comments(workflow, window),
    )


def _missing(lacking: QuerySet[Handoff]) -> Counter[str]:
    rows = Decision.objects.filter(
        handoff__in=lacking, status=DecisionStatus.FINAL, resolution_number=F("handoff__reopens_count") + 1
    )
    return Counter(part for parts in rows.values_list("missing_parts", flat=True) for part in parts)


def _comments(workflow: Workflow, window: Window) -> tuple[Said, ...]:
    rows = (
        Decision.objects.filter(window.of("decided_at"), handoff__workflow=workflow, handoff__mode=Mode.LIVE)
        .exclude(feedback_comment="", context_missing="")
        .select_related("handoff__case", "decided_by")
        .order_by("-decided_at")[:COMMENTS_SHOWN]
    )
    return tuple(
        Said(
            handoff_id=row.handoff_id,
            reference=row.handoff.case.reference,
            trigger=row.handoff.primary_trigger,
            text=" · ".join(filter(None, (row.feedback_comment, row.context_missing))),
            by=row.decider_name,
            at=row.decided_at,
        )
        for row in rows
    )
