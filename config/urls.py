"""Which door stands behind which address."""

from pathlib import Path

from django.contrib import admin
from django.urls import include, path, re_path

from config import health
from handoffs.api import problems

BASE_DIR = Path(__file__).resolve().parent.parent
DOORS = {"accounts/": "accounts.urls", "api/v1/": "handoffs.api.urls", "": "handoffs.portal.urls"}

urlpatterns = [
    path("healthz", health.process, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("admin/", admin.site.urls),
    re_path("^api/(?!v1/)", problems.no_such_address),
    *(path(at, include(door)) for at, door in DOORS.items() if (BASE_DIR / f"{door.replace('.', '/')}.py").exists()),
]

handler500 = health.server_error
