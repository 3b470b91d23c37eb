"""A replay to take along: its attempts as CSV, its report as JSON. A spreadsheet finds no formula in it."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from handoffs.models import Replay, ReplayedAttempt
from handoffs.portal.doors import page
from handoffs.portal.replays_report import replay_of, wanted
from handoffs.queries import replay_reports
from handoffs.queries.replay_json import report_json
from handoffs.rules.canonical import exact_dumps

COLUMNS = ("reference", "at", "verdict", "role", "trigger", "fired", "lacking", "suggested", "proposed", "decided",
           "was_verdict", "was_role", "was_trigger", "change")  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@page
def as_csv(request: HttpRequest, replay_id: Any) -> Any:
    """The attempts that fit the filters of the address."""
    replay = replay_of(request, replay_id)
    rows = replay_reports.filtered(replay, **wanted(request)).iterator(chunk_size=2_000)
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_name(replay)}.csv"'
    return response


@page
def as_json(request: HttpRequest, replay_id: Any) -> HttpResponse:
    """The report."""
    replay = replay_of(request, replay_id)
    response = HttpResponse(exact_dumps(report_json(replay)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{_name(replay)}.json"'
    return response


class _Echo:
    """What `csv` writes to, to be handed on line by line."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: Iterable[ReplayedAttempt]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])


def _cell(value: Any) -> str:
    if isinstance(value, list):
        value = "; ".join(value)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _name(replay: Replay) -> str:
    return f"replay-{replay.workflow.key}-v{replay.version_number}-{timezone.localtime(replay.created_at):%Y%m%d-%H%M}"
