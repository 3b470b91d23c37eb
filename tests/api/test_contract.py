"""The desk held against its own OpenAPI document: random requests, no error of ours, every answer as described."""

import time

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS

from config.wsgi import application
from handoffs.api import waiting
from tests.factories import HandoffFactory, lea, matcher, token_of, workflow

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
EXAMPLES = 25
HELD = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
]


def _operations():
    document = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture(autouse=True)
def _one_connection():
    """The end of a request does not close the connection on whose transaction the test rests."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class _QuickClock:
    """Whoever sleeps by it has slept at once."""

    slept = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.fixture(autouse=True)
def _quick_long_polls(monkeypatch):
    monkeypatch.setattr(waiting, "time", _QuickClock())
    monkeypatch.setattr(waiting, "_watch", waiting._Watch())


@pytest.fixture(params=["automation", "person"])
def token(request):
    """Of somebody who has something to look at."""
    workflow()
    HandoffFactory()
    HandoffFactory(resolved=True)
    return token_of(matcher() if request.param == "automation" else lea())


@pytest.mark.parametrize("operation", _operations(), ids=lambda operation: operation.label)
def test_no_request_breaks_the_contract(operation, token):
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def hold(case):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        case.call_and_validate(checks=[CHECKS.get_one(name) for name in HELD])

    hold()
