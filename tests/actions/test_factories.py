"""The factories make what they say."""

import pytest

from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("wishes", "state"),
    [
        ({}, "pending"),
        ({"overdue": True}, "pending"),
        ({"escalated": True}, "pending"),
        ({"accepted": True}, "in_progress"),
        ({"escalated": True, "accepted": True}, "in_progress"),
        ({"returned": True}, "returned"),
        ({"resubmitted": True}, "pending"),
        ({"proposed": True}, "awaiting_confirmation"),
        ({"resolved": True}, "resolved"),
        ({"resolved": "reject"}, "resolved"),
        ({"resubmitted": True, "resolved": True}, "resolved"),
        ({"withdrawn": True}, "withdrawn"),
        ({"accepted": True, "withdrawn": True}, "withdrawn"),
    ],
    ids=str,
)
def test_a_handoff_is_where_the_test_wants_it(wishes, state):
    handoff = HandoffFactory(**wishes)
    assert handoff.state == state


def test_an_overdue_handoff_is_overdue_before_and_after_acceptance(ann, now):
    waiting, held = HandoffFactory(overdue=True), HandoffFactory(overdue=True, accepted_by=ann)
    assert [handoff.due_at < now < handoff.cut_off_at for handoff in (waiting, held)] == [True, True]
