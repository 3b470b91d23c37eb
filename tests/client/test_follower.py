"""Followed handoffs are heard of by message and by looking, and only those."""

import re

import pytest
from handoffs_client import Follower, Handoff, News

from tests.client import contract

HANDOFF = re.compile(r"/api/v1/handoffs/[^/]+/")
ID = contract.handoff()["id"]


class Watch:
    """Seconds that pass when a test says so."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def follower(desk, watch):
    found = Follower(desk, look_seconds=30, monotonic=watch)
    found.follow({ID})
    return found


def news(told):
    return News(id="m-1", type="handoff.resolved", handoff=Handoff.of(told), sequence=1)


def states(follower):
    return [handoff.state for handoff in follower.settled()]


def test_the_first_look_is_at_once_and_the_next_when_it_is_time(follower, http, watch):
    http.expect_oneshot_request(HANDOFF).respond_with_json(contract.handoff())
    assert states(follower) == []
    assert states(follower) == []
    http.expect_oneshot_request(HANDOFF).respond_with_json(contract.resolved())
    watch.seconds = 30
    assert states(follower) == ["resolved"]
    assert len(http.log) == 2


def test_a_message_is_told_without_a_look(follower, http):
    http.expect_oneshot_request(HANDOFF).respond_with_json(contract.handoff())
    assert states(follower) == []
    follower.take(news(contract.resolved()))
    assert (states(follower), states(follower)) == (["resolved"], [])


@pytest.mark.parametrize("state", ["pending", "in_progress"])
def test_what_is_still_with_a_person_is_no_news(follower, http, state):
    http.expect_request(HANDOFF).respond_with_json(contract.handoff(state))
    follower.take(news(contract.handoff(state)))
    assert states(follower) == []


def test_nobody_hears_of_what_is_not_followed_any_more(follower):
    follower.follow(set())
    follower.take(news(contract.resolved()))
    assert states(follower) == []


def test_one_that_is_gone_does_not_hide_the_others(follower, http):
    follower.follow({"a", ID})
    http.expect_request("/api/v1/handoffs/a/").respond_with_json(contract.problem(404, "not_found"), status=404)
    http.expect_request(HANDOFF).respond_with_json(contract.resolved())
    assert states(follower) == ["resolved"]
