"""The feed of events: every one, in order, and from where the last run left off."""

import pytest
from handoffs_client import Desk, Feed, Journal

from tests.client import contract

EVENTS = "/api/v1/events/"


@pytest.fixture
def tells(http):
    """Says what the desk answers to each question, in order; each is `(asked, answer)`."""

    def tell(asked, answer, **more):
        http.expect_ordered_request(EVENTS, query_string=asked).respond_with_json(answer, **more)

    return tell


def cursors(events):
    return [event.cursor for event in events]


def test_a_new_feed_begins_now_and_goes_on_where_it_ended(desk, http, tells):
    tells({"after": "now", "limit": "200"}, contract.stretch(after="7.0"))
    tells({"after": "7.0", "limit": "200"}, contract.stretch(contract.event("7.1"), after="8.0"))
    tells({"after": "8.0", "limit": "200"}, contract.stretch(after="8.0"))
    feed = Feed(desk)
    assert [cursors(feed.waiting()) for _ in range(3)] == [[], ["7.1"], []]
    http.check_assertions()


def test_it_can_begin_at_the_start_and_leave_others_out(desk, http, tells):
    asked = "event=resolved&event=returned&workflow=w&limit=200&wait=5"
    tells(asked, contract.stretch(contract.event("1.1"), after="1.1"))
    feed = Feed(desk, kinds=["resolved", "returned"], workflow="w", from_the_start=True)
    (event,) = feed.waiting(wait_seconds=5)
    assert (event.kind, event.reference, event.state, event.sequence) == ("resolved", "INV-1", "resolved", 3)
    http.check_assertions()


def test_more_is_read_at_once(desk, http, tells):
    tells({"after": "now", "limit": "200"}, contract.stretch(contract.event("1.1"), after="1.1", has_more=True))
    tells({"after": "1.1", "limit": "200"}, contract.stretch(contract.event("1.2"), after="2.0"))
    assert cursors(Feed(desk).waiting()) == ["1.1", "1.2"]
    http.check_assertions()


def test_after_a_crash_the_event_in_hand_comes_again_and_none_before_it(http, tells, tmp_path):
    both = contract.stretch(contract.event("1.1"), contract.event("1.2"), after="2.0")
    tells({"limit": "200"}, both)
    tells({"after": "1.1", "limit": "200"}, contract.stretch(contract.event("1.2"), after="2.0"))
    tells({"after": "2.0", "limit": "200"}, contract.stretch(after="2.0"))
    path = tmp_path / "kept.sqlite3"

    def run(until=None):
        desk = Desk(http.url_for("/"), "t", journal=Journal(path))
        seen = []
        for event in Feed(desk, from_the_start=True).waiting():
            seen.append(event.cursor)
            if event.cursor == until:
                break  # the program dies before it asks for the next one
        desk.close()
        return seen

    assert [run(until="1.2"), run(), run()] == [["1.1", "1.2"], ["1.2"], []]
    http.check_assertions()


def test_two_feeds_of_one_program_do_not_move_each_other(desk, http, tells):
    tells({"limit": "200"}, contract.stretch(contract.event("1.1"), after="1.1"))
    tells({"limit": "200"}, contract.stretch(contract.event("1.1"), after="1.1"))
    one, other = (Feed(desk, name=name, from_the_start=True) for name in ("one", "other"))
    assert [cursors(one.waiting()), cursors(other.waiting())] == [["1.1"], ["1.1"]]


def test_an_endless_feed_pauses_as_the_desk_asks_and_ends_when_the_program_stops(desk, http, tells):
    slept = []

    def wait(seconds):
        slept.append(seconds)
        desk.stopping.set()

    desk.stopping.wait = wait
    asked = {"after": "now", "limit": "200", "wait": "30"}
    tells(asked, contract.stretch(contract.event("1.1"), after="1.1"), headers={"Retry-After": "4"})
    assert (cursors(Feed(desk)), slept) == (["1.1"], [4.0])
