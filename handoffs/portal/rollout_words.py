"""Rollout in words: how far a stage reaches, its figures beside those of the rest, and how near its limits are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handoffs.queries.rollout import Figures
from handoffs.rules.agreement import Agreement, Criterion, Interval, criteria
from handoffs.rules.durations import words
from handoffs.rules.policy import Limits, Promotion
from handoffs.rules.stages import StageFigures

NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class LimitLine:
    """One limit: what it is about, where it lies, where the stage is."""

    name: str
    limit: str
    found: str
    is_passed: bool


@dataclass(frozen=True, kw_only=True)
class LimitTable:
    """The limits of a stage; `missing_count` decided cases are needed before they are watched."""

    lines: tuple[LimitLine, ...]
    min_cases: int
    missing_count: int


def reach(rollout: Mapping[str, Any]) -> str:
    """`shadow on 10 % of the cases`, `live for 25 % of the cases`."""
    share = f"{float(rollout.get('percent', 100)):g} % of the cases"
    return f"shadow on {share}" if rollout.get("shadow") else f"live for {share}"


def percent(ratio: float | None) -> str:
    """`32.0 %`, or a dash where nothing was counted."""
    return NOTHING if ratio is None else f"{ratio * 100:.1f} %"


def between(interval: Interval | None) -> str:
    """`81.2 to 93.4 %`."""
    return NOTHING if interval is None else f"{interval.low * 100:.1f} to {interval.high * 100:.1f} %"


def column(figures: Figures) -> dict[str, Any]:
    """The figures of one version as a table shows them."""
    stage = figures.stage
    return {
        "number": figures.version_number,
        "since": figures.since,
        "opened": figures.opened_count,
        "decided": figures.decided_count,
        "override": _share(stage.override_ratio, figures.overridden_count, figures.suggested_count),
        "cut_off": _share(stage.cut_off_ratio, figures.clock_count, figures.decided_count),
        "failed": _share(stage.failed_recovery_ratio, figures.failed_count, figures.carried_count),
        "mtta": took(figures.mtta_seconds),
    }


def took(seconds: float | None) -> str:
    """`4 m 20 s`, or a dash."""
    return NOTHING if seconds is None else words(round(seconds))


def limits_of(limits: Limits | None, figures: StageFigures) -> LimitTable | None:
    """Each limit that the policy sets, with where the stage is; None where it sets none."""
    if limits is None:
        return None
    shares = (
        ("Override rate", limits.override_percent, figures.override_ratio),
        ("Cut-off rate", limits.cut_off_percent, figures.cut_off_ratio),
        ("Failed recoveries", limits.failed_recovery_percent, figures.failed_recovery_ratio),
    )
    lines = [
        LimitLine(name=name, limit=f"{limit:g} %", found=percent(ratio), is_passed=(ratio or 0) * 100 > limit)
        for name, limit, ratio in shares
        if limit is not None
    ]
    if limits.mtta_seconds is not None:
        late = (figures.mtta_seconds or 0) > limits.mtta_seconds
        found = took(figures.mtta_seconds)
        lines.append(
            LimitLine(name="Mean time to accept", limit=words(limits.mtta_seconds), found=found, is_passed=late)
        )
    missing = max(limits.min_cases - figures.decided_count, 0)
    return LimitTable(lines=tuple(lines), min_cases=limits.min_cases, missing_count=missing)


def criteria_of(named: Promotion | None, found: Agreement) -> tuple[Criterion, ...]:
    """What was named for the promotion, met or not; nothing where nothing was named."""
    return criteria(named, found) if named else ()


def table_of(found: Agreement) -> dict[str, Any]:
    """A matrix with its headings, row by row, and what follows from it."""
    rows = [
        {"label": label, "cells": [{"count": count, "agrees": here == there} for there, count in enumerate(row)]}
        for here, (label, row) in enumerate(zip(found.labels, found.rows, strict=True))
    ]
    return {"labels": found.labels, "rows": rows, **line_of("", found)}


def line_of(name: str, found: Agreement) -> dict[str, Any]:
    """One line on an agreement: count, share with its interval, kappa with its own."""
    kappa = found.kappa
    return {
        "name": name,
        "count": found.count,
        "agreed": found.agreed_count,
        "share": percent(found.ratio),
        "between": between(found.interval),
        "kappa": f"{kappa.value:.2f}" if kappa else NOTHING,
        "kappa_between": f"{kappa.interval.low:.2f} to {kappa.interval.high:.2f}" if kappa else NOTHING,
    }


def _share(ratio: float | None, part: int, whole: int) -> str:
    return NOTHING if ratio is None else f"{percent(ratio)} ({part:,} of {whole:,})"
