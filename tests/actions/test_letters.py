"""Notices become messages: one each in the thread of its handoff, one digest for many, none at night."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.core import mail

from handoffs.actions import escalation, letters, lifecycle, mailing, notifications
from handoffs.choices import Channel, MessageState
from handoffs.models import Message, Notification, NotificationChannel
from tests import factories
from tests.factories import CLERK, HandoffFactory

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=11)


@pytest.fixture(autouse=True)
def _only_ann_reads_mail(workflow, bob):
    bob.email = ""
    bob.save()


def reminded(now, count=1, **wishes):
    handoffs = [HandoffFactory(opened_ago=timedelta(minutes=62), **wishes) for _ in range(count)]
    for handoff in handoffs:
        escalation.fire(handoff.pk, now=now)
    return handoffs


def send(now):
    letters.compose(now=now)
    return mailing.drain(clock=lambda: now)


def test_a_notice_waits_for_others_before_it_goes_out(now, ann):
    reminded(now)
    assert send(now + timedelta(seconds=9)) == 0
    assert send(now + LATER) == 1
    assert [message.to for message in mail.outbox] == [["ann@desk.example"]]


def test_a_mail_belongs_to_the_thread_of_its_handoff_and_links_to_it(now, ann, settings):
    (handoff,) = reminded(now)
    send(now + LATER)
    (sent,) = mail.outbox
    assert sent.subject == f"[#{handoff.number}] Invoice matching: {handoff.case.reference}"
    assert sent.extra_headers["References"] == mailing.thread_id(handoff.pk)
    assert sent.extra_headers["Message-ID"] == mailing.message_id(Message.objects.get())
    assert f"{settings.DESK_URL}/handoffs/{handoff.pk}/" in sent.body
    assert sent.alternatives[0].mimetype == "text/html"
    assert "Opening the link decides nothing" in sent.body


def test_a_mail_never_carries_what_is_sensitive(now, ann):
    reminded(now)
    send(now + LATER)
    (sent,) = mail.outbox
    whole = sent.body + sent.alternatives[0].content
    assert "Bank account" in whole
    assert factories.DATA["bank_account"] not in whole


def test_many_at_once_to_one_person_are_one_message(now, ann):
    factories.PersonFactory(username="dora", roles=[CLERK])
    reminded(now, count=6)
    send(now + LATER)
    assert sorted(message.to[0] for message in mail.outbox) == ["ann@desk.example", "dora@desk.example"]
    assert mail.outbox[0].subject.startswith("6 handoffs need attention: INV-")
    assert Message.objects.filter(handoff=None, notices_count=6).count() == 2


def test_while_the_sweep_is_behind_messages_wait_for_what_is_still_to_come(now, ann):
    reminded(now)
    HandoffFactory(opened_ago=timedelta(minutes=62))
    assert send(now + LATER) == 0
    assert send(now + timedelta(minutes=3)) == 1


def test_quiet_hours_hold_messages_back_and_then_send_them_together(ann):
    evening = datetime(2026, 11, 24, 21, tzinfo=UTC)
    notifications.save_settings(notifications.NoticeSettings(person=ann, quiet_from=time(20), quiet_until=time(7)))
    handoffs = [HandoffFactory(opened_at=evening - timedelta(minutes=62)) for _ in range(4)]
    for handoff in handoffs:
        escalation.fire(handoff.pk, now=evening)
        type(handoff).objects.filter(pk=handoff.pk).update(next_step_at=evening + timedelta(days=2))
    assert send(evening + LATER) == 0
    assert send(datetime(2026, 11, 25, 6, 59, tzinfo=UTC)) == 0
    assert send(datetime(2026, 11, 25, 7, tzinfo=UTC)) == 1
    assert Notification.objects.unread().filter(person=ann).count() == 4


def test_what_was_overtaken_before_it_went_out_is_not_sent(now, ann, bob):
    (handoff,) = reminded(now)
    letters.compose(now=now + LATER)
    lifecycle.accept(handoff, reviewer=bob, now=now + LATER)
    assert mailing.drain(clock=lambda: now + LATER) == 0
    assert mail.outbox == []
    assert set(Message.objects.values_list("state", flat=True)) == {MessageState.SUPERSEDED}


def test_a_sent_notice_is_never_composed_again_even_when_its_message_is_forgotten(now, ann):
    reminded(now)
    send(now + LATER)
    assert mailing.drop_old(now=now + timedelta(days=31)) == 1
    assert send(now + timedelta(days=31)) == 0


def test_who_may_not_read_the_case_any_more_learns_no_facts(now, ann, lea):
    cora = factories.PersonFactory(username="cora", roles=["Controller"])
    factories.PersonFactory(username="carl", roles=["Controller"])
    chain = [{"when": "not_accepted", "after": "2h", "role": factories.MANAGER, "tell": ["Controller"]}]
    factories.workflow(sla={"escalation": chain})
    handoff = HandoffFactory(opened_ago=timedelta(hours=3))
    escalation.fire(handoff.pk, now=now)
    cora.groups.clear()
    send(now + LATER)
    bodies = {message.to[0]: message.body for message in mail.outbox}
    assert "Acme" in bodies["lea@desk.example"]
    assert str(handoff.pk) in bodies["carl@desk.example"]
    assert "Acme" not in bodies["cora@desk.example"]
    assert str(handoff.pk) not in bodies["cora@desk.example"]


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_mail_server_that_is_away_is_asked_again_later_and_counts_nothing_twice(now, ann, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    reminded(now)
    assert send(now + LATER) == 1
    message = Message.objects.get()
    assert (message.state, message.attempts_made) == (MessageState.QUEUED, 1)
    assert message.next_attempt_at == now + LATER + timedelta(seconds=30)
    assert "ConnectionRefusedError" in message.last_error
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send(now + timedelta(seconds=20)) == 0
    assert send(now + timedelta(seconds=50)) == 1
    assert [sent.extra_headers["Message-ID"] for sent in mail.outbox] == [mailing.message_id(message)]


def test_what_comes_while_the_server_is_away_goes_as_one_digest(now, ann, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    reminded(now)
    send(now + LATER)
    reminded(now, count=5)
    send(now + 2 * LATER)
    assert Message.objects.count() == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert send(now + timedelta(seconds=120)) == 1
    assert send(now + timedelta(seconds=135)) == 1
    assert mail.outbox[1].subject.startswith("5 handoffs need attention")


def test_a_message_that_always_fails_is_parked_with_its_reason_and_can_be_sent_again(now, ann, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    reminded(now)
    letters.compose(now=now + LATER)
    for day in range(11):
        mailing.drain(clock=lambda day=day: now + timedelta(days=day + 1))
    message = Message.objects.get()
    assert (message.state, message.attempts_made, message.next_attempt_at) == (MessageState.PARKED, 11, None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert mailing.send_again(message, now=now)
    assert mailing.drain(clock=lambda: now) == 1
    assert len(mail.outbox) == 1


def test_two_workers_send_each_message_once(now, ann):
    reminded(now)
    letters.compose(now=now + LATER)
    (mine,) = mailing.lease(now=now + LATER)
    assert mailing.lease(now=now + LATER) == []
    late = now + LATER + mailing.LEASE
    (theirs,) = mailing.lease(now=late)
    mailing.finish(mine, None, now=late)
    assert Message.objects.get().state == MessageState.QUEUED
    mailing.finish(theirs, None, now=late)
    assert Message.objects.get().state == MessageState.SENT


# --- chat -----------------------------------------------------------------------------------------------------------


def test_a_chat_hears_what_its_role_hears_masked_unless_it_may_know(now, ann, httpserver):
    for name, masked in (("secretive", True), ("open", False)):
        httpserver.expect_request(f"/{name}", method="POST").respond_with_data("")
        NotificationChannel.objects.create(
            title=name,
            address=httpserver.url_for(f"/{name}").replace("http://", "json://"),
            role=factories.role(CLERK),
            is_masked=masked,
        )
    reminded(now)
    send(now + LATER)
    heard = {request.path: request.get_json() for request, _ in httpserver.log}
    assert "Acme" not in str(heard["/secretive"])
    assert "INV-" not in str(heard["/secretive"])
    assert "Acme" in heard["/open"]["message"]


def test_a_chat_that_refuses_is_tried_again_and_mails_go_out_all_the_same(now, ann, httpserver):
    httpserver.expect_request("/chat").respond_with_data("", status=500)
    address = httpserver.url_for("/chat").replace("http://", "json://")
    NotificationChannel.objects.create(title="chat", address=address, person=ann)
    reminded(now)
    send(now + LATER)
    states = dict(Message.objects.values_list("channel", "state"))
    assert states == {Channel.CHAT: MessageState.QUEUED, Channel.EMAIL: MessageState.SENT}
