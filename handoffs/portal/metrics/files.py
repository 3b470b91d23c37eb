"""CSV of any table and of the handoffs behind any figure: streamed, numbers as numbers, harmless in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from handoffs.choices import PRIORITY_RANKS
from handoffs.portal.doors import page
from handoffs.portal.metrics.asked import scope_of
from handoffs.portal.metrics.behind import COLUMNS, asked_of
from handoffs.queries.metrics import asking, backlog, tables
from handoffs.queries.metrics.figures import FIGURES, Kind
from handoffs.queries.metrics.scope import BREAKDOWNS, GROUPS, key_word

CHUNK_ROWS = 2_000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""What a spreadsheet may take for the beginning of a formula."""
PRIORITIES = {rank: word.value for word, rank in PRIORITY_RANKS.items()}
MOMENTS = ("opened_at", "accepted_at", "resolved_at")
TIMES = ("accept_us", "resolve_us", "active_us", "deliver_us", "apply_us")
FLAGS = (
    "is_open", "accepted_in_time", "resolved_in_time", "was_returned", "was_reopened", "has_failed", "was_reversed",
    "not_needed", "by_clock", "context_sufficed",
)  # fmt: skip


class _Echo:
    """A file that gives back each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


@page
def table_csv(request: HttpRequest) -> StreamingHttpResponse:
    """One breakdown with every figure; times in seconds, shares from 0 to 1."""
    now = timezone.now()
    scope = scope_of(request, now=now)
    by = asking.choice_of({"by": request.GET.getlist("by")}, "by", BREAKDOWNS, default="workflow")
    rows = tables.broken_down(scope, by, now=now)
    open_by = backlog.backlog_by(scope, by, now=now)
    return _file(f"metrics-by-{by}", _table_lines(by, rows, open_by))


@page
def handoffs_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Every handoff behind a figure, as many as there are."""
    asked = asked_of(request, now=timezone.now())
    found = asked.facts.order_by(asked.moment, "handoff_id").values(
        *MOMENTS, *TIMES, *FLAGS, "policy_number", "priority", "trigger", "outcome", **COLUMNS
    )
    return _file(f"handoffs-{asked.figure}", _handoff_lines(found))


def safe(value: Any) -> Any:
    """A cell as a spreadsheet may see it: numbers stay numbers, and no text begins like a formula."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    text = "" if value is None else value
    return f"'{text}" if isinstance(text, str) and text.startswith(DANGEROUS) else text


def _table_lines(by: str, rows: Iterable[tables.Row], open_by: Any) -> Iterator[list[Any]]:
    head = [by, "name", "cases", "handoff_rate"]
    for key, figure in FIGURES.items():
        head += {
            Kind.COUNT: [key],
            Kind.SHARE: [f"{key}_ratio", f"{key}_count", f"{key}_of_count"],
            Kind.TIME: [f"{key}_{word}_seconds" for word in ("mean", "p50", "p90", "p95")] + [f"{key}_count"],
        }[figure.kind]
    yield [*head, *(["open_now"] if by in GROUPS else [])]
    for row in rows:
        line = [row.key if by == "week" else key_word(by, row.key), row.name, row.cases_count, row.handoff_rate]
        for key, figure in FIGURES.items():
            line += _figure_cells(figure.kind, row.values[key])
        yield [*line, *([open_by[row.key].open_count if row.key in open_by else 0] if by in GROUPS else [])]


def _figure_cells(kind: str, value: Any) -> list[Any]:
    if kind == Kind.COUNT:
        return [value.count]
    if kind == Kind.SHARE:
        return [value.number, value.hits, value.count]
    return [value.number, *(value.percentiles or (None, None, None)), value.count]


def _handoff_lines(found: Any) -> Iterator[list[Any]]:
    times = [name.removesuffix("_us") + "_seconds" for name in TIMES]
    names = ["workflow_title", "role_name", "trigger", "outcome"]
    yield ["number", "reference", "summary", *names, "policy_version", "priority", *MOMENTS, *times, *FLAGS]
    for row in found.iterator(chunk_size=CHUNK_ROWS):
        yield [
            row["number"], row["reference"], row["summary"], *(row[name] for name in names), row["policy_number"],
            PRIORITIES[row["priority"]], *(row[name] for name in MOMENTS),
            *(None if row[name] is None else row[name] / 1_000_000 for name in TIMES), *(row[name] for name in FLAGS),
        ]  # fmt: skip


def _file(name: str, lines: Iterator[list[Any]]) -> StreamingHttpResponse:
    zone = timezone.get_current_timezone()
    return StreamingHttpResponse(
        _written(lines, zone),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store, private"},
    )


def _written(lines: Iterator[list[Any]], zone: Any) -> Iterator[str]:
    """The lines; what the view's zone was is asked for again, as they are written after it ended."""
    write = csv.writer(_Echo()).writerow
    for line in lines:
        with timezone.override(zone):
            cells = [safe(cell) for cell in line]
        yield write(cells)
