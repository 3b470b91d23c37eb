"""Calendars in which SLA durations count; edited by administrators, with history."""

from datetime import date
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from simple_history.models import HistoricalRecords

from handoffs.rules.calendars import Calendar, CalendarInvalid, Hours, holiday_dates

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY_YEARS_AHEAD = 5


class BusinessCalendar(models.Model):
    """When a team works: weekly hours in a time zone, without the holidays of a country and own closed dates."""

    key = models.SlugField(max_length=64, unique=True, help_text="The name that policies use, such as us-office")
    title = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, help_text="IANA name, such as America/New_York")
    weekly_hours = models.JSONField(
        default=dict, help_text='Such as {"mon": ["09:00-12:00", "13:00-17:00"], "sat": ["22:00-06:00"]}'
    )
    country = models.CharField(max_length=2, blank=True, help_text="Its public holidays are closed (ISO code)")
    subdivision = models.CharField(max_length=10, blank=True)
    closed_dates = ArrayField(models.DateField(), default=list, blank=True)
    holidays_from_year = models.PositiveSmallIntegerField(default=2020)
    moving_from = models.UUIDField(
        null=True, editable=False, help_text="After an edit: the last open handoff whose due times were moved"
    )
    history = HistoricalRecords(excluded_fields=["moving_from"])

    class Meta:
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Refuse what is no calendar, with what to write instead."""
        unknown = sorted(set(self.weekly_hours) - set(WEEKDAYS))
        if unknown:
            raise ValidationError({"weekly_hours": f"Unknown day {unknown[0]!r}; days are {', '.join(WEEKDAYS)}."})
        if not any(self.weekly_hours.values()):
            raise ValidationError({"weekly_hours": "Give at least one day hours: a calendar must open."})
        try:
            self.rules(through_year=self.holidays_from_year)
        except CalendarInvalid as error:
            raise ValidationError(str(error)) from error

    def rules(self, *, through_year: int) -> Calendar:
        """The calendar as rules know it, with holidays up to `through_year`. Raises CalendarInvalid."""
        return Calendar(
            key=self.key,
            title=self.title,
            time_zone=self.time_zone,
            weekly=tuple(tuple(Hours.parse(text) for text in self.weekly_hours.get(day, ())) for day in WEEKDAYS),
            closed_dates=frozenset(self.closed_dates) | self._holidays(through_year),
        )

    def _holidays(self, through_year: int) -> frozenset[date]:
        if not self.country:
            return frozenset()
        years: Any = range(self.holidays_from_year, through_year + 1)
        return holiday_dates(self.country, self.subdivision or None, years)
