"""Addresses of what goes to automations, and of the endpoints that it goes to."""

from django.urls import path

from handoffs.portal import deliveries, endpoints

urlpatterns = [
    path("deliveries/", deliveries.deliveries_page, name="deliveries"),
    path("deliveries/replay/", deliveries.replay_range, name="replay_range"),
    path("deliveries/<uuid:delivery_id>/", deliveries.delivery_page, name="delivery"),
    path("deliveries/<uuid:delivery_id>/replay/", deliveries.replay, name="replay"),
    path("endpoints/<uuid:endpoint_id>/", endpoints.endpoint_page, name="endpoint"),
    path("endpoints/<uuid:endpoint_id>/test/", endpoints.try_out, name="try_endpoint"),
    path("endpoints/<uuid:endpoint_id>/switch/", endpoints.switch, name="switch_endpoint"),
    path("endpoints/<uuid:endpoint_id>/rotate/", endpoints.rotate, name="rotate_secret"),
    path("endpoints/<uuid:endpoint_id>/end-rotation/", endpoints.end_rotation, name="end_rotation"),
]
