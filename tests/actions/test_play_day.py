"""The demo's day in a minute: its policy is legal, and the clock does with its cases what visitors are shown."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from handoffs import jobs
from handoffs.choices import Event, State
from handoffs.management.commands import play_day
from handoffs.models import Handoff
from tests.factories import MANAGER

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(monkeypatch, now):
    """Sweep as if so many seconds had passed since the play began."""

    def sweep(seconds):
        monkeypatch.setattr("handoffs.jobs.timezone.now", lambda: now + timedelta(seconds=seconds))
        for _ in range(3):
            jobs.sweep()

    return sweep


def events(handoff):
    return list(handoff.history.order_by("sequence").values_list("event", flat=True))


def test_what_nobody_looks_at_is_reminded_of_moved_up_warned_of_and_cut_off(at, now, workflow):
    handoff = play_day._open_all(now)["LEFT-ALONE"]
    for second in (10, 20, 30, 50, 60):
        at(second)
    assert events(handoff) == [
        Event.OPENED,
        Event.REMINDED,
        Event.ESCALATED,
        Event.REMINDED,
        Event.REMINDED,
        Event.EXPIRED,
    ]
    found = Handoff.objects.get(pk=handoff.pk)
    assert (found.state, found.role.name, found.resolved_at) == (State.RESOLVED, MANAGER, found.cut_off_at)


def test_the_command_can_be_played_as_often_as_one_likes(workflow, capsys):
    for _ in range(2):
        call_command("play_day", seconds=1)
    assert "LEFT-ALONE    opened by day-player" in capsys.readouterr().out
    assert Handoff.objects.filter(workflow__key=play_day.WORKFLOW).count() == 3
