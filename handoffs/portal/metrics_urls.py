"""Addresses of the numbers."""

from django.urls import path

from handoffs.portal.metrics import behind, files, pages

urlpatterns = [
    path("metrics/", pages.overview, name="metrics"),
    path("metrics/compare/", pages.compare, name="metrics_compare"),
    path("metrics/handoffs/", behind.handoffs, name="metrics_handoffs"),
    path("metrics/handoffs.csv", files.handoffs_csv, name="metrics_handoffs_csv"),
    path("metrics/table.csv", files.table_csv, name="metrics_table_csv"),
    path("metrics/workflows/<slug:key>/", pages.workflow, name="metrics_workflow"),
]
