"""An edited calendar moves the future steps of open handoffs, and nothing that was."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from handoffs.actions import calendars
from handoffs.choices import Event
from handoffs.models import BusinessCalendar, Handoff
from tests import factories
from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db
FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
WEEK = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def office(db):
    office = BusinessCalendar(key="office", title="Office", time_zone="UTC", weekly_hours=WEEK)
    calendars.save(office)
    factories.workflow(sla={"calendar": "office", "accept_within": "1h", "resolve_within": "8h"})
    assert calendars.move_due(now=FRIDAY) == 0
    return office


def test_a_holiday_added_moves_what_was_due_on_it_with_a_row_of_the_trail(office):
    handoff = HandoffFactory(opened_at=FRIDAY)
    assert handoff.resolve_by == datetime(2026, 11, 23, 15, tzinfo=UTC)
    office.closed_dates = [datetime(2026, 11, 23, tzinfo=UTC).date()]
    calendars.save(office)
    assert calendars.move_due(now=FRIDAY) == 1
    moved = Handoff.objects.get(pk=handoff.pk)
    assert (moved.accept_by, moved.resolve_by) == (handoff.accept_by, datetime(2026, 11, 24, 15, tzinfo=UTC))
    row = moved.history.latest()
    assert (row.event, row.actor_name, row.details["calendar"]) == (Event.RESCHEDULED, "the clock", "office")
    assert list(row.details["moved"]) == ["resolve_by"]
    assert calendars.move_due(now=FRIDAY) == 0


def test_what_is_closed_or_counts_elsewhere_stays(office, ann):
    closed = HandoffFactory(opened_at=FRIDAY, accepted_by=ann, resolved=True)
    office.weekly_hours = {"mon": ["09:00-10:00"]}
    calendars.save(office)
    assert calendars.move_due(now=FRIDAY) == 0
    assert Handoff.objects.get(pk=closed.pk).resolve_by == closed.resolve_by


def test_many_are_moved_a_batch_at_a_time_and_none_twice(office):
    for minutes in range(5):
        HandoffFactory(opened_at=FRIDAY + timedelta(minutes=minutes))
    office.closed_dates = [datetime(2026, 11, 23, tzinfo=UTC).date()]
    calendars.save(office)
    assert [calendars.move_due(now=FRIDAY, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_an_edit_while_others_are_moved_begins_anew(office):
    for _ in range(3):
        HandoffFactory(opened_at=FRIDAY)
    office.closed_dates = [datetime(2026, 11, 23, tzinfo=UTC).date()]
    calendars.save(office)
    calendars.move_due(now=FRIDAY, limit=2)
    office.closed_dates = []
    calendars.save(office)
    assert sum(calendars.move_due(now=FRIDAY, limit=2) for _ in range(3)) == 2


def test_hours_that_are_no_hours_are_refused(office):
    office.weekly_hours = {"mon": ["nine to five"]}
    with pytest.raises(ValidationError):
        calendars.save(office)
