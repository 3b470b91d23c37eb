"""Which door stands behind which address."""

from django.contrib import admin
from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.process, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("api/v1/", include("handoffs.api.urls")),
    path("", include("handoffs.portal.urls")),
]

handler500 = health.server_error
