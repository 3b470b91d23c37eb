"""Which door stands behind which address."""

from django.contrib import admin
from django.urls import include, path, re_path

from config import health
from handoffs.api import problems, scrape

urlpatterns = [
    path("api/v1/", include("handoffs.api.urls")),  # first, as most who ask are programs
    path("healthz", health.process, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", scrape.metrics, name="scrape"),
    path("admin/", admin.site.urls),
    re_path("^api/", problems.no_such_address),
    path("accounts/", include("accounts.urls")),
    path("", include("handoffs.portal.urls")),
]

handler500 = health.server_error
