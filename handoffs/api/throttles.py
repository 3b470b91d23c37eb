"""How often one token may ask: counted in this process, so that no other service has to be there."""

import time
from threading import Lock

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

WINDOW_SECONDS = 60
MAX_COUNTED = 10_000

_lock = Lock()
_counts: dict[object, tuple[float, int]] = {}


class TokenThrottle(BaseThrottle):
    """At most HANDOFFS_API_REQUESTS_PER_MINUTE requests a minute and token, in each web process."""

    ends_at = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit: int = settings.HANDOFFS_API_REQUESTS_PER_MINUTE
        key = getattr(request.auth, "pk", None)
        if key is None or limit <= 0:
            return True
        self.ends_at, count = _count(key, time.monotonic())
        return count <= limit

    def wait(self) -> float:
        return max(1.0, self.ends_at - time.monotonic() + 1)


def forget_all() -> None:
    """Count from zero."""
    with _lock:
        _counts.clear()


def _count(key: object, now: float) -> tuple[float, int]:
    """When the window of `key` ends, and how many requests it has with this one."""
    with _lock:
        ends_at, count = _counts.get(key, (0.0, 0))
        if ends_at <= now:
            ends_at, count = now + WINDOW_SECONDS, 0
            if len(_counts) >= MAX_COUNTED:
                _counts.clear()
        _counts[key] = ends_at, count + 1
        return ends_at, count + 1
