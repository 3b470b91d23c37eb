"""A policy that asks for a replay is published after one, of the very document that goes live."""

from datetime import timedelta

import pytest

from handoffs.actions import policies, replays
from handoffs.actions.policies import ReplayRequired
from handoffs.actions.replays import Order, ReplayNeeded
from handoffs.models import PolicyVersion, Replay
from handoffs.queries.replay_reports import basis_of
from tests.actions.test_replays import finish
from tests.factories import CLEAN, post
from tests.policies import changed

pytestmark = pytest.mark.django_db
ASKS = ("rollout", {"percent": 100, "requires_replay": True})


@pytest.fixture
def draft(workflow, lea, now):
    post(now=now - timedelta(hours=1), data=CLEAN)
    return policies.save_draft("invoice-matching", changed(ASKS), author=lea, now=now)


def replayed(draft, now):
    return finish(replays.order_stored(Order(version=draft), from_at=None, until_at=None, by=None, now=now), now)


def publish(lea, now):
    return policies.publish("invoice-matching", publisher=lea, reason="Read the replay", now=now)


def test_without_a_replay_nothing_is_published(draft, lea, now):
    with pytest.raises(ReplayRequired):
        publish(lea, now)
    assert PolicyVersion.objects.get(status="live").number == 1


def test_after_a_replay_it_is_and_the_version_rests_on_it(draft, lea, now):
    replay = replayed(draft, now)
    version, _ = publish(lea, now + timedelta(minutes=1))
    assert basis_of(version) == replay
    with pytest.raises(ReplayNeeded):
        replays.forget(replay)
    assert Replay.objects.filter(pk=replay.pk).exists()


def test_a_replay_of_what_the_draft_said_before_does_not_count(draft, lea, now):
    replayed(draft, now)
    policies.save_draft("invoice-matching", changed(ASKS, ("triggers.0.when.value", 3)), author=lea, now=now)
    with pytest.raises(ReplayRequired):
        publish(lea, now)


def test_neither_does_one_that_was_called_off(draft, lea, now):
    order = replays.order_stored(Order(version=draft), from_at=None, until_at=None, by=None, now=now)
    replays.cancel(order, now=now)
    with pytest.raises(ReplayRequired):
        publish(lea, now)


def test_a_discarded_draft_leaves_its_replay(draft, lea, now):
    replay = replayed(draft, now)
    policies.discard_draft("invoice-matching", author=lea, now=now)
    replay.refresh_from_db()
    assert (replay.version, replay.version_number, replay.state) == (None, 2, "done")
