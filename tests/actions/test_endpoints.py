"""Endpoints that fail, are switched off and on again, and change their secrets: nothing that they miss is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from handoffs.actions import delivery, endpoints, replay_deliveries
from handoffs.actions.endpoints import CATCH_UP_AT_LEAST, FAILS_FOR, NotRotating, NotSwitchedOff
from handoffs.choices import Event, NoticeKind
from handoffs.models import Delivery, Endpoint, Notification, Recovery
from handoffs.rules.deliveries import SCHEDULE, Exchange
from tests.factories import SECRET, EndpointFactory, HandoffFactory

pytestmark = pytest.mark.django_db
DONE, BUSY = Exchange(status=204, duration_ms=9), Exchange(status=503, duration_ms=7)


def _all(exchange, now):
    leased = delivery.lease(now=now)
    for one in leased:
        delivery.finish(one, exchange, now=now)
    return len(leased)


def _decided(**wishes):
    return HandoffFactory(resolved=True, callback_url="", **wishes)


# --- failing --------------------------------------------------------------------------------------------------------


def test_since_when_every_try_fails_is_remembered_and_forgotten_with_the_first_that_goes_well():
    endpoint = EndpointFactory()
    _decided()
    first = timezone.now()
    _all(BUSY, first)
    later = first + timedelta(minutes=1)
    _all(BUSY, later)
    endpoint.refresh_from_db()
    assert endpoint.failing_since == first
    _all(DONE, later + timedelta(minutes=1))
    endpoint.refresh_from_db()
    assert (endpoint.failing_since, Delivery.objects.get().state) == (None, "delivered")


def test_after_days_of_failure_it_is_switched_off_and_the_managers_are_told_once(lea):
    endpoint = EndpointFactory()
    _decided()
    now = timezone.now()
    Endpoint.objects.update(failing_since=now - FAILS_FOR + timedelta(seconds=1))
    assert endpoints.give_up_on_failing(now=now) == 0
    now += timedelta(seconds=1)
    assert [endpoints.give_up_on_failing(now=now), endpoints.give_up_on_failing(now=now)] == [1, 0]
    endpoint.refresh_from_db()
    assert (endpoint.switched_off_at, endpoint.switched_off_reason) == (now, "Every try failed for 5 days")
    told = Notification.objects.filter(kind=NoticeKind.ENDPOINT_OFF, channel="in_app")
    assert [(one.person, endpoint.url in one.title) for one in told] == [(lea, True)]
    history = [(row.history_change_reason, row.history_user) for row in endpoint.history.all()]
    assert history[0] == ("Switched off: Every try failed for 5 days", None)


# --- off, and on again ----------------------------------------------------------------------------------------------


def test_what_it_misses_while_it_is_off_is_kept_and_sent_in_order_when_it_is_on_again(lea):
    endpoint = EndpointFactory(event_types=["handoff.accepted", "handoff.resolved"])
    endpoints.switch_off(endpoint, by=lea, reason="Moving house", now=timezone.now())
    handoff = _decided()
    assert [(d.state, d.parked_reason) for d in Delivery.objects.all()] == [
        ("parked", "The endpoint is switched off")
    ] * 2
    assert (Recovery.objects.get().state, delivery.lease(now=timezone.now())) == ("parked", [])
    endpoints.switch_on(endpoint, by=lea, now=timezone.now())
    assert endpoints.catch_up(now=timezone.now()) == 2
    assert Recovery.objects.get().state == "awaiting"
    order = []
    for _ in range(2):
        leased = delivery.lease(now=timezone.now())
        order += [Delivery.objects.get(pk=one.delivery_id).event_type for one in leased]
        delivery.finish_all([(one, DONE) for one in leased], now=timezone.now())
    assert order == ["handoff.accepted", "handoff.resolved"]
    assert (Recovery.objects.get().state, handoff.history.filter(event=Event.DELIVERY_REPLAYED).count()) == (
        "delivered",
        2,
    )


def test_catching_up_ends_only_when_nobody_can_still_believe_it_off(lea, workflow):
    endpoint = EndpointFactory()
    now = timezone.now()
    endpoints.switch_off(endpoint, by=lea, reason="", now=now)
    endpoints.switch_on(endpoint, by=lea, now=now)
    endpoints.catch_up(now=now + CATCH_UP_AT_LEAST - timedelta(seconds=1))
    endpoint.refresh_from_db()
    assert endpoint.catching_up_since == now
    endpoints.catch_up(now=now + CATCH_UP_AT_LEAST)
    endpoint.refresh_from_db()
    assert endpoint.catching_up_since is None
    with pytest.raises(NotSwitchedOff):
        endpoints.switch_on(endpoint, by=lea, now=now)


def test_what_still_waits_for_an_endpoint_that_is_switched_off_is_parked_without_a_call(lea):
    endpoint = EndpointFactory(url="http://127.0.0.1:9/nobody")
    _decided()
    _all(BUSY, timezone.now())
    endpoints.switch_off(endpoint, by=lea, reason="Broken", now=timezone.now())
    delivery.drain(clock=timezone.now)
    found = Delivery.objects.get()
    assert (found.state, found.parked_reason) == ("parked", "The endpoint is switched off")
    assert Recovery.objects.get().state == "parked"
    assert not Notification.objects.filter(kind=NoticeKind.DELIVERY_PARKED).exists()


# --- sending again --------------------------------------------------------------------------------------------------


def test_what_is_sent_again_keeps_its_id_and_has_the_whole_schedule_before_it(lea):
    handoff = HandoffFactory(resolved=True)
    now = timezone.now()
    for _ in SCHEDULE:
        now = max(now, Delivery.objects.get().next_attempt_at)
        _all(BUSY, now)
    parked = Delivery.objects.get()
    assert (parked.state, Recovery.objects.get().state) == ("parked", "parked")
    assert replay_deliveries.replay(parked, by=lea, now=now)
    _all(BUSY, now)
    again = Delivery.objects.get()
    assert (again.state, again.attempts_made, again.webhook_id) == ("queued", len(SCHEDULE) + 1, parked.webhook_id)
    assert again.next_attempt_at - now < timedelta(seconds=7)
    _all(DONE, again.next_attempt_at)
    assert (Delivery.objects.get().state, Recovery.objects.get().state) == ("delivered", "delivered")
    row = handoff.history.get(event=Event.DELIVERY_REPLAYED)
    assert (row.actor_name, row.details["webhook_id"]) == ("Lea", parked.webhook_id)


def test_what_is_on_its_way_is_not_sent_again(lea):
    HandoffFactory(resolved=True)
    delivery.lease(now=timezone.now())
    assert not replay_deliveries.replay(Delivery.objects.get(), by=lea, now=timezone.now())
    assert not Delivery.objects.get().handoff.history.filter(event=Event.DELIVERY_REPLAYED).exists()


# --- secrets, and trying out ----------------------------------------------------------------------------------------


def _verifies(request, secret):
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        return Webhook(secret).verify(request.get_data(), headers)["type"] == "endpoint.test"
    except WebhookVerificationError:
        return False


def test_two_secrets_sign_during_rotation_and_one_after(httpserver, lea, workflow):
    httpserver.expect_request("/endpoint", method="POST").respond_with_data("thanks")
    endpoint = EndpointFactory(url=httpserver.url_for("/endpoint"))
    fresh = endpoints.rotate(endpoint, by=lea, now=timezone.now())
    tested = endpoints.try_out(Endpoint.objects.get(), now=timezone.now())
    assert (tested.exchange.status, tested.exchange.response_snippet, tested.went_well) == (200, "thanks", True)
    assert "webhook-signature" not in tested.headers
    assert [_verifies(httpserver.log[0][0], secret) for secret in (fresh, SECRET)] == [True, True]
    endpoints.end_rotation(endpoint, by=lea)
    endpoints.try_out(Endpoint.objects.get(), now=timezone.now())
    assert [_verifies(httpserver.log[1][0], secret) for secret in (fresh, SECRET)] == [True, False]
    with pytest.raises(NotRotating):
        endpoints.end_rotation(endpoint, by=lea)
    assert not Delivery.objects.exists()
    assert fresh not in str(list(endpoint.history.values()))


# --- many runs at one address ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [{"returned": True}, {"withdrawn": True}, {"resolved": True}])
@pytest.mark.parametrize("callback", ["http://127.0.0.1:9/hook", ""])
def test_every_run_that_waits_at_one_address_is_told_by_its_own_id(end, callback):
    if not callback:
        EndpointFactory()
    handoff = HandoffFactory(callback_url=callback, correlation_id="run-1", reference="INV-77")
    from tests.factories import ann, decide, lifecycle, matcher, post

    post(reference="INV-77", callback_url=callback, correlation_id="run-2", document_ids=())
    now = timezone.now()
    if "withdrawn" in end:
        lifecycle.withdraw(handoff, actor=matcher(), reason="Paid", now=now)
    else:
        held = lifecycle.accept(handoff, reviewer=ann(), now=now)
        if "returned" in end:
            lifecycle.return_(held, reviewer=ann(), reason="Which?", questions=[], now=now)
        else:
            decide(held, ann(), now=now)
    told = Delivery.objects.values_list("correlation_id", "payload__data__correlation_id")
    assert sorted(told) == [("run-1", "run-1"), ("run-2", "run-2")]
