"""What the metrics page shows of a scope: tiles with their change and trend, charts over time, and one table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoffs.portal import charts
from handoffs.portal.metrics import words
from handoffs.queries.metrics.backlog import Backlog
from handoffs.queries.metrics.figures import FIGURES, Figure, Value
from handoffs.queries.metrics.scope import GROUPS, Scope
from handoffs.queries.metrics.tables import Report, Row

ROWS_SHOWN = 30
TREND = (
    "volume", "mtta", "mttr", "rework", "false_positives", "sla_accepted", "sla_resolved", "cut_off", "apply_time",
    "recovery_failed", "context_score",
)  # fmt: skip
COLUMNS = (
    "volume", "mtta", "mttr", "rework", "false_positives", "sla_accepted", "sla_resolved", "cut_off", "context_score",
)  # fmt: skip
SHOWN = (*TREND, "active_time", "recovery_overdue", "recovery_parked")
TILE_PERCENTILES, TABLE_PERCENTILES = ("mtta", "mttr", "apply_time"), ("mttr",)
PERCENTILE_WORDS = ("p50", "p90", "p95")
CELL = '<td class="is-num">{}</td>'
LINKED = '<td class="is-num"><a href="{}">{}</a></td>'


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure at a glance."""

    label: str
    meaning: str
    value: str
    url: str = ""
    facts: Sequence[str] = ()
    change: words.Change | None = None
    before: str = ""
    spark: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One figure of a table; `url` opens what is behind it."""

    text: str
    url: str = ""

    @property
    def markup(self) -> SafeString:
        """It as HTML, drawn here: a template takes longer, and there are hundreds on a page."""
        return format_html(LINKED, self.url, self.text) if self.url else format_html(CELL, self.text)


def tiles(scope: Scope, report: Report, open_now: Backlog) -> list[Tile]:
    """The tiles of a page, in the order in which managers ask."""
    page, now_row = _Drawing(scope, report), report.total
    values = now_row.values
    rate = f"{words.share_words(now_row.handoff_rate)} of {now_row.cases_count or 0:,} cases"
    failed = values["recovery_failed"]
    late, parked = (words.share_words(values[key].number) for key in ("recovery_overdue", "recovery_parked"))
    return [
        page.tile("volume", facts=[rate if now_row.cases_count else "no case first attempted"]),
        page.tile("mtta", facts=_percentile_words(values["mtta"])),
        page.tile("mttr", facts=[*_percentile_words(values["mttr"]), _active(values["active_time"])]),
        page.tile("sla_accepted", facts=[_of(values["sla_accepted"], "with a target")]),
        page.tile("sla_resolved", facts=[_of(values["sla_resolved"], "with a target")]),
        page.tile("rework", facts=[_of(values["rework"], "resolved")]),
        page.tile("false_positives", facts=[_of(values["false_positives"], "resolved")]),
        page.tile("cut_off", facts=[_of(values["cut_off"], "resolved")]),
        page.tile("apply_time", facts=_percentile_words(values["apply_time"]) or ["nothing was carried back"]),
        page.tile("recovery_failed", facts=[f"{late} overdue", f"{parked} parked"] if failed.count else []),
        page.tile("context_score", facts=[_of(values["context_score"], "answered")]),
        _open_tile(scope, open_now),
    ]


def chart_list(scope: Scope, rows: Sequence[Row]) -> list[charts.Chart]:
    """The four pictures of a page."""
    stretch = scope.window.stretch
    labels = [_label(row.key, stretch) for row in rows]

    def line(key: str, tone: int, **more: Any) -> charts.Series:
        return _series(FIGURES[key], rows, labels, tone, **more)

    resolved = charts.Series(
        name="Resolved",
        numbers=[float(row.values["mttr"].count) for row in rows],
        words=[f"{label}: {row.values['mttr'].count:,} resolved" for label, row in zip(labels, rows, strict=True)],
        tone=2,
    )
    return [
        charts.chart("Opened and resolved", [line("volume", 1, bars=True), resolved], labels, unit=charts.PLAIN),
        charts.chart("Time to accept and to resolve, mean", [line("mtta", 1), line("mttr", 2)], labels),
        charts.chart(
            "Rework and false positives", [line("rework", 1), line("false_positives", 2)], labels, unit=charts.PERCENT
        ),
        charts.chart(
            "Targets met", [line("sla_accepted", 1), line("sla_resolved", 2)], labels, unit=charts.PERCENT
        ),
    ]  # fmt: skip


def time_table(scope: Scope, rows: Sequence[Row]) -> dict[str, Any]:
    """The table behind the pictures, the newest first."""
    stretch = scope.window.stretch
    return {
        "columns": [FIGURES[key] for key in TREND],
        "rows": [
            {
                "name": _label(row.key, stretch),
                "markup": _markup(Cell(text=_text(FIGURES[key], row.values[key])) for key in TREND),
            }
            for row in reversed(rows)
        ],
    }


def breakdown(scope: Scope, by: str, groups: Sequence[Row], open_by: Mapping[Any, Backlog]) -> dict[str, Any]:
    """The table of one breakdown, its largest groups; of weeks the latest."""
    rows = groups[::-1] if by == "week" else groups
    return {
        "by": by,
        "columns": [FIGURES[key] for key in COLUMNS],
        "has_open": by in GROUPS,
        "rows": [_breakdown_row(scope, by, row, open_by.get(row.key)) for row in rows[:ROWS_SHOWN]],
        "left_out": max(len(rows) - ROWS_SHOWN, 0),
    }


def compared(one: Row, other: Row) -> list[dict[str, Any]]:
    """Every figure of two rows side by side, with what changed from the first to the second."""
    rows = []
    for key, figure in FIGURES.items():
        pair = (one.values[key], other.values[key])
        rows.append(_compared(figure, *pair))
        if key in ("mtta", "mttr"):
            rows += [_compared_percentile(figure, index, *pair) for index in range(len(PERCENTILE_WORDS))]
    return rows


def _compared(figure: Figure, one: Value, other: Value) -> dict[str, Any]:
    return {
        "label": figure.label,
        "meaning": figure.meaning,
        "key": figure.key,
        "one": words.value_words(figure, one),
        "other": words.value_words(figure, other),
        "change": words.change(figure, other, one),
    }


def _compared_percentile(figure: Figure, index: int, one: Value, other: Value) -> dict[str, Any]:
    taken = [Value(number=value.percentiles[index] if value.percentiles else None) for value in (one, other)]
    return {**_compared(figure, *taken), "label": f"{figure.label}, {PERCENTILE_WORDS[index]}"}


class _Drawing:
    """Draws tiles of one page."""

    def __init__(self, scope: Scope, report: Report) -> None:
        self.scope, self.report = scope, report

    def tile(self, key: str, *, facts: Sequence[str]) -> Tile:
        figure = FIGURES[key]
        value, before = self.report.total.values[key], self.report.before.values[key]
        return Tile(
            label=figure.label,
            meaning=figure.meaning,
            value=words.value_words(figure, value),
            url=words.behind_url(self.scope, key) if value.count else "",
            facts=[fact for fact in facts if fact],
            change=words.change(figure, value, before),
            before=words.value_words(figure, before),
            spark=charts.spark([row.values[key].number for row in self.report.over_time]),
        )


def _open_tile(scope: Scope, open_now: Backlog) -> Tile:
    facts = [f"oldest {words.seconds_words(open_now.oldest_seconds)}", f"{open_now.overdue_count:,} overdue"]
    return Tile(
        label="Open now",
        meaning="Handoffs that are open at this moment, whenever they were opened",
        value=f"{open_now.open_count:,}",
        url=words.behind_url(scope, "open") if open_now.open_count else "",
        facts=facts if open_now.open_count else ["nothing waits"],
    )


def _breakdown_row(scope: Scope, by: str, row: Row, open_now: Backlog | None) -> dict[str, Any]:
    narrowed = scope.narrowed(by, row.key)
    url = words.urls_behind(narrowed)
    cells = [_cell(FIGURES[key], row.values[key], url) for key in COLUMNS]
    cells.insert(1, Cell(text=words.share_words(row.handoff_rate)))
    cells[4:4] = [Cell(text=text) for text in _percentile_numbers(row.values["mttr"])]
    if by in GROUPS:
        count = open_now.open_count if open_now else 0
        cells.append(Cell(text=f"{count:,}", url=url("open") if count else ""))
    return {"key": row.key, "name": row.name, "cells": cells, "markup": _markup(cells)}


def _cell(figure: Figure, value: Value, url: Callable[[str], str]) -> Cell:
    return Cell(text=_text(figure, value), url=url(figure.key) if value.hits else "")


def _text(figure: Figure, value: Value) -> str:
    return words.value_words(figure, value) if value.count else words.NOTHING


def _markup(cells: Iterable[Cell]) -> SafeString:
    return SafeString("".join(cell.markup for cell in cells))


def _series(figure: Figure, rows: Sequence[Row], labels: Sequence[str], tone: int, **more: Any) -> charts.Series:
    values = [row.values[figure.key] for row in rows]
    told = [
        f"{label}: {figure.label.lower()} {words.value_words(figure, value)}"
        for label, value in zip(labels, values, strict=True)
    ]
    return charts.Series(name=figure.label, numbers=[value.number for value in values], words=told, tone=tone, **more)


def _percentile_words(value: Value) -> list[str]:
    return [f"{word} {words.seconds_words(seconds)}" for word, seconds in zip(PERCENTILE_WORDS, value.percentiles)]  # noqa: B905 - none where nothing was counted


def _percentile_numbers(value: Value) -> list[str]:
    return [words.seconds_words(seconds) for seconds in value.percentiles] or [words.NOTHING] * len(PERCENTILE_WORDS)


def _active(value: Value) -> str:
    return f"active {words.seconds_words(value.number)}" if value.number is not None else ""


def _of(value: Value, among: str) -> str:
    return f"{value.hits:,} of {value.count:,} {among}"


def _label(at: datetime, stretch: str) -> str:
    return _LABELS[stretch](at)


_LABELS: Mapping[str, Any] = {
    "hour": lambda at: f"{at.day} {at:%b} {at:%H:%M}",
    "day": lambda at: f"{at.day} {at:%b}",
    "week": lambda at: f"{at.day} {at:%b %Y}",
    "month": lambda at: f"{at:%b %Y}",
}
