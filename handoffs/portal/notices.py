"""The inbox of notices, and what one may say about being told: away, quiet hours, mail."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from handoffs import access
from handoffs.actions import availability, notifications
from handoffs.choices import NoticeKind
from handoffs.errors import Invalid
from handoffs.models import Absence
from handoffs.portal.doors import move, page
from handoffs.portal.forms import AbsenceForm, NoticeSettingsForm
from handoffs.queries import notices, team

ICONS = {
    "reminder": "bell",
    "escalated": "arrow-up",
    "cut_off": "hourglass",
    "given_back": "log-out",
    "assigned": "user-check",
    "covered": "users",
    "receipt_overdue": "triangle-alert",
    "delivery_parked": "triangle-alert",
    "empty_role": "triangle-alert",
    "stepped_back": "undo-2",
}


@page
def inbox(request: HttpRequest) -> HttpResponse:
    """What the reader was told, newest first."""
    now = timezone.now()
    unread_only = request.GET.get("show") == "unread"
    number = int(request.GET["page"]) if request.GET.get("page", "").isdecimal() else 1
    rows, has_more = notices.inbox_of(
        _person(request), access.handoffs_for(_person(request)), unread_only=unread_only, page=number
    )
    shown = [{**vars(row), "icon": ICONS[row.kind]} for row in rows]
    older = f"?{'show=unread&' if unread_only else ''}page={number + 1}" if has_more else ""
    values = {"rows": shown, "unread_only": unread_only, "older": older, "newer": number > 1, "now": now}
    return render(request, "notices.html", values)


@page
def notice(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Count it as read and open its handoff."""
    found = notices.notice_for(_person(request), notice_id)
    notifications.mark_read(found, now=timezone.now())
    if found.kind == NoticeKind.STEPPED_BACK and access.is_manager(_person(request)):
        return redirect("rollout", found.handoff.workflow.key)
    return redirect("case", found.handoff_id)


@move
def read(request: HttpRequest, notice_id: uuid.UUID) -> HttpResponse:
    """Count one as read."""
    notifications.mark_read(notices.notice_for(_person(request), notice_id), now=timezone.now())
    return redirect("notices")


@move
def read_all(request: HttpRequest) -> HttpResponse:
    """Count all as read that the page showed, and not what came since."""
    now = timezone.now()
    until = parse_datetime(request.POST.get("until", "")) or now
    count = notifications.mark_all_read(_person(request), until=until, now=now)
    messages.success(request, f"{count} marked as read." if count else "Nothing was unread.")
    return redirect("notices")


@page
def being_told(request: HttpRequest) -> HttpResponse:
    """How the reader is told, when they are away, and who covers."""
    return _being_told(request)


@move
def keep_settings(request: HttpRequest) -> HttpResponse:
    """Save mail and quiet hours."""
    form = NoticeSettingsForm(request.POST, person=_person(request))
    if not form.is_valid():
        return _being_told(request, settings=form, status=400)
    notifications.save_settings(form.instance)
    messages.success(request, "Saved how you are told.")
    return redirect("being_told")


@move
def go_away(request: HttpRequest) -> HttpResponse:
    """Note an absence and who covers."""
    person = _person(request)
    form = AbsenceForm(request.POST, person=person)
    if not form.is_valid():
        return _being_told(request, absence=form, status=400)
    try:
        availability.go_away(person, **form.cleaned_data, now=timezone.now())
    except Invalid as error:
        for mistake in error.mistakes:
            form.add_error(mistake.pointer.removeprefix("/"), mistake.detail)
        return _being_told(request, absence=form, status=400)
    messages.success(request, "Your absence is noted. What you hold is handed over when it begins.")
    return redirect("being_told")


@move
def come_back(request: HttpRequest, absence_id: int) -> HttpResponse:
    """End an absence, or take a planned one back."""
    absence = Absence.objects.filter(pk=absence_id, person=request.user).first()  # type: ignore[misc]
    if absence is not None:
        availability.come_back(absence, now=timezone.now())
        messages.success(request, "You are available.")
    return redirect("being_told")


def _being_told(request: HttpRequest, *, settings: Any = None, absence: Any = None, status: int = 200) -> HttpResponse:
    now, person = timezone.now(), _person(request)
    values = {
        "settings_form": settings or NoticeSettingsForm(person=person),
        "absence_form": absence or AbsenceForm(person=person),
        "absences": team.absences_of(person, now=now),
        "now": now,
        "back": reverse("notices"),
    }
    return render(request, "being_told.html", values, status=status)


def _person(request: HttpRequest) -> Any:
    return request.user
