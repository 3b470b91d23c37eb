"""Addresses of the pages on which a workflow's triggers are judged and changed."""

from django.urls import path

from handoffs.portal import tuning

urlpatterns = [
    path("tuning/", tuning.start, name="tuning"),
    path("tuning/<slug:key>/", tuning.workflow_page, name="tuning_workflow"),
    path("tuning/<slug:key>/behind/", tuning.behind_page, name="tuning_behind"),
    path("tuning/<slug:key>/change/", tuning.change, name="tuning_change"),
]
