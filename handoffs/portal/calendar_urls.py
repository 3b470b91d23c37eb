"""Addresses of the calendars."""

from django.urls import path

from handoffs.portal import calendars

urlpatterns = [
    path("calendars/", calendars.calendars_page, name="calendars"),
    path("calendars/new/", calendars.new, name="new_calendar"),
    path("calendars/<slug:key>/", calendars.calendar_page, name="calendar"),
    path("calendars/<slug:key>/edit/", calendars.edit, name="edit_calendar"),
]
