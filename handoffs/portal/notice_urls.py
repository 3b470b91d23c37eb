"""Addresses of notices, and of how one is told."""

from django.urls import path

from handoffs.portal import notices

urlpatterns = [
    path("notices/", notices.inbox, name="notices"),
    path("notices/read/", notices.read_all, name="read_all_notices"),
    path("notices/<uuid:notice_id>/", notices.notice, name="notice"),
    path("notices/<uuid:notice_id>/read/", notices.read, name="read_notice"),
    path("being-told/", notices.being_told, name="being_told"),
    path("being-told/settings/", notices.keep_settings, name="keep_notice_settings"),
    path("being-told/away/", notices.go_away, name="go_away"),
    path("being-told/away/<int:absence_id>/end/", notices.come_back, name="come_back"),
]
