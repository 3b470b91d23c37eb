"""The outbox: leased by one worker at a time, in order, tried again, parked, and never lost."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from handoffs.actions import delivery
from handoffs.actions.delivery import LEASE
from handoffs.choices import DeliveryState, Event, RecoveryState
from handoffs.models import Delivery, DeliveryTry, Endpoint, Recovery
from handoffs.rules.deliveries import SCHEDULE, Exchange, delay_before
from tests.factories import SECRET, EndpointFactory, HandoffFactory
from tests.refusals import everything

pytestmark = pytest.mark.django_db
DONE, BUSY = Exchange(status=200, duration_ms=12), Exchange(status=503, error="", duration_ms=7)
OFF, CLOSED = Exchange(status=410), Exchange(status=None, error="10.0.0.1 is closed to webhooks", refused=True)
ENDPOINT = "http://127.0.0.1:9/endpoint"


@pytest.fixture
def handoff(db):
    return HandoffFactory(resolved=True)


@pytest.fixture
def now(handoff):
    """After everything that the handoff had to tell was queued."""
    return timezone.now()


def _try(exchange, now):
    """Lease what is due and let every try end in `exchange`."""
    leased = delivery.lease(now=now)
    for one in leased:
        delivery.finish(one, exchange, now=now)
    return len(leased)


def _trail(handoff):
    rows = handoff.history.filter(event__in=[Event.DECISION_DELIVERED, Event.DELIVERY_PARKED])
    return [(row.event, row.actor_kind, row.reason, row.details["attempts"]) for row in rows]


# --- leases ---------------------------------------------------------------------------------------------------------


def test_who_leases_a_message_has_it_alone_until_the_lease_ends(now):
    leased = delivery.lease(now=now)
    message = Delivery.objects.get()
    assert [one.delivery_id for one in leased] == [message.pk]
    assert (message.lease_token, message.next_attempt_at, message.state) == (leased[0].token, now + LEASE, "queued")
    assert delivery.lease(now=now + LEASE - timedelta(microseconds=1)) == []
    assert [one.delivery_id for one in delivery.lease(now=now + LEASE)] == [message.pk]


def test_the_message_id_stays_the_same_for_every_worker(now):
    first, second = delivery.lease(now=now), delivery.lease(now=now + LEASE)
    assert first[0].webhook_id == second[0].webhook_id == Delivery.objects.get().webhook_id
    assert first[0].token != second[0].token


def test_what_is_not_due_is_left_alone(now):
    Delivery.objects.update(next_attempt_at=now + timedelta(seconds=1))
    assert delivery.lease(now=now) == []


def test_a_worker_that_lost_its_lease_writes_nothing(now):
    slow = delivery.lease(now=now)[0]
    delivery.lease(now=now + LEASE)
    before = everything()
    delivery.finish(slow, DONE, now=now + LEASE)
    assert everything() == before


def test_a_worker_that_comes_too_late_writes_nothing_though_nobody_else_has_the_lease(now):
    slow = delivery.lease(now=now)[0]
    _try(DONE, now + LEASE)
    before = everything()
    delivery.finish(slow, BUSY, now=now + 2 * LEASE)
    assert everything() == before


def test_messages_to_one_address_wait_for_those_before(now, handoff, ann):
    EndpointFactory(event_types=["handoff.opened", "handoff.accepted", "handoff.resolved"], url=ENDPOINT)
    HandoffFactory(resolved=True, callback_url="")
    Delivery.objects.filter(handoff=handoff).delete()
    later = timezone.now()
    order = []
    for _ in range(3):
        leased = delivery.lease(now=later)
        order += [Delivery.objects.get(pk=one.delivery_id).event_type for one in leased]
        for one in leased:
            delivery.finish(one, DONE, now=later)
    assert order == ["handoff.opened", "handoff.accepted", "handoff.resolved"]


def test_a_message_that_is_tried_again_holds_back_only_its_own_handoff(now, handoff):
    other = HandoffFactory(returned=True)
    _try(BUSY, timezone.now())
    Delivery.objects.update(next_attempt_at=now)
    assert {one.delivery_id for one in delivery.lease(now=timezone.now())} == {
        handoff.deliveries.get().pk,
        other.deliveries.get().pk,
    }


# --- what follows from a try ----------------------------------------------------------------------------------------


def test_a_2xx_delivers_the_decision(now, handoff):
    assert _try(DONE, now) == 1
    message, recovery = Delivery.objects.get(), Recovery.objects.get()
    assert (
        message.state,
        message.delivered_at,
        message.attempts_made,
        message.next_attempt_at,
        message.lease_token,
    ) == (
        DeliveryState.DELIVERED,
        now,
        1,
        None,
        None,
    )
    assert (recovery.state, recovery.delivered_at) == (RecoveryState.DELIVERED, now)
    assert _trail(handoff) == [(Event.DECISION_DELIVERED, "clock", "", 1)]
    assert _try(DONE, now + LEASE) == 0


def test_a_failure_is_tried_again_later_and_every_try_is_kept(now):
    _try(BUSY, now)
    message = Delivery.objects.get()
    assert (message.state, message.attempts_made, message.lease_token) == (DeliveryState.QUEUED, 1, None)
    assert message.next_attempt_at == now + delay_before(2, delivery_id=str(message.pk))
    _try(DONE, message.next_attempt_at)
    kept = list(DeliveryTry.objects.values_list("number", "status", "duration_ms"))
    assert kept == [(1, 503, 7), (2, 200, 12)]


def test_a_receiver_may_ask_for_more_time(now):
    _try(Exchange(status=429, retry_after="600"), now)
    assert Delivery.objects.get().next_attempt_at == now + timedelta(seconds=600)


def test_after_the_last_try_it_is_parked_with_the_reason(now, handoff):
    for _ in SCHEDULE:
        now = max(now, Delivery.objects.get().next_attempt_at)
        assert _try(BUSY, now) == 1
    message = Delivery.objects.get()
    assert (message.state, message.next_attempt_at, message.parked_at, message.attempts_made) == (
        DeliveryState.PARKED,
        None,
        now,
        len(SCHEDULE),
    )
    assert message.parked_reason.startswith("Given up after 12 tries. Answered 503 Service Unavailable")
    assert Recovery.objects.get().state == RecoveryState.PARKED
    assert _trail(handoff) == [(Event.DELIVERY_PARKED, "clock", message.parked_reason, 12)]


def test_an_address_that_is_closed_to_webhooks_is_parked_at_once(now):
    _try(CLOSED, now)
    message = Delivery.objects.get()
    assert (message.state, message.parked_reason, message.attempts_made) == (DeliveryState.PARKED, CLOSED.error, 1)


def test_410_switches_the_endpoint_off(now):
    endpoint = EndpointFactory(event_types=["handoff.accepted"])
    HandoffFactory(accepted=True)
    later = timezone.now()
    _try(OFF, later)
    endpoint = Endpoint.objects.get(pk=endpoint.pk)
    assert endpoint.switched_off_at == later
    assert endpoint.switched_off_reason.startswith("Answered 410 Gone")
    HandoffFactory(accepted=True)
    kept = Delivery.objects.filter(endpoint=endpoint).order_by("created_at").values_list("state", "parked_reason")
    assert list(kept)[1:] == [("parked", "The endpoint is switched off")]


def test_410_of_a_callback_parks_the_decision(now):
    _try(OFF, now)
    assert (Delivery.objects.get().state, Recovery.objects.get().state) == (DeliveryState.PARKED, RecoveryState.PARKED)


def test_a_receipt_that_was_quicker_than_the_answer_stands(now, handoff):
    leased = delivery.lease(now=now)[0]
    Recovery.objects.update(state=RecoveryState.APPLIED, received_at=now, delivered_at=now)
    delivery.finish(leased, DONE, now=now)
    assert (Recovery.objects.get().state, Delivery.objects.get().state) == ("applied", "delivered")
    assert _trail(handoff) == []


# --- over the wire --------------------------------------------------------------------------------------------------


def _to(httpserver, **wishes):
    return HandoffFactory(resolved=True, callback_url=httpserver.url_for("/hook"), **wishes)


@pytest.fixture
def server(httpserver, workflow):
    workflow.allowed_hosts = [f"{httpserver.host}:{httpserver.port}", httpserver.host]
    workflow.save()
    return httpserver


def test_a_receiver_can_verify_what_it_is_sent(server):
    server.expect_request("/hook", method="POST").respond_with_data("", status=204)
    _to(server)
    assert delivery.drain(clock=timezone.now) == 1
    request, _ = server.log[0]
    message = Delivery.objects.get()
    assert (
        Webhook(_secret_of(message)).verify(request.get_data(), dict(_lower(request.headers)))["data"]["state"]
        == "resolved"
    )
    assert (request.headers["webhook-id"], message.state) == (message.webhook_id, "delivered")


def _secret_of(message):
    return message.handoff.workflow.callback_secret


def _lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def test_while_a_secret_is_rotated_both_verify(server):
    server.expect_request("/endpoint", method="POST").respond_with_data("")
    old = "whsec_" + "REVGMTIz" * 4
    EndpointFactory(url=server.url_for("/endpoint"), previous_secret=old, event_types=["handoff.resolved"])
    HandoffFactory(resolved=True, callback_url="")
    delivery.drain(clock=timezone.now)
    request, _ = server.log[0]
    for secret in (SECRET, old):
        assert Webhook(secret).verify(request.get_data(), dict(_lower(request.headers)))["type"] == "handoff.resolved"


def test_numbers_travel_with_all_their_digits(server):
    server.expect_request("/hook", method="POST").respond_with_data("")
    _to(server, data={"amount": Decimal("1200.10")})
    delivery.drain(clock=timezone.now)
    assert b'"value": 1200.10,' in server.log[0][0].get_data()


def test_one_message_that_cannot_be_signed_does_not_stop_the_others(server):
    server.expect_request("/hook", method="POST").respond_with_data("")
    EndpointFactory(secret="whsec_%%%", event_types=["handoff.accepted"])
    _to(server)
    delivery.drain(clock=timezone.now)
    states = dict(Delivery.objects.values_list("event_type", "state"))
    assert states == {"handoff.accepted": "parked", "handoff.resolved": "delivered"}


def test_what_nobody_could_verify_is_not_sent(server, workflow):
    _to(server)
    workflow.callback_secret = ""
    workflow.save()
    delivery.drain(clock=timezone.now)
    assert (Delivery.objects.get().state, server.log) == ("parked", [])


def test_a_drain_goes_on_until_nothing_is_due(server):
    server.expect_request("/hook", method="POST").respond_with_data("")
    for _ in range(delivery.BATCH_ROWS + 2):
        _to(server)
    assert delivery.drain(clock=timezone.now) == delivery.BATCH_ROWS + 2
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
