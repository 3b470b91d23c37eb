"""The queue, one's own work, all cases: who sees what, in which order, at which cost."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find
from django.urls import reverse

from handoffs.queries import inbox
from tests.factories import DEAR, HandoffFactory, decide, role

pytestmark = pytest.mark.django_db
QUEUE, MINE, CASES = "/queue/", "/mine/", "/cases/"


def shown(response):
    return [row["reference"] for row in response.context["rows"]]


@pytest.mark.parametrize("address", [QUEUE, MINE, CASES])
def test_a_list_wants_a_sign_in(client, address):
    assert client.get(address).headers["Location"] == f"/accounts/login/?next={address}"


def test_the_queue_shows_what_waits_for_ones_roles_due_first(as_, ann):
    HandoffFactory(reference="LATER", opened_ago=timedelta(minutes=1))
    HandoffFactory(reference="SOONER", opened_ago=timedelta(minutes=30))
    HandoffFactory(reference="OF ANALYSTS", data=DEAR)
    HandoffFactory(reference="RETURNED", returned=True)
    HandoffFactory(reference="DONE", resolved=True)
    assert shown(as_(ann).get(QUEUE)) == ["SOONER", "LATER"]


def test_a_stranger_sees_no_row_and_what_to_do_about_it(as_, max_):
    HandoffFactory()
    response = as_(max_).get(QUEUE)
    assert (shown(response), response.context["page"]["take_next"]) == ([], False)
    assert "No role yet" in response.text


def test_a_stranger_finds_nothing_among_all_cases(as_, max_):
    HandoffFactory(reference="INV-42")
    assert shown(as_(max_).get(CASES, {"search": "INV-42"})) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"role": "AP clerk"}, ["CLERKS", "HELD"]),
        ({"role": "Procurement analyst"}, ["ANALYSTS"]),
        ({"state": "in_progress"}, ["HELD"]),
        ({"state": "returned"}, ["RETURNED"]),
        ({"workflow": "something-else"}, []),
        ({"workflow": "invoice-matching", "mine": "true"}, ["HELD"]),
        ({"overdue": "true"}, []),
        ({"pattern": "alert_and_wait", "search": "analysts"}, ["ANALYSTS"]),
        ({"role": "", "workflow": "", "state": ""}, ["CLERKS", "ANALYSTS", "HELD"]),
        ({"state": "no such state"}, ["CLERKS", "ANALYSTS", "HELD"]),
    ],
)
def test_filters_of_the_queue_live_in_its_address(as_, bob, query, found):
    HandoffFactory(reference="CLERKS", opened_ago=timedelta(minutes=9))
    HandoffFactory(reference="ANALYSTS", opened_ago=timedelta(minutes=6), data=DEAR)
    HandoffFactory(reference="HELD", accepted_by=bob)
    HandoffFactory(reference="RETURNED", returned=True, accepted_by=bob)
    assert shown(as_(bob).get(QUEUE, query)) == found


def test_my_work_is_what_i_hold_returned_or_am_offered(as_, ann, bob):
    HandoffFactory(reference="HELD", accepted_by=ann)
    HandoffFactory(reference="ASKED", accepted_by=ann, returned=True)
    HandoffFactory(reference="ANSWERED", accepted_by=ann, resubmitted=True)
    HandoffFactory(reference="OF BOB", accepted_by=bob)
    HandoffFactory(reference="FREE")
    assert set(shown(as_(ann).get(MINE))) == {"HELD", "ASKED", "ANSWERED"}


def test_all_cases_keep_what_is_finished_and_search_finds_it(as_, ann):
    HandoffFactory(reference="INV-DONE", resolved=True)
    HandoffFactory(reference="INV-OPEN")
    assert shown(as_(ann).get(CASES, {"search": "inv-done acme"})) == ["INV-DONE"]


def test_an_exact_reference_is_found_alone_and_all_words_are_one_press_away(as_, ann, max_):
    for reference in ("INV-1", "INV-10", "OTHER"):
        HandoffFactory(reference=reference)
    client = as_(ann)
    found = client.get(CASES, {"search": " INV-1 "})
    assert shown(found) == ["INV-1"]
    assert "Exactly what you searched for" in found.text
    wider = client.get(found.context["page"]["wider_url"])
    assert (set(shown(wider)), wider.context["page"]["wider_url"]) == ({"INV-1", "INV-10"}, "")
    assert shown(client.get(CASES, {"search": "INV-1", "state": "resolved"})) == []
    assert shown(as_(max_).get(CASES, {"search": "INV-1"})) == []


def test_a_number_finds_its_handoff(as_, ann):
    handoff = HandoffFactory(reference="THIS")
    HandoffFactory(reference="THAT")
    assert shown(as_(ann).get(CASES, {"search": f"#{handoff.number}"})) == ["THIS"]


@pytest.mark.parametrize("query", [{"search": "a\0b"}, {"page": "-1"}, {"page": "9" * 40}, {"search": "#" + "9" * 30}])
def test_odd_queries_are_answered(as_, ann, query):
    assert as_(ann).get(CASES, query).status_code == 200


def test_a_second_page_is_reached_by_its_address(as_, ann, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE_SIZE", 2)
    for number, minutes in enumerate((50, 40, 30), 1):
        HandoffFactory(reference=f"R{number}", opened_ago=timedelta(minutes=minutes))
    first = as_(ann).get(QUEUE)
    assert (shown(first), first.context["page"]["older"]) == (["R1", "R2"], "/queue/?page=2")
    assert shown(as_(ann).get("/queue/?page=2")) == ["R3"]


def test_the_pill_counts_what_came_since_and_never_moves_the_list(as_, ann):
    client = as_(ann)
    poll = client.get(QUEUE).context["news"]["poll"]
    assert "new</a>" not in client.get(poll).text
    HandoffFactory(opened_ago=timedelta(seconds=-5))
    answer = client.get(poll).text
    assert "1 new" in answer
    assert "<html" not in answer


def test_markup_in_a_summary_shows_as_text(as_, ann):
    HandoffFactory(data={"vendor": "<script>alert(1)</script>"})
    text = as_(ann).get(QUEUE).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


def queries_of(client, address, django_assert_max_num_queries, limit):
    with django_assert_max_num_queries(limit) as counted:
        assert client.get(address).status_code == 200
    return len(counted)


@pytest.mark.parametrize("address", [QUEUE, MINE, CASES])
def test_three_rows_cost_as_many_queries_as_one(as_, bob, address, django_assert_max_num_queries):
    client = as_(bob)
    HandoffFactory(accepted_by=bob)
    one = queries_of(client, address, django_assert_max_num_queries, 8)
    for _ in range(2):
        HandoffFactory(accepted_by=bob)
    assert queries_of(client, address, django_assert_max_num_queries, 8) == one


def test_a_queue_of_many_roles_costs_as_many_queries_as_one(as_, bob, django_assert_max_num_queries):
    HandoffFactory()
    few = queries_of(as_(bob), QUEUE, django_assert_max_num_queries, 8)
    bob.groups.add(*(role(f"Role {number}") for number in range(9)))
    assert queries_of(as_(bob), QUEUE, django_assert_max_num_queries, 8) == few


def test_a_manager_s_lists_stay_within_the_budget(as_, lea, django_assert_max_num_queries):
    HandoffFactory(escalated=True)
    assert queries_of(as_(lea), QUEUE, django_assert_max_num_queries, 8)


def weight(page):
    """Bytes of a page and of every file that it links, the icons of its buttons included."""
    linked = set(re.findall(r'(?:href|src)="/static/([^"?#]+)', page.text))
    assert {"css/desk.css", "js/desk.js"} <= linked
    return len(page.content) + sum(Path(find(path)).stat().st_size for path in linked)


def test_a_full_page_and_all_that_it_loads_stay_under_150_kb(as_, ann):
    for _ in range(inbox.PAGE_SIZE):
        HandoffFactory()
    assert weight(as_(ann).get(QUEUE)) < 150_000


def test_a_case_and_all_that_it_loads_stay_under_150_kb(as_, ann):
    assert weight(as_(ann).get(f"/handoffs/{HandoffFactory(accepted_by=ann).pk}/")) < 150_000


def test_the_counts_of_the_shell_are_capped(as_, ann, monkeypatch):
    monkeypatch.setattr(inbox, "COUNT_CAP", 1)
    for _ in range(3):
        HandoffFactory()
    assert '<span class="count">1+</span>' in as_(ann).get(QUEUE).text


def test_what_somebody_decided_leaves_the_queue(as_, ann, now):
    handoff = HandoffFactory(accepted_by=ann)
    decide(handoff, ann, now=now)
    assert shown(as_(ann).get(reverse("queue"))) == []
