"""Timers after outages, poison, clock jumps and dead mail servers: no step is lost or doubled, nobody is flooded."""

import smtplib
import socket
from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import Count
from django.utils import timezone

from handoffs import jobs
from handoffs.actions import availability, letters, mailing
from handoffs.choices import Channel, Event, MessageState, State
from handoffs.models import Delivery, Handoff, Message, Notification, SweepHeartbeat
from handoffs.queries.verification import verify_audit
from tests.bench.stage import many_handoffs
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(monkeypatch):
    """A clock for the sweep that the test sets."""

    class Clock:
        now = timezone.now()

        def sweep(self):
            return jobs.sweep()["steps"]

        def drain(self):
            letters.compose(now=self.now)
            return mailing.drain(clock=lambda: self.now)

    clock = Clock()
    monkeypatch.setattr("handoffs.jobs.timezone.now", lambda: clock.now)
    return clock


def events(handoff):
    return list(handoff.history.order_by("sequence").values_list("event", flat=True))


def test_after_an_outage_a_chain_advances_one_step_per_pass_and_stale_reminders_are_not_sent(clock, ann):
    handoffs = [HandoffFactory(opened_at=clock.now) for _ in range(5)]
    clock.now += 12 * HOUR
    assert [clock.sweep() for _ in range(3)] == [5, 5, 0]
    for handoff in handoffs:
        assert Event.REMINDER_SUPERSEDED in events(handoff)
        assert Event.REMINDED not in events(handoff)
        assert not Notification.objects.filter(handoff=handoff, kind="reminder").exists()
    assert list(verify_audit()) == []


def test_after_an_outage_each_person_gets_one_message(clock, lea):
    for _ in range(8):
        HandoffFactory(opened_at=clock.now)
    clock.now += 3 * HOUR
    while clock.sweep():
        pass
    clock.now += timedelta(seconds=11)
    clock.drain()
    assert [sent.to for sent in mail.outbox if sent.to == ["lea@desk.example"]] == [["lea@desk.example"]]
    assert mail.outbox[0].subject.startswith("8 handoffs need attention")


def test_an_outage_over_the_cut_off_applies_it_first_and_stamps_it_with_the_deadline(clock):
    handoff = HandoffFactory(opened_at=clock.now)
    clock.now += timedelta(days=4)
    assert [clock.sweep(), clock.sweep()] == [1, 0]
    found = Handoff.objects.get(pk=handoff.pk)
    assert (found.state, found.resolved_at) == (State.RESOLVED, handoff.cut_off_at)
    assert Event.ESCALATED not in events(handoff)


def test_a_clock_that_jumps_back_fires_nothing_twice(clock):
    handoff = HandoffFactory(opened_at=clock.now)
    clock.now += timedelta(minutes=61)
    assert clock.sweep() == 1
    told = Notification.objects.count()
    clock.now -= 2 * HOUR
    assert clock.sweep() == 0
    clock.now += 2 * HOUR
    assert (clock.sweep(), Notification.objects.count()) == (0, told)
    assert events(handoff).count(Event.REMINDED) == 1


def test_one_poison_row_keeps_nobody_waiting(clock):
    poison, *others = [HandoffFactory(opened_at=clock.now) for _ in range(4)]
    Handoff.objects.filter(pk=poison.pk).update(pauses=[["a row that nobody can read", None]])
    clock.now += timedelta(minutes=61)
    assert clock.sweep() == len(others)
    assert SweepHeartbeat.objects.get().swept_at == clock.now
    assert Handoff.objects.get(pk=poison.pk).next_step_at == clock.now + timedelta(seconds=60)
    Handoff.objects.filter(pk=poison.pk).update(pauses=[])
    clock.now += timedelta(seconds=61)
    assert clock.sweep() == 1


def test_a_part_of_the_sweep_that_fails_does_not_stop_the_clock(clock, bob, monkeypatch):
    HandoffFactory(opened_at=clock.now)
    availability.go_away(bob, starts_at=clock.now, ends_at=clock.now + HOUR, cover=None, now=clock.now)

    def hand_over_due(*, now):
        raise RuntimeError("an absence that nobody can read")

    monkeypatch.setattr("handoffs.jobs.availability.hand_over_due", hand_over_due)
    clock.now += timedelta(minutes=61)
    assert clock.sweep() == 1
    assert SweepHeartbeat.objects.get().swept_at == clock.now


def test_a_mail_server_that_is_down_for_an_hour_delays_mail_and_nothing_else(clock, ann, monkeypatch):
    def refuses(self):
        raise smtplib.SMTPConnectError(421, "try later")

    backend = "django.core.mail.backends.locmem.EmailBackend"
    handoff = HandoffFactory(opened_at=clock.now)
    clock.now += timedelta(minutes=61)
    with monkeypatch.context() as broken:
        broken.setattr(f"{backend}.open", refuses)
        assert clock.sweep() == 1
        for _ in range(6):
            clock.now += timedelta(minutes=10)
            clock.drain()
        assert mail.outbox == []
        assert events(handoff)[-1] == Event.REMINDED
        assert Notification.objects.unread().filter(person=ann, channel=Channel.IN_APP).exists()
    clock.now += HOUR
    clock.drain()
    assert {message.to[0] for message in mail.outbox} == {"ann@desk.example", "bob@desk.example"}
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SENT}


@pytest.mark.fault
def test_ten_thousand_timers_of_one_second_are_each_stepped_once():
    HandoffFactory(opened_ago=timedelta(minutes=1))
    many_handoffs(10_000)
    moment = timezone.now() - HOUR - timedelta(seconds=1)
    Handoff.objects.update(clock_started_at=moment, next_step_at=moment + HOUR)
    due, done = Handoff.objects.count(), 0
    while steps := jobs.sweep()["steps"]:
        done += steps
    assert done == due
    assert not Handoff.objects.exclude(steps_done=["reminder:1"]).exists()
    told = Notification.objects.values("handoff", "person", "channel").annotate(count=Count("pk"))
    assert told.exists()
    assert not told.exclude(count=1).exists()


class Killed(BaseException):
    """The process is gone: nothing of ours catches it."""


@pytest.mark.parametrize(
    "point",
    [
        "escalation.rows.read_related",
        "escalation.sla.due_now",
        "audit._next_row",
        "reminders.send",
        "escalation.gathering._update",
        "escalation.gathering.records.insert",
    ],
)
def test_a_sweep_killed_at_any_point_loses_and_doubles_nothing(clock, point, monkeypatch):
    handoffs = [HandoffFactory(opened_at=clock.now) for _ in range(5)]
    clock.now += timedelta(minutes=61)

    def dies(*args, **named):
        raise Killed

    with monkeypatch.context() as fatal:
        fatal.setattr(f"handoffs.actions.{point}", dies)
        with pytest.raises(Killed):
            clock.sweep()
    assert not Handoff.history.filter(event=Event.REMINDED).exists()
    assert [clock.sweep(), clock.sweep()] == [len(handoffs), 0]
    assert [events(each).count(Event.REMINDED) for each in handoffs] == [1] * len(handoffs)
    assert list(verify_audit()) == []


def test_a_mail_server_that_accepts_and_never_answers_keeps_only_mail_waiting(clock, ann, settings, monkeypatch):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_TIMEOUT = 300
    handoff = HandoffFactory(opened_at=clock.now, accepted_by=ann, resolved=True)
    HandoffFactory(opened_at=clock.now)
    clock.now += timedelta(minutes=61)
    assert clock.sweep() == 1
    clock.now += timedelta(minutes=1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        assert (jobs.notify_beside(), jobs.notify_beside()) == (True, False)
        assert (jobs.deliver(), clock.sweep()) == (1, 0)
        assert jobs._MAILERS[-1][0].is_alive(), "it did not wait for the mail server, so nothing was shown"
    jobs._MAILERS[-1][0].join(timeout=60)  # the server hangs up
    mails = Message.objects.filter(channel=Channel.EMAIL)
    assert {(one.state, one.attempts_made, bool(one.last_error)) for one in mails} == {(MessageState.QUEUED, 1, True)}
    assert Delivery.objects.get(handoff=handoff).attempts_made == 1
