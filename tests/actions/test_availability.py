"""Away and back: what was held is handed over when it begins, and who is away is asked for nothing."""

from datetime import timedelta

import pytest

from handoffs.actions import availability, escalation
from handoffs.choices import Channel, Event, NoticeKind, State
from handoffs.errors import Invalid
from handoffs.models import Absence, Handoff, Notification
from tests.factories import MANAGER, HandoffFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_what_was_held_is_offered_to_who_covers_when_the_absence_begins(now, ann, bob):
    handoff = HandoffFactory(accepted_by=ann)
    availability.go_away(ann, starts_at=now + DAY, ends_at=now + 3 * DAY, cover=bob, now=now)
    assert availability.hand_over_due(now=now) == 0
    assert availability.hand_over_due(now=now + DAY) == 1
    assert availability.hand_over_due(now=now + DAY) == 0
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (handoff.state, handoff.offered_to) == (State.PENDING, bob)
    row = handoff.history.latest()
    assert (row.event, row.actor_name, row.reason) == (Event.RELEASED, "the clock", "Ann is away")
    assert Notification.objects.get(handoff=handoff, channel=Channel.IN_APP, kind=NoticeKind.COVERED).person == bob


def test_without_a_cover_it_goes_back_to_the_queue(now, ann):
    handoff = HandoffFactory(accepted_by=ann)
    availability.go_away(ann, starts_at=now, ends_at=now + DAY, cover=None, now=now)
    availability.hand_over_due(now=now)
    handoff = Handoff.objects.get(pk=handoff.pk)
    assert (handoff.state, handoff.offered_to) == (State.PENDING, None)


def test_who_is_away_is_not_reminded_and_is_again_once_back(now, ann, bob):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    absence = availability.go_away(ann, starts_at=now - DAY, ends_at=now + DAY, cover=None, now=now)
    escalation.fire(handoff.pk, now=now)
    assert set(Notification.objects.values_list("person__username", flat=True)) == {"bob"}
    availability.come_back(absence, now=now)
    other = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(other.pk, now=now)
    told = Notification.objects.filter(handoff=other).values_list("person__username", flat=True)
    assert set(told) == {"ann", "bob"}


def test_a_step_goes_on_to_the_next_role_of_the_chain_where_everybody_is_away(now, ann, bob, lea, otto):
    for person in (ann, bob):
        availability.go_away(person, starts_at=now - DAY, ends_at=now + DAY, cover=None, now=now)
    handoff = HandoffFactory(opened_at=now)
    assert handoff.role.name == MANAGER


@pytest.mark.parametrize(
    ("starts", "ends", "covers_self"),
    [(DAY, timedelta(0), False), (-2 * DAY, -DAY, False), (timedelta(0), DAY, True)],
)
def test_an_absence_that_cannot_be_is_not_kept(now, ann, starts, ends, covers_self):
    with pytest.raises(Invalid):
        availability.go_away(
            ann, starts_at=now + starts, ends_at=now + ends, cover=ann if covers_self else None, now=now
        )
    assert not Absence.objects.exists()
