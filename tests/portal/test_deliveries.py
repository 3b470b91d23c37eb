"""The deliveries page: what failed comes first, each try is shown, and it is sent again; for managers only."""

from datetime import timedelta

import pytest
from django.utils import timezone

from handoffs.actions import delivery, receipts
from handoffs.models import Delivery, Endpoint
from handoffs.rules.deliveries import Exchange
from tests.factories import SECRET, EndpointFactory, HandoffFactory

pytestmark = pytest.mark.django_db
PAGE = "/deliveries/"
DONE, BUSY = Exchange(status=204, duration_ms=9), Exchange(status=503, duration_ms=700, response_snippet="<b>busy</b>")
CLOSED = Exchange(status=None, error="10.0.0.1 is closed to webhooks", refused=True)
BUDGET = 17


def _each(*exchanges):
    """One decided handoff per exchange, its message tried once and answered so."""
    made = []
    for exchange in exchanges:
        made.append(HandoffFactory(resolved=True))
        now = timezone.now()
        for one in delivery.lease(now=now):
            delivery.finish(one, exchange, now=now)
    return made


def _endpoint():
    return EndpointFactory(event_types=["handoff.resolved"])


def test_parked_and_failing_come_first(as_, lea):
    _each(DONE, BUSY, CLOSED, DONE)
    rows = as_(lea).get(PAGE).context["rows"]
    assert [row["words"] for row in rows] == ["parked", "failing, tried once", "delivered", "delivered"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"state": "parked"}, 1),
        ({"state": "failing"}, 1),
        ({"state": "nonsense"}, 3),
        ({"type": "handoff.returned"}, 0),
        ({"workflow": "invoice-matching"}, 3),
        ({"workflow": "payroll"}, 0),
        ({"search": "127.0.0.1:9"}, 3),
        ({"search": "a\0b"}, 0),
        ({"since": "2999-01-01T00:00"}, 0),
        ({"since": "2999-99-99T00:00", "endpoint": "x", "page": "9" * 9}, 3),
    ],
)
def test_filters_live_in_the_address(as_, lea, query, count):
    _each(DONE, BUSY, CLOSED)
    assert len(as_(lea).get(PAGE, query).context["rows"]) == count


def test_a_message_shows_its_tries_its_request_and_no_secret(as_, lea, workflow):
    handoff = _each(BUSY)[0]
    page = as_(lea).get(f"{PAGE}{handoff.deliveries.get().pk}/").content.decode()
    for shown in ("503", "700 ms", "&lt;b&gt;busy&lt;/b&gt;", "webhook-signature: v1,•••", handoff.case.reference):
        assert shown in page, shown
    assert workflow.callback_secret not in page


def test_one_message_is_sent_again(as_, lea):
    found = _each(CLOSED)[0].deliveries.get()
    assert as_(lea).post(f"{PAGE}{found.pk}/replay/").status_code == 302
    found.refresh_from_db()
    assert (found.state, found.recovery.state) == ("queued", "awaiting")


def test_all_that_is_parked_in_a_view_is_sent_again_and_nothing_else(as_, lea):
    old, new = _each(CLOSED, CLOSED)
    Delivery.objects.filter(handoff=old).update(created_at=timezone.now() - timedelta(days=2))
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    answer = as_(lea).post(f"{PAGE}replay/", {"since": since, "state": "parked"})
    assert answer.url.startswith(f"{PAGE}?state=parked&since=")
    assert [handoff.deliveries.get().state for handoff in (old, new)] == ["parked", "queued"]


def test_silent_automations_are_named(as_, lea):
    handoff = _each(DONE)[0]
    receipts.note_overdue(now=timezone.now() + timedelta(days=30))
    assert [one.handoff for one in as_(lea).get(PAGE).context["overdue"]] == [handoff]


def test_an_endpoint_shows_how_it_fares(as_, lea):
    endpoint = _endpoint()
    for exchange in (DONE, DONE, BUSY):
        HandoffFactory(resolved=True, callback_url="")
        for one in delivery.lease(now=timezone.now()):
            delivery.finish(one, exchange, now=timezone.now())
    health = as_(lea).get(f"/endpoints/{endpoint.pk}/").context["health"]
    assert (health.tries_count, round(health.delivered_ratio, 3), health.p50_ms) == (3, 0.667, 9)
    assert (health.last_error, health.parked_count) == ("Answered 503", 0)


def test_an_endpoint_is_tried_out_switched_and_given_a_secret(as_, lea, workflow, httpserver):
    httpserver.expect_request("/endpoint", method="POST").respond_with_data("<i>thanks</i>", status=202)
    endpoint = EndpointFactory(url=httpserver.url_for("/endpoint"))
    at = f"/endpoints/{endpoint.pk}/"
    tested = as_(lea).post(f"{at}test/").content.decode()
    assert "answered 202" in tested
    assert "&lt;i&gt;thanks&lt;/i&gt;" in tested
    as_(lea).post(f"{at}switch/", {"to": "off", "reason": "Moving"})
    assert Endpoint.objects.get().switched_off_reason == "Moving"
    as_(lea).post(f"{at}switch/", {"to": "on"})
    assert Endpoint.objects.get().switched_off_at is None
    told = as_(lea).post(f"{at}rotate/")
    fresh = Endpoint.objects.get().secret
    assert (fresh != SECRET, fresh in told.content.decode(), told["Cache-Control"]) == (True, True, "no-store, private")
    page = as_(lea).get(at).content.decode()
    assert (fresh in page, SECRET in page, "End the rotation" in page) == (False, False, True)
    as_(lea).post(f"{at}end-rotation/")
    assert Endpoint.objects.get().previous_secret == ""


def test_only_managers_of_the_workflow_see_or_change_anything(as_, ann, lea, otto, max_):
    endpoint, handoff = _endpoint(), _each(CLOSED)[0]
    found = Delivery.objects.filter(handoff=handoff, endpoint=None).get()
    before = list(Endpoint.objects.values()), list(Delivery.objects.order_by("pk").values())
    for person in (ann, max_):
        for address in (PAGE, f"{PAGE}{found.pk}/", f"/endpoints/{endpoint.pk}/"):
            assert as_(person).get(address).status_code == 403
        for address in (f"{PAGE}replay/", f"{PAGE}{found.pk}/replay/", f"/endpoints/{endpoint.pk}/rotate/"):
            assert as_(person).post(address).status_code == 403
    lea.groups.clear()
    stranger = type(lea).objects.get(pk=lea.pk)
    assert as_(stranger).get(PAGE).status_code == 403
    assert (list(Endpoint.objects.values()), list(Delivery.objects.order_by("pk").values())) == before
    assert as_(otto).get(f"/endpoints/{endpoint.pk}/").status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_three_rows_cost_as_many_queries_as_one(as_, lea, rows, django_assert_max_num_queries):
    for number in range(rows):
        EndpointFactory(url=f"http://127.0.0.1:9/{number}")
    _each(*[CLOSED, BUSY, DONE] * rows)
    client = as_(lea)
    client.get(PAGE)
    with django_assert_max_num_queries(BUDGET):
        assert client.get(PAGE).status_code == 200


def test_an_empty_page_says_so(as_, lea, workflow):
    assert "Nothing was sent yet" in as_(lea).get(PAGE).content.decode()
    assert "No delivery matches" in as_(lea).get(PAGE, {"state": "parked"}).content.decode()
