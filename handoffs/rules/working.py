"""Time as it runs for people at work: seconds of their opening hours, with due times of another calendar laid on it."""

import math

from handoffs.rules.calendars import Calendar
from handoffs.rules.openings import SECOND

JUST_BEFORE_SECONDS = 1e-6
"""A due time that passes while people are away is over when they come back, not met at that moment."""


class WorkTime:
    """The hours of `people`, counted from `since` (microseconds since 1970); durations count in the hours of `sla`."""

    def __init__(self, people: Calendar, sla: Calendar, *, since: int) -> None:
        self.people, self.sla, self.since = people.openings, sla.openings, since
        self.same = people == sla

    def worked(self, at: int) -> float:
        """Seconds of work from the beginning until `at`, which is not earlier."""
        return self.people.between(self.since, at) / SECOND

    def due(self, seconds: int | None, at: int, worked: float) -> float:
        """When `seconds` after `at` have passed, in seconds of work; `worked` is `at` itself. Infinite for no limit."""
        if seconds is None:
            return math.inf
        if self.same:
            return worked + seconds
        return self.worked(self.sla.after(at, seconds * SECOND)) - JUST_BEFORE_SECONDS
