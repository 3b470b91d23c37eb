"""Addresses of the pages on which past handoffs are brought in."""

from django.urls import path

from handoffs.portal import imports

urlpatterns = [
    path("imports/", imports.start, name="imports"),
    path("imports/<uuid:import_id>/", imports.show, name="import"),
    path("imports/<uuid:import_id>/progress/", imports.progress, name="import_progress"),
    path("imports/<uuid:import_id>/go-on/", imports.go_on, name="import_go_on"),
    path("imports/<uuid:import_id>/discard/", imports.discard, name="import_discard"),
]
