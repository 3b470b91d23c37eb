"""`/events/`: the feed over HTTP, with its filters, its pages and its long poll; and waiting without a thread each."""

import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from handoffs.actions import lifecycle
from handoffs.api import waiting
from tests.api.conftest import LONG_SECONDS, handoff_elsewhere, is_problem, nothing_written, until_somebody_waits
from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_automation_follows_its_own_workflow_page_by_page(bot, ann):
    handoff = HandoffFactory(accepted_by=ann)
    handoff_elsewhere()
    first = bot.get("/events/?limit=1").body
    assert (first["results"][0]["event"], first["has_more"]) == ("opened", True)
    second = bot.get(f"/events/?after={first['after']}").body
    [told] = second["results"]
    assert (told["event"], told["handoff"], told["actor"], told["sequence"]) == (
        "accepted",
        {
            "id": str(handoff.pk),
            "number": handoff.number,
            "workflow": "invoice-matching",
            "reference": handoff.case.reference,
            "state": "in_progress",
        },
        {"kind": "person", "name": "Ann"},
        2,
    )
    assert bot.get(f"/events/?after={second['after']}").body["results"] == []
    assert len(bot.get("/events/?event=accepted").body["results"]) == 1
    assert bot.get("/events/?workflow=payroll").body["results"] == []


def test_from_now_on_and_as_soon_as_it_happens(bot, ann):
    handoff = HandoffFactory()
    place = bot.get("/events/?after=now").body["after"]

    def accept():
        until_somebody_waits()
        lifecycle.accept(handoff, reviewer=ann, now=timezone.now())
        connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    began = time.monotonic()
    told = bot.get(f"/events/?after={place}&wait={LONG_SECONDS}").body["results"]
    thread.join()
    assert [event["event"] for event in told] == ["accepted"]
    assert time.monotonic() - began < LONG_SECONDS / 2


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("after=x", "?after"),
        ("after=1.2.3", "?after"),
        ("after=9999999999999999999.1", "?after"),
        ("event=paid", "?event"),
        ("limit=0", "?limit"),
        ("wait=61", "?wait"),
        ("since=now", "?since"),
    ],
)
def test_what_cannot_be_read_is_refused(bot, query, where):
    with nothing_written():
        problem = is_problem(bot.get(f"/events/?{query}"), 400, "invalid")
    assert [mistake["pointer"] for mistake in problem["errors"]] == [where]


def test_strangers_and_reviewers_see_no_more_than_their_handoffs(api, ann, max_, workflow):
    HandoffFactory()
    assert len(api(ann).get("/events/").body["results"]) == 1
    assert api(max_).get("/events/").body["results"] == []


@pytest.fixture
def no_place(monkeypatch):
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    assert waiting._places.acquire()
    waiting._turned_away.clear()


@pytest.mark.parametrize("path", ["/handoffs/{}/?wait=60", "/events/?after=now&wait=60"])
def test_who_finds_no_place_to_wait_is_answered_at_once_and_told_when_to_come_back(bot, no_place, path):
    handoff = HandoffFactory()
    began = time.monotonic()
    answers = [bot.get(path.format(handoff.pk)) for _ in range(waiting.TURNED_AWAY_PER_SECOND + 1)]
    assert time.monotonic() - began < LONG_SECONDS
    assert {answer.status_code for answer in answers} == {200}
    assert (answers[0].headers["Retry-After"], answers[-1].headers["Retry-After"]) == ("1", "2")


def test_who_knows_an_older_state_is_answered_at_once(bot, ann):
    handoff = HandoffFactory()
    path = f"/handoffs/{handoff.pk}/"
    tag = bot.get(path).headers["ETag"]
    assert bot.get(f"{path}?wait=1", If_None_Match=tag).status_code == 304
    lifecycle.accept(handoff, reviewer=ann, now=timezone.now())
    began = time.monotonic()
    assert bot.get(f"{path}?wait={LONG_SECONDS}", If_None_Match=tag).body["state"] == "in_progress"
    assert time.monotonic() - began < LONG_SECONDS / 2


def test_while_it_is_returned_the_handoff_carries_the_questions(bot):
    handoff = HandoffFactory(returned=True)
    said = {"reason": "Which order?", "questions": ["Which order is it?"]}
    assert bot.get(f"/handoffs/{handoff.pk}/").body["returned"] == said
    assert bot.get("/handoffs/").body["results"][0]["returned"] == said
    answered = HandoffFactory(resubmitted=True)
    assert bot.get(f"/handoffs/{answered.pk}/").body["returned"] is None
