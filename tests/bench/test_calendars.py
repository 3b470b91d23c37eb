"""Due dates per second on one core: at least 20,000, pauses and the ladder's arithmetic included."""

from datetime import UTC, date, datetime, timedelta

import pytest

from handoffs.rules.calendars import Calendar, Hours, add, add_with_pauses, measure
from handoffs.rules.facts import Pause

OFFICE = Calendar(
    key="office",
    title="Chicago office",
    time_zone="America/Chicago",
    weekly=((Hours.parse("08:30-12:00"), Hours.parse("13:00-17:30")),) * 5 + ((), ()),
    closed_dates=frozenset({date(2026, 7, 3), date(2026, 12, 25)}),
)
STARTS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=8.7 * number) for number in range(1000)]
PAUSES = [(Pause(started_at=start + timedelta(hours=1), ended_at=start + timedelta(hours=5)),) for start in STARTS]
FLOOR_PER_SECOND = 20_000
pytestmark = pytest.mark.bench


def due_dates() -> list[datetime]:
    return [add(OFFICE, start, 28_800) for start in STARTS]


def paused_due_dates() -> list[datetime | None]:
    return [add_with_pauses(OFFICE, start, 28_800, pauses) for start, pauses in zip(STARTS, PAUSES, strict=True)]


def measures() -> list[int]:
    return [measure(OFFICE, start, STARTS[-1]) for start in STARTS]


@pytest.mark.parametrize("work", [due_dates, paused_due_dates, measures])
def test_twenty_thousand_per_second(benchmark, work):
    assert len(benchmark(work)) == len(STARTS)
    if benchmark.enabled:
        assert len(STARTS) / benchmark.stats.stats.median >= FLOOR_PER_SECOND
