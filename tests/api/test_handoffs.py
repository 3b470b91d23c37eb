"""Looking at handoffs: the list, one of them, the long poll, the trail."""

import threading
import time
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from handoffs.actions import lifecycle
from handoffs.api import waiting
from handoffs.choices import OPEN_STATES
from handoffs.models import Handoff, Recovery
from handoffs.queries.representation import one
from tests.api.conftest import BASE, LONG_SECONDS, is_problem, pointers, until_somebody_waits
from tests.factories import CLERK, DEAR, HandoffFactory

pytestmark = pytest.mark.django_db


def _ids(answer):
    return [handoff["id"] for handoff in answer.body["results"]]


@pytest.fixture
def three(workflow):
    """Pending and overdue at the clerks, held by Ann, resolved at the analysts; oldest first."""
    late = HandoffFactory(overdue=True)
    held = HandoffFactory(accepted=True, opened_ago=timedelta(minutes=30), data={"vendor": "Umbrella"})
    done = HandoffFactory(data=DEAR, resolved=True)
    return {"late": str(late.pk), "held": str(held.pk), "done": str(done.pk)}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["done", "held", "late"]),
        ("ordering=opened_at", ["late", "held", "done"]),
        ("ordering=due_at&state=pending&state=in_progress", ["late", "held"]),
        ("workflow=invoice-matching", ["done", "held", "late"]),
        ("workflow=nothing", []),
        ("state=pending", ["late"]),
        ("state=resolved", ["done"]),
        ("state=withdrawn", []),
        (f"role={quote(CLERK)}", ["held", "late"]),
        ("holder=ann", ["held"]),
        ("overdue=true", ["late"]),
        ("overdue=false", ["done", "held"]),
        ("search=umbrella", ["held"]),
        ("opened_after={hour_ago}", ["done", "held"]),
        ("opened_before={hour_ago}", ["late"]),
        ("updated_after={hour_ago}", ["done", "held"]),
        ("reference={held}", ["held"]),
    ],
)
def test_the_list_is_narrowed_by_its_filters(bot, three, query, names):
    hour_ago = quote((timezone.now() - timedelta(hours=1)).isoformat())
    held = Handoff.objects.get(pk=three["held"]).case.reference
    assert _ids(bot.get(f"/handoffs/?{query.format(hour_ago=hour_ago, held=held)}")) == [three[name] for name in names]


def test_mine_are_those_i_hold(api, ann, three):
    assert _ids(api(ann).get("/handoffs/?mine=true")) == [three["held"]]
    assert _ids(api(ann).get("/handoffs/?mine=false")) == [three["late"]]


def test_the_list_shows_each_as_the_detail_does(bot, three):
    for handoff in bot.get("/handoffs/").body["results"]:
        if handoff["state"] in OPEN_STATES:
            assert bot.get(f"/handoffs/{handoff['id']}/").body == handoff


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=lost", "?state"),
        ("opened_after=yesterday", "?opened_after"),
        ("opened_after=0001-01-01T00:00:00%2B14:00", "?opened_after"),
        ("accepted_after=2020-13-01T00:00:00Z", "?accepted_after"),
        ("ordering=secret", "?ordering"),
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=many", "?limit"),
        ("cursor=x", "?cursor"),
        ("cursor=WzEsMl0", "?cursor"),
        ("cursor=WyJ4IiwieCIsdHJ1ZV0", "?cursor"),
        ("sate=pending", "?sate"),
    ],
)
def test_what_cannot_be_read_in_a_query_is_named(bot, query, pointer):
    answer = bot.get(f"/handoffs/?{query}")
    assert answer.status_code == 400
    assert pointers(answer.body) == [pointer]


@pytest.mark.parametrize("offset", ["%2B20:33", "-23:59", "Z", ""])
@pytest.mark.parametrize("name", ["opened_after", "accepted_after", "updated_after"])
def test_a_time_may_have_any_offset(bot, workflow, name, offset):
    handoff = HandoffFactory(accepted=True)
    assert _ids(bot.get(f"/handoffs/?{name}=0720-02-15T10:26:50.5{offset}")) == [str(handoff.pk)]


@pytest.mark.parametrize("ordering", ["-opened_at", "opened_at", "due_at", "-due_at", "-updated_at", "priority"])
def test_pages_run_through_all_and_back_without_gap_or_double(bot, workflow, ordering):
    at = timezone.now() - timedelta(minutes=5)
    made = [HandoffFactory(opened_at=at) for _ in range(3)] + [HandoffFactory(data=DEAR) for _ in range(2)]
    Handoff.objects.filter(pk=made[1].pk).update(due_at=None)
    forward, pages, address = [], [], f"{BASE}/handoffs/?limit=2&ordering={ordering}"
    while address:
        pages.append(bot.get(address))
        forward += _ids(pages[-1])
        address = pages[-1].body["next"]
    assert sorted(forward) == sorted(str(handoff.pk) for handoff in made)
    assert forward == _ids(bot.get(f"/handoffs/?ordering={ordering}"))
    backward, address = _ids(pages[-1]), pages[-1].body["previous"]
    while address:
        page = bot.get(address)
        backward, address = _ids(page) + backward, page.body["previous"]
    assert backward == forward
    assert pages[0].body["previous"] is None


def test_rows_that_come_meanwhile_are_neither_missed_nor_doubled(bot, workflow):
    first = [HandoffFactory() for _ in range(3)]
    page = bot.get("/handoffs/?limit=2")
    HandoffFactory(opened_at=timezone.now())
    rest = bot.get(page.body["next"])
    assert _ids(page) + _ids(rest) == [str(handoff.pk) for handoff in reversed(first)]


# --- one ------------------------------------------------------------------------------------------------------------


def test_one_handoff_and_its_entity_tag(bot, three):
    path = f"/handoffs/{three['held']}/"
    answer = bot.get(path)
    assert answer.body == one(Handoff.objects.get(pk=three["held"]))
    again = bot.get(path, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", answer.headers["ETag"])
    assert bot.get(path, If_None_Match='"other"').status_code == 200
    assert bot.get(path, If_None_Match=f'"other", W/{answer.headers["ETag"]}').status_code == 304


def test_the_tag_changes_with_the_handoff(bot, ann, api, workflow):
    path = f"/handoffs/{HandoffFactory().pk}/"
    tag = bot.get(path).headers["ETag"]
    api(ann).post(f"{path}accept/")
    assert bot.get(path, If_None_Match=tag).status_code == 200


@pytest.mark.parametrize("name", ["nonsense", "00000000-0000-7000-8000-000000000000", "1", "%20"])
def test_what_is_not_there_is_not_there(bot, name):
    is_problem(bot.get(f"/handoffs/{name}/"), 404, "not_found")


def test_an_automation_that_reads_the_decision_has_it(bot, api, bob, three):
    path = f"/handoffs/{three['done']}/"
    assert api(bob).get(path).body["recovery"][0]["state"] == "awaiting", "people reading it deliver nothing"
    shown = bot.get(path).body
    assert (shown["decision"]["outcome"], shown["recovery"][0]["state"]) == ("approve_and_pay", "delivered")
    assert Recovery.objects.get().delivered_at is not None
    assert bot.get(path).body == shown


def test_a_head_is_a_get_without_the_body(bot, three):
    answer = bot.send("HEAD", "/handoffs/?state=pending")
    assert (answer.status_code, answer.content) == (200, b"")


# --- the long poll --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", ["x", "-1", "1.5", "9999"])
def test_an_odd_wait_is_refused(bot, three, wait):
    assert pointers(is_problem(bot.get(f"/handoffs/{three['held']}/?wait={wait}"), 400, "invalid")) == ["?wait"]


def test_a_wait_without_a_change_ends_in_time(bot, three):
    start = time.monotonic()
    assert bot.get(f"/handoffs/{three['late']}/?wait=1").body["state"] == "pending"
    assert 1 <= time.monotonic() - start < LONG_SECONDS / 2


def test_a_final_state_is_not_waited_upon(bot, three):
    start = time.monotonic()
    assert bot.get(f"/handoffs/{three['done']}/?wait={LONG_SECONDS}").body["state"] == "resolved"
    assert time.monotonic() - start < LONG_SECONDS / 2


def test_when_all_places_are_taken_nobody_waits(bot, three, monkeypatch):
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    waiting._places.acquire()
    start = time.monotonic()
    assert bot.get(f"/handoffs/{three['late']}/?wait={LONG_SECONDS}").status_code == 200
    assert time.monotonic() - start < LONG_SECONDS / 2


def test_waiting_makes_room_again(bot, three):
    for _ in range(waiting.MAX_WAITING + 1):
        bot.get(f"/handoffs/{three['late']}/?wait=0")
    start = time.monotonic()
    bot.get(f"/handoffs/{three['late']}/?wait=1")
    assert time.monotonic() - start >= 1


@pytest.mark.django_db(transaction=True)
def test_the_answer_comes_as_soon_as_the_state_changes(bot, ann):
    from django.db import connection

    handoff = HandoffFactory()

    def accept_soon():
        until_somebody_waits()
        lifecycle.accept(handoff, reviewer=ann, now=timezone.now())
        connection.close()

    somebody = threading.Thread(target=accept_soon)
    somebody.start()
    start = time.monotonic()
    answer = bot.get(f"/handoffs/{handoff.pk}/?wait={LONG_SECONDS}")
    somebody.join()
    assert (answer.body["state"], answer.body["holder"]) == ("in_progress", "Ann")
    assert time.monotonic() - start < LONG_SECONDS / 2


# --- the trail ------------------------------------------------------------------------------------------------------


def test_the_trail_tells_who_did_what_and_chains(bot, three):
    rows = bot.get(f"/handoffs/{three['done']}/history/").body["results"]
    told = [(row["sequence"], row["event"], row["actor"]["kind"], row["actor"]["name"], row["holder"]) for row in rows]
    assert [row for row in told if row[1] in ("opened", "accepted", "resolved")] == [
        (told[0][0], "opened", "automation", "invoice-matcher", None),
        (told[-2][0], "accepted", "person", "Bob", "Bob"),
        (told[-1][0], "resolved", "person", "Bob", None),
    ]
    assert [row["previous_digest"] for row in rows[1:]] == [row["digest"] for row in rows[:-1]]
    assert rows[-1]["details"]["outcome"] == "approve_and_pay"


def test_the_trail_comes_in_pages(bot, three):
    rows = bot.get(f"/handoffs/{three['done']}/history/").body["results"]
    page = bot.get(f"/handoffs/{three['done']}/history/?limit=2").body
    rest = bot.get(page["next"]).body
    assert page["results"] + rest["results"] == rows


def test_a_stranger_reads_no_trail(api, max_, three):
    is_problem(api(max_).get(f"/handoffs/{three['done']}/history/"), 404, "not_found")
