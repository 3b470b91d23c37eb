"""The calendar that a policy's SLA counts in."""

from functools import lru_cache

from handoffs.models import BusinessCalendar
from handoffs.models.calendar import HOLIDAY_YEARS_AHEAD
from handoffs.queries import lookups
from handoffs.rules.calendars import ALWAYS, Calendar


def calendar_of(key: str, *, year: int) -> Calendar:
    """The calendar called `key`, with holidays for HOLIDAY_YEARS_AHEAD years from `year`; `always` needs no row.

    Raises BusinessCalendar.DoesNotExist.
    """
    if key == ALWAYS.key:
        return ALWAYS
    return lookups.once(("calendar", key, year), lambda: _calendar_of(key, year))


def _calendar_of(key: str, year: int) -> Calendar:
    row = BusinessCalendar.objects.get(key=key)
    latest = row.history.values_list("history_id", flat=True).first()
    return _rules(key, latest, year + HOLIDAY_YEARS_AHEAD)


def calendar_keys() -> frozenset[str]:
    """Every name that a policy may use."""
    return frozenset({ALWAYS.key, *BusinessCalendar.objects.values_list("key", flat=True)})


@lru_cache(maxsize=256)
def _rules(key: str, edition: int | None, through_year: int) -> Calendar:
    """Kept as long as the calendar was not edited: its openings are laid out once."""
    return BusinessCalendar.objects.get(key=key).rules(through_year=through_year)
