"""`/metrics` for a monitor, in the text format of Prometheus, for who holds the token or calls from its address."""

import hmac
import ipaddress
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from handoffs.queries.metrics.gauges import gauges


class Desk(Collector):
    """Asks the database when it is scraped; nothing is counted in the process."""

    def collect(self) -> Iterator[Any]:
        for gauge in gauges(now=timezone.now()):
            names = list(gauge.values[0][0]) if gauge.values else []
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=names)
            for labels, value in gauge.values:
                family.add_metric([labels[name] for name in names], value)
            yield family


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The gauges; a person who typed the address is led to the page of the numbers."""
    if not _may_scrape(request):
        if "text/html" in request.headers.get("Accept", ""):
            return redirect("metrics")
        return HttpResponse(
            "Set HANDOFFS_METRICS_TOKEN and send it as a bearer token, or list your address in "
            "HANDOFFS_METRICS_ADDRESSES.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Desk())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.HANDOFFS_METRICS_TOKEN
    if token and kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
        return True
    return _is_listed(request.META.get("REMOTE_ADDR", ""))


def _is_listed(address: str) -> bool:
    """Whether the address that connected (never one that a header names) is in one of the listed networks."""
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(caller in network for network in settings.HANDOFFS_METRICS_ADDRESSES)
