"""The days, hours and months of UTC in which tallies are kept, and how they lie among other moments."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from handoffs.queries.metrics.scope import Span

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def month_of(day: datetime) -> datetime:
    """The beginning of the month of UTC in which a day of UTC lies."""
    return day.replace(day=1)


def whole_months(days: Iterable[datetime]) -> set[datetime]:
    """The months all of whose days are among these."""
    counts = Counter(map(month_of, days))
    return {month for month, count in counts.items() if count == monthrange(month.year, month.month)[1]}


def cut_months(bounds: Iterable[datetime]) -> set[datetime]:
    """The months inside of which one of the bounds lies."""
    return {month for bound in bounds if bound != (month := month_of(floor(bound, DAY)))}


def torn(bounds: Iterable[datetime], length: timedelta) -> set[datetime]:
    """The days or hours inside of which one of the bounds lies."""
    return {floor(bound, length) for bound in bounds if bound != floor(bound, length)}


def floor(moment: datetime, length: timedelta) -> datetime:
    """The beginning of the day or hour of UTC in which a moment lies."""
    at = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return at.replace(hour=0) if length == DAY else at


def left(start: datetime, end: datetime, spans: Iterable[Span]) -> list[Span]:
    """The spans between start and end outside of these, which ascend."""
    found, at = [], start
    for begins, ends in spans:
        if at < begins:
            found.append((at, begins))
        at = ends
    return [*found, (at, end)] if at < end else found


def spans_of(stretches: Iterable[datetime], length: timedelta = DAY) -> list[Span]:
    """The spans that ascending days, or stretches of another length, make together."""
    found: list[Span] = []
    for at in stretches:
        start = found.pop()[0] if found and found[-1][1] == at else at
        found.append((start, at + length))
    return found
