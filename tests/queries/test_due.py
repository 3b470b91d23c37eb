"""Why a handoff is due when it is, told to the second."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs.models import BusinessCalendar
from handoffs.queries import due
from handoffs.rules.calendars import StretchKind
from handoffs.rules.sla import Target
from tests import factories
from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db
FRIDAY = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)  # 15:00 in New York


@pytest.fixture
def office(db):
    hours = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    BusinessCalendar.objects.create(
        key="us-office", title="US office", time_zone="America/New_York", weekly_hours=hours
    )
    factories.workflow(sla={"calendar": "us-office", "accept_within": "1h", "resolve_within": "8h"})


def test_the_weekend_is_closed_on_the_way_to_a_target(office):
    handoff = HandoffFactory(opened_at=FRIDAY)
    accept, resolve = due.due_stories(handoff, now=FRIDAY)
    assert [(s.kind, s.seconds) for s in accept.stretches] == [(StretchKind.COUNTED, 3600)]
    assert [(s.kind, s.seconds) for s in resolve.stretches] == [
        (StretchKind.COUNTED, 2 * 3600),
        (StretchKind.CLOSED, 64 * 3600),
        (StretchKind.COUNTED, 6 * 3600),
    ]
    assert resolve.due_at == handoff.resolve_by == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def test_while_returned_the_story_leads_up_to_now_and_names_no_due_time(workflow, ann, now):
    handoff = HandoffFactory(opened_at=now - timedelta(hours=2), accepted_by=ann, returned=True)
    resolve = next(story for story in due.due_stories(handoff, now=now) if story.target is Target.RESOLVE)
    assert resolve.due_at is None
    assert [stretch.kind for stretch in resolve.stretches] == [StretchKind.COUNTED, StretchKind.PAUSED]
    assert sum(stretch.seconds for stretch in resolve.stretches) == 2 * 3600


def test_the_contract_tells_the_same(office):
    handoff = HandoffFactory(opened_at=FRIDAY)
    told = due.sla_json(handoff, now=FRIDAY)["targets"][0]
    assert told == {
        "target": "accept",
        "due_at": "2026-11-20T21:00:00.000000Z",
        "allowed_seconds": 3600,
        "calendar": "US office",
        "time_zone": "America/New_York",
        "fixed": False,
        "stretches": [
            {
                "kind": "counted",
                "from": "2026-11-20T20:00:00.000000Z",
                "to": "2026-11-20T21:00:00.000000Z",
                "seconds": 3600,
            }
        ],
    }
