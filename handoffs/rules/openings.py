"""Opening hours laid out in UTC, and the arithmetic on them; what the hours mean is left to calendars.

A moment is a whole number of microseconds since the epoch, as the database keeps them: nothing is ever rounded.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from handoffs.errors import Invalid, NotPossibleNow

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.toordinal()
FIRST_YEAR, LAST_YEAR = 2, 9998
"""Where every zone can still be asked for its offset."""
HORIZON_YEARS = 100

Span = tuple[int, int]


class CalendarNeverOpens(NotPossibleNow):
    """The calendar offers too little time, or none, for the target ever to be used up."""

    code = "calendar_never_opens"
    title = "The calendar never opens for so long"


class MomentInvalid(Invalid):
    """A moment without a zone, or too far away to be meant."""

    code = "moment_invalid"
    title = "The moment cannot be meant"


def instant_of(moment: datetime) -> int:
    """The moment as microseconds since the epoch. Raises MomentInvalid for one without a time zone."""
    if moment.tzinfo is None:
        raise MomentInvalid(f"{moment} has no time zone")
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def moment_of(instant: int) -> datetime:
    """The instant as a datetime in UTC. Raises MomentInvalid beyond the years that a datetime knows."""
    try:
        return EPOCH + timedelta(microseconds=instant)
    except OverflowError as error:
        raise MomentInvalid(f"{instant} µs since 1970 is too far away") from error


def _year_of(instant: int) -> int:
    year = moment_of(instant).year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise MomentInvalid(f"the year {year} is too far away")
    return year


class _Year:
    """The openings of one calendar year in UTC, with running totals, so that a question costs two binary searches."""

    def __init__(self, spans: list[Span]) -> None:
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]
        self.counted_to_end = list(accumulate(end - start for start, end in spans))
        self.counted_to_start = [0, *self.counted_to_end[:-1]] if spans else []
        self.total = self.counted_to_end[-1] if spans else 0

    def counted(self, instant: int) -> int:
        """Business time from the beginning of the year to `instant`."""
        at = bisect_right(self.starts, instant) - 1
        return 0 if at < 0 else self.counted_to_end[at] - max(self.ends[at] - instant, 0)

    def first_instant(self, counted: int) -> int:
        at = bisect_left(self.counted_to_end, counted)
        return self.ends[at] - (self.counted_to_end[at] - counted)

    def last_instant(self, counted: int) -> int:
        at = bisect_right(self.counted_to_start, counted) - 1
        return self.starts[at] + counted - self.counted_to_start[at]


class Openings:
    """The openings of one calendar, laid out year by year and only as far as anyone asked.

    `spans_on` gives the spans that begin on a date, in microseconds since its local midnight; `ever` is False if
    no date has any.
    """

    def __init__(self, key: str, zone: ZoneInfo, spans_on: Callable[[date], Iterable[Span]], ever: bool) -> None:
        self.key = key
        self.zone = zone
        self.spans_on = spans_on
        self.ever = ever
        self.years: dict[int, _Year] = {}

    def year(self, number: int) -> _Year:
        """The openings of a calendar year in UTC."""
        if number not in self.years:
            self.years[number] = _Year(self._lay_out(number))
        return self.years[number]

    def between(self, start: int, end: int) -> int:
        """Business time from `start` to `end`, which is not earlier."""
        first, last = _year_of(start), _year_of(end)
        whole = sum(self.year(number).total for number in range(first, last))
        return whole + self.year(last).counted(end) - self.year(first).counted(start)

    def after(self, start: int, duration: int) -> int:
        """The first instant by which `duration` has passed after `start`. Raises CalendarNeverOpens."""
        if duration == 0:
            return start
        first = _year_of(start)
        wanted = duration + self.year(first).counted(start)
        for number in self._search(first, 1):
            if wanted <= self.year(number).total:
                return self.year(number).first_instant(wanted)
            wanted -= self.year(number).total
        raise self._too_little(duration)

    def before(self, end: int, duration: int) -> int:
        """The last instant from which `duration` remains until `end`. Raises CalendarNeverOpens."""
        if duration == 0:
            return end
        first = _year_of(end)
        wanted = duration + self.year(first).total - self.year(first).counted(end)
        for number in self._search(first, -1):
            if wanted <= self.year(number).total:
                return self.year(number).last_instant(self.year(number).total - wanted)
            wanted -= self.year(number).total
        raise self._too_little(duration)

    def spans(self, start: int, end: int) -> Iterator[Span]:
        """The openings between two instants, cut off at both; one that crosses New Year in UTC comes in two."""
        for number in range(_year_of(start), _year_of(end) + 1):
            year = self.year(number)
            for at in range(bisect_right(year.ends, start), bisect_left(year.starts, end)):
                yield (max(year.starts[at], start), min(year.ends[at], end))

    def _search(self, first: int, step: int) -> Iterable[int]:
        if not self.ever:
            return ()
        return range(first, max(FIRST_YEAR, min(first + step * HORIZON_YEARS, LAST_YEAR)) + step, step)

    def _too_little(self, duration: int) -> CalendarNeverOpens:
        return CalendarNeverOpens(
            f"calendar {self.key} is not open for {duration // SECOND} s in {HORIZON_YEARS} years"
        )

    def _lay_out(self, year: int) -> list[Span]:
        lower, upper = (date(number, 1, 1).toordinal() - EPOCH_ORDINAL for number in (year, year + 1))
        local = _joined(sorted(self._local_spans(lower - 3, upper + 3)))
        spans: list[Span] = []
        for start, end, offset in _offsets(self.zone, lower * DAY, upper * DAY):
            shifted = ((max(opens - offset, start), min(closes - offset, end)) for opens, closes in local)
            spans += [(opens, closes) for opens, closes in shifted if opens < closes]
        return _joined(spans)

    def _local_spans(self, first_day: int, last_day: int) -> Iterator[Span]:
        for day in range(first_day, last_day):
            for opens, closes in self.spans_on(date.fromordinal(day + EPOCH_ORDINAL)):
                yield (day * DAY + opens, day * DAY + closes)


def _offsets(zone: ZoneInfo, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The stretches of one offset from UTC; a zone is asked twice a day, then a change is found to the second."""
    begin, offset = start, _offset(zone, start)
    for probe in range(start + DAY // 2, end + 1, DAY // 2):
        if _offset(zone, probe) != offset:
            change = _change(zone, probe - DAY // 2, probe)
            yield (begin, change, offset)
            begin, offset = change, _offset(zone, probe)
    yield (begin, end, offset)


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    old = _offset(zone, before)
    seconds = range(before // SECOND, after // SECOND + 1)
    return seconds[bisect_left(seconds, True, key=lambda second: _offset(zone, second * SECOND) != old)] * SECOND


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = moment_of(instant).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


def _joined(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for opens, closes in spans:
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(closes, joined[-1][1]))
        else:
            joined.append((opens, closes))
    return joined
