"""The form of a calendar: hours as people write them, one line a day, and dates one per line."""

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from handoffs.models import BusinessCalendar
from handoffs.queries.calendars import edition_of
from handoffs.rules.calendar_words import DAYS, countries, regions_of
from handoffs.rules.calendars import CalendarInvalid, Hours

RESERVED_KEYS = ("always", "new")
MAX_DATES = 1_000
PLAIN_FIELDS = ("title", "time_zone", "country", "subdivision")


class CalendarForm(forms.Form):
    """What a manager may change of a calendar; `calendar` is the one to edit, or a new one."""

    key = forms.SlugField(max_length=64, label="Name in policies", help_text="Such as us-office; it stays as it is.")
    title = forms.CharField(max_length=200, label="Title")
    time_zone = forms.ChoiceField(label="Time zone", help_text="All hours below are on this zone's clock.")
    country = forms.ChoiceField(
        required=False, label="Public holidays of", help_text="Country codes, with the regions that have their own."
    )
    subdivision = forms.CharField(required=False, max_length=10, label="Region", help_text="Such as BE or NY.")
    closed_dates = forms.CharField(
        required=False,
        label="Also closed on",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Dates such as 2026-12-24, one per line.",
    )
    reason = forms.CharField(required=False, max_length=100, label="Why", help_text="Kept in the calendar's history.")
    edition = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, calendar: BusinessCalendar, **options: Any) -> None:
        self.calendar = calendar
        super().__init__(*args, **({"initial": _said(calendar)} | options))
        self.fields["time_zone"].choices = _zones()  # type: ignore[attr-defined]
        self.fields["country"].choices = [("", "No public holidays"), *countries()]  # type: ignore[attr-defined]
        if calendar.pk is not None:
            del self.fields["key"]
        for day, label in DAYS.items():
            self.fields[f"hours_{day}"] = forms.CharField(required=False, max_length=200, label=label)
        self.order_fields(["key", "title", "time_zone", *(f"hours_{day}" for day in DAYS)])
        self.fields["hours_mon"].help_text = "Such as 09:00-12:00, 13:00-17:00 or, over midnight, 22:00-06:00."

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if key in RESERVED_KEYS or BusinessCalendar.objects.filter(key=key).exists():
            raise ValidationError(f"There is a calendar {key} already. Choose another name.")
        return key

    def clean_closed_dates(self) -> list[date]:
        lines = [line for line in re.split(r"[\s,;]+", self.cleaned_data["closed_dates"]) if line]
        if len(lines) > MAX_DATES:
            raise ValidationError(f"Give {MAX_DATES} dates at most.")
        return sorted({_date(line) for line in lines})

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for day in DAYS:
            self._clean_hours(f"hours_{day}", cleaned)
        country, region = cleaned.get("country", ""), cleaned.get("subdivision", "")
        if region and region not in regions_of(country):
            known = ", ".join(regions_of(country)) or "none"
            self.add_error("subdivision", f"{country or 'No country'} has no region {region!r}. Known: {known}.")
        return cleaned

    def _clean_hours(self, name: str, cleaned: dict[str, Any]) -> None:
        written = [part.strip().replace("–", "-") for part in cleaned.get(name, "").split(",") if part.strip()]
        try:
            cleaned[name] = [_as_kept(part) for part in written]
        except CalendarInvalid as error:
            self.add_error(name, str(error))

    def filled(self) -> BusinessCalendar:
        """The calendar as the form has it, not kept yet."""
        calendar, cleaned = self.calendar, self.cleaned_data
        calendar.key = cleaned.get("key", calendar.key)
        for name in PLAIN_FIELDS:
            setattr(calendar, name, cleaned[name])
        calendar.closed_dates = cleaned["closed_dates"]
        calendar.weekly_hours = {day: cleaned[f"hours_{day}"] for day in DAYS if cleaned[f"hours_{day}"]}
        return calendar


def _said(calendar: BusinessCalendar) -> Mapping[str, Any]:
    """What the fields of the form begin with."""
    hours = {f"hours_{day}": ", ".join(calendar.weekly_hours.get(day, ())) for day in DAYS}
    plain = {name: getattr(calendar, name) for name in ("key", *PLAIN_FIELDS)}
    dates = "\n".join(one.isoformat() for one in calendar.closed_dates)
    edition = edition_of(calendar) if calendar.pk is not None else 0
    return {**plain, **hours, "closed_dates": dates, "edition": edition}


def _as_kept(part: str) -> str:
    hours = Hours.parse(part)
    return f"{hours.opens:%H:%M}-{hours.closes:%H:%M}"


def _date(line: str) -> date:
    try:
        return date.fromisoformat(line)
    except ValueError as error:
        raise ValidationError(f"{line!r} is no date; write 2026-12-24.") from error


@lru_cache
def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]
