"""Which address a line of the log names."""

import pytest
import structlog
from django.test import RequestFactory

from config.middleware import RequestLog

FORWARDED = {"HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.7", "REMOTE_ADDR": "10.0.0.1"}


@pytest.mark.parametrize(
    ("header", "address"),
    [(None, "10.0.0.1"), (("HTTP_X_FORWARDED_PROTO", "https"), "203.0.113.7")],
    ids=["nobody in between", "behind a proxy"],
)
def test_only_what_the_proxy_saw_is_believed(settings, header, address):
    settings.SECURE_PROXY_SSL_HEADER = header
    with structlog.contextvars.bound_contextvars():
        RequestLog.bind_ip(RequestFactory().get("/", **FORWARDED))
        assert structlog.contextvars.get_contextvars()["ip"] == address
    structlog.contextvars.clear_contextvars()
