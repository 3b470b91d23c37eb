"""What the lists are made of."""

from datetime import timedelta

import pytest

from handoffs import access
from handoffs.models import Handoff
from handoffs.queries import inbox
from tests.factories import DEAR, WORKFLOW, HandoffFactory, PersonFactory, matcher

pytestmark = pytest.mark.django_db


def references(listing):
    return [row.reference for row in listing.rows]


@pytest.fixture
def three():
    HandoffFactory(reference="MIDDLE", opened_ago=timedelta(minutes=20), data=DEAR)
    HandoffFactory(reference="FIRST", opened_ago=timedelta(minutes=30))
    HandoffFactory(reference="LAST", opened_ago=timedelta(minutes=10))


def test_role_by_role_gives_the_same_order_as_all_at_once(three, bob):
    roles = list(access.role_ids_of(bob))
    at_once = inbox.most_urgent(Handoff.objects.open())
    by_role = inbox.most_urgent(Handoff.objects.open(), role_ids=roles)
    assert references(by_role) == references(at_once) == ["FIRST", "MIDDLE", "LAST"]


def test_pages_cut_the_same_order(three, bob, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE_SIZE", 2)
    pages = [inbox.most_urgent(Handoff.objects.open(), role_ids=list(bob.roles), page=n) for n in (1, 2, 3)]
    assert [(references(page), page.has_more) for page in pages] == [
        (["FIRST", "MIDDLE"], True),
        (["LAST"], False),
        ([], False),
    ]


def test_nobody_pages_to_the_end_of_time(three, monkeypatch):
    monkeypatch.setattr(inbox, "PAGE_SIZE", 1)
    monkeypatch.setattr(inbox, "MAX_PAGES", 2)
    last = inbox.most_urgent(Handoff.objects.open(), page=99)
    assert (references(last), last.page, last.has_more) == (["MIDDLE"], 2, False)


def test_without_a_due_time_it_comes_last(three):
    Handoff.objects.filter(case__reference="FIRST").update(due_at=None)
    assert references(inbox.most_urgent(Handoff.objects.open())) == ["MIDDLE", "LAST", "FIRST"]


def test_a_row_names_its_holder(ann):
    ann.first_name, ann.last_name = "Ann", "Archer"
    ann.save()
    HandoffFactory(accepted_by=ann)
    assert inbox.most_urgent(Handoff.objects.open()).rows[0].holder == "Ann Archer"


def test_counts_stop_at_the_cap(three, monkeypatch):
    monkeypatch.setattr(inbox, "COUNT_CAP", 1)
    assert inbox.capped_count(Handoff.objects.open()) == 2


def test_tallies_count_what_waits_what_is_late_and_what_is_mine(ann, bob, now, django_assert_num_queries):
    HandoffFactory(overdue=True)
    HandoffFactory()
    HandoffFactory(accepted_by=ann)
    HandoffFactory(accepted_by=bob)
    HandoffFactory(accepted_by=ann, returned=True)
    HandoffFactory(data=DEAR)
    assert ann.roles
    with django_assert_num_queries(1):
        found = inbox.tallies(ann, now=now)
    assert (found.waiting, found.overdue, found.mine) == (4, 1, 2)


def test_tallies_are_of_the_queue_and_the_work_that_a_person_has(ann, bob, lea, max_, now):
    for wishes in ({}, {"data": DEAR}, {"accepted_by": bob}, {"accepted_by": ann, "resubmitted": True}):
        HandoffFactory(**wishes)
    lost_role = PersonFactory(username="ann")
    HandoffFactory(accepted_by=bob, data=DEAR)
    lost_role.groups.clear()
    limited, elsewhere, left = (PersonFactory._meta.model.objects.get(username="bob") for _ in range(3))
    limited.workflow_scope, elsewhere.workflow_scope, left.is_active = frozenset({WORKFLOW}), frozenset(), False
    for person in (bob, lea, max_, lost_role, matcher(), limited, elsewhere, left):
        found, queue = inbox.tallies(person, now=now), inbox.waiting(access.queue_of(person))
        late, work = queue.filter(due_at__lt=now), access.work_of(person)
        assert (found.waiting, found.overdue, found.mine) == (queue.count(), late.count(), work.count())


def test_a_returned_handoff_is_never_overdue(now):
    HandoffFactory(returned=True, opened_ago=timedelta(hours=20))
    assert inbox.waiting(Handoff.objects.all()).count() == 0
