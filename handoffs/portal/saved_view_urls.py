"""Addresses of saved views."""

from django.urls import path

from handoffs.portal import saved_views

urlpatterns = [
    path("views/", saved_views.save, name="save_view"),
    path("views/<int:view_id>/name/", saved_views.rename, name="rename_view"),
    path("views/<int:view_id>/default/", saved_views.default, name="default_view"),
    path("views/<int:view_id>/delete/", saved_views.delete, name="delete_view"),
]
