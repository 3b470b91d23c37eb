"""What is answered to those who watch from outside."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.utils import timezone

from config import health, middleware
from handoffs.models import SweepHeartbeat
from tests.factories import HandoffFactory

MINUTES_2 = timedelta(minutes=2)


def beat(ago: timedelta = timedelta()) -> None:
    SweepHeartbeat.objects.update_or_create(pk=1, defaults={"swept_at": timezone.now() - ago})


def test_the_process_answers_without_a_database(client):
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready_when_the_sweep_has_just_gone_through(client):
    beat()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "problems": {}})


@pytest.mark.django_db
def test_not_ready_before_the_first_sweep(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"sweep": "has never gone through"}


@pytest.mark.django_db
def test_not_ready_when_the_sweep_is_silent(client):
    beat(ago=MINUTES_2)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "last went through at" in answer.json()["problems"]["sweep"]


@pytest.mark.django_db
def test_not_ready_when_a_step_is_late(client):
    beat()
    handoff = HandoffFactory()
    type(handoff).objects.filter(pk=handoff.pk).update(next_step_at=timezone.now() - MINUTES_2)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, {"steps": "due for more than 60 s"})


def test_not_ready_while_the_database_is_away(client, monkeypatch):
    def away() -> None:
        raise OperationalError

    monkeypatch.setattr(health, "_database_now", away)
    answer = client.get("/readyz")
    assert (answer.status_code, list(answer.json()["problems"])) == (503, ["database"])


def test_a_request_that_meets_a_database_outage_is_told_when_to_come_back():
    request = RequestFactory().get("/api/v1/handoffs/")
    answer = middleware.DatabaseAway(lambda _: None).process_exception(request, OperationalError())
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (503, "5", "application/problem+json")


def test_people_get_a_page_instead():
    answer = middleware.unavailable(RequestFactory().get("/queue/"))
    assert answer.status_code == 503
    assert b"database cannot be reached" in answer.content


def test_other_errors_are_not_excused():
    request = RequestFactory().get("/api/v1/handoffs/")
    assert middleware.DatabaseAway(lambda _: None).process_exception(request, ValueError()) is None
