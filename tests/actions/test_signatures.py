"""What the outbox sends can be verified by a library that knows nothing of the desk, and by the specification alone."""

import base64
import hashlib
import hmac
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from handoffs.actions import delivery
from tests.factories import SECRET, EndpointFactory, HandoffFactory

pytestmark = pytest.mark.django_db
OTHER_SECRET = "whsec_" + "REVGMTIz" * 4


@pytest.fixture
def message(httpserver):
    """The body and headers of one message as they arrived over HTTP."""
    httpserver.expect_request("/endpoint", method="POST").respond_with_data("")
    EndpointFactory(url=httpserver.url_for("/endpoint"), event_types=["handoff.resolved"])
    HandoffFactory(resolved=True, callback_url="", data={"vendor": "Añejo & Söhne <ü>", "amount": "1200.10"})
    delivery.drain(clock=timezone.now)
    request, _ = httpserver.log[0]
    return request.get_data(), {name.lower(): value for name, value in request.headers.items()}


def test_the_reference_library_takes_it(message):
    body, headers = message
    assert Webhook(SECRET).verify(body, headers)["type"] == "handoff.resolved"


def test_the_signature_is_that_of_the_specification(message):
    """Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body` with what stands behind whsec_, as base64."""
    body, headers = message
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"].split(" ") == [f"v1,{expected}"]


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "webhook-signature", "body", "secret"])
def test_the_reference_library_refuses_it_once_anything_is_changed(message, changed):
    body, headers = message
    secret = OTHER_SECRET if changed == "secret" else SECRET
    if changed == "body":
        body = body.replace(b"resolved", b"reversed")
    elif changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) + 1)
    elif changed != "secret":
        head, one, rest = headers[changed][:3], headers[changed][3], headers[changed][4:]
        headers[changed] = f"{head}{'B' if one == 'A' else 'A'}{rest}"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


def test_the_reference_library_refuses_it_when_it_is_old(message):
    body, headers = message
    with time_machine.travel(timezone.now() + timedelta(minutes=6)), pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)
