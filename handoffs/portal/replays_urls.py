"""The addresses of replays, nested by what they show."""

from typing import Any

from django.urls import include, path

from handoffs.portal import replays, replays_export, replays_load, replays_report

one: list[Any] = [
    path("", replays_report.report, name="replay_report"),
    path("progress/", replays.progress, name="replay_progress"),
    path("cases/", replays_report.cases, name="replay_cases"),
    path("cases/<int:position>/", replays_report.case, name="replay_case"),
    path("load/", replays_load.load_page, name="replay_load"),
    path("attempts.csv", replays_export.as_csv, name="replay_csv"),
    path("report.json", replays_export.as_json, name="replay_json"),
    path("cancel/", replays.cancel, name="replay_cancel"),
    path("forget/", replays.forget, name="replay_forget"),
]

urlpatterns = [
    path("", replays.replay_list, name="replays"),
    path("new/", replays.new, name="replay_new"),
    path("compare/", replays_report.compare, name="replay_compare"),
    path("<uuid:replay_id>/", include(one)),
]
