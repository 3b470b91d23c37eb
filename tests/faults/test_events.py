"""The feed of events skips nothing, however late it is committed and however many write at once."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from handoffs.actions import audit, context, lifecycle
from handoffs.choices import Event
from handoffs.models import Actor, Handoff
from handoffs.queries import events
from handoffs.queries.events import Place, Wanted
from tests.factories import HandoffFactory
from tests.faults.crowd import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def _after(place):
    return events.after(place, Handoff.objects.all(), Wanted(), limit=200)


def _told(stretch):
    return [(event["handoff"]["id"], event["event"]) for event in stretch.events]


@contextmanager
def _a_note_that_is_not_committed_yet(handoff, author):
    """Written in another connection at once; committed when the block ends."""
    written, may_commit = threading.Event(), threading.Event()

    def write():
        try:
            with transaction.atomic():
                found = context.locked(handoff)
                audit.record(found, Event.NOTE_ADDED, actor=Actor.of(author), now=timezone.now(), reason="late")
                written.set()
                may_commit.wait(120)
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(120)
    yield
    may_commit.set()
    thread.join(120)


def test_what_is_committed_late_is_not_skipped(ann):
    late, prompt = HandoffFactory(), HandoffFactory()
    place = _after(Place()).place
    with _a_note_that_is_not_committed_yet(late, ann):
        lifecycle.accept(prompt, reviewer=ann, now=timezone.now())
        meanwhile = _after(place)
        assert _told(meanwhile) == []
    then = _after(meanwhile.place)
    assert _told(then) == [(str(late.pk), "note_added"), (str(prompt.pk), "accepted")]
    assert _told(_after(then.place)) == []


def test_a_reader_beside_many_writers_sees_every_event_once(ann):
    handoffs = [HandoffFactory() for _ in range(12)]
    seen, place, done = [], Place(), threading.Event()

    def read():
        nonlocal place
        while True:
            was_done = done.is_set()
            stretch = _after(place)
            seen.extend(event["cursor"] for event in stretch.events)
            place = stretch.place
            if was_done and not stretch.has_more:
                connection.close()
                return

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        at_once([lambda one=one: context.add_note(one, author=ann, text="x", now=timezone.now()) for one in handoffs])
    done.set()
    reader.join(60)
    assert (len(seen), len(set(seen))) == (Handoff.history.count(), Handoff.history.count())
