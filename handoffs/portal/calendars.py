"""The calendars that SLA durations count in: what they say, what the coming days look like, and edits of them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs import access
from handoffs.actions import calendars as actions
from handoffs.errors import Invalid, NotAllowed, NotPossibleNow
from handoffs.models import BusinessCalendar
from handoffs.portal.calendar_forms import CalendarForm
from handoffs.portal.doors import change, page
from handoffs.queries import calendars as queries
from handoffs.rules.calendar_words import DAYS
from handoffs.rules.calendars import CalendarInvalid

OFFICE_HOURS = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


@page
def calendars_page(request: HttpRequest) -> HttpResponse:
    """Every calendar, and who counts in it."""
    _check_manager(request)
    used = queries.workflows_by_calendar()
    rows = [{"calendar": one, "workflows": used.get(one.key, [])} for one in BusinessCalendar.objects.all()]
    return render(request, "calendars/list.html", {"rows": rows})


@page
def calendar_page(request: HttpRequest, key: str) -> HttpResponse:
    """One calendar: hours, the next two weeks, who counts in it, and how it came to be so."""
    _check_manager(request)
    calendar, now = queries.calendar_called(key), timezone.now()
    values = {
        "calendar": calendar,
        "week": [(label, calendar.weekly_hours.get(day, ())) for day, label in DAYS.items()],
        "days": queries.preview(calendar, now=now),
        "workflows": list(queries.workflows_in(key)),
        "open_count": queries.open_count(key),
        "edits": queries.edits_of(calendar),
        "may_edit": access.may_edit_calendar(_person(request), key),
        "now": now,
    }
    return render(request, "calendars/show.html", values)


@change
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change a calendar; with *Preview*, look at what would be."""
    _check_manager(request)
    calendar = queries.calendar_called(key)
    if not access.may_edit_calendar(_person(request), key):
        raise NotAllowed("A workflow that you do not manage counts in this calendar, too. Ask an administrator.")
    return _edited(request, calendar)


@change
def new(request: HttpRequest) -> HttpResponse:
    """Make a calendar."""
    _check_manager(request)
    zone = _person(request).time_zone
    return _edited(request, BusinessCalendar(time_zone=zone, weekly_hours=OFFICE_HOURS))


def _edited(request: HttpRequest, calendar: BusinessCalendar) -> HttpResponse:
    if request.method != "POST":
        return _form(request, CalendarForm(calendar=calendar))
    form = CalendarForm(request.POST, calendar=calendar)
    if not form.is_valid():
        return _form(request, form, status=400)
    if request.POST.get("do") == "preview":
        return _previewed(request, form)
    return _kept(request, form)


def _kept(request: HttpRequest, form: CalendarForm) -> HttpResponse:
    said = form.cleaned_data
    try:
        calendar = actions.edit(
            form.filled(), by=_person(request), edition=said["edition"], reason=said["reason"], now=timezone.now()
        )
    except ValidationError as error:
        return _form(request, _refused(form, error.messages), status=400)
    except Invalid as error:
        return _form(request, _refused(form, [error.message]), status=400)
    except NotPossibleNow as error:
        return _form(request, _refused(form, [error.message]), status=409)
    messages.success(request, f"Kept {calendar.title}. Due times of open handoffs move within seconds.")
    return redirect("calendar", calendar.key)


def _previewed(request: HttpRequest, form: CalendarForm) -> HttpResponse:
    try:
        days = queries.preview(form.filled(), now=timezone.now())
    except CalendarInvalid as error:
        return _form(request, _refused(form, [error.message]), status=400)
    return _form(request, form, days=days)


def _refused(form: CalendarForm, reasons: list[str]) -> CalendarForm:
    for reason in reasons:
        form.add_error(None, reason)
    return form


def _form(request: HttpRequest, form: CalendarForm, *, days: Any = None, status: int = 200) -> HttpResponse:
    values = {"form": form, "days": days, "is_new": form.calendar.pk is None, "calendar": form.calendar}
    return render(request, "calendars/edit.html", values, status=status)


def _check_manager(request: HttpRequest) -> None:
    if not access.is_manager(_person(request)):
        raise NotAllowed("Calendars are for managers and administrators.")


def _person(request: HttpRequest) -> Any:
    return request.user
