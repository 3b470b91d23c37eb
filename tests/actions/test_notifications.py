"""Who is told of what: one row per handoff, step, person and channel, looked up when the step fires."""

from datetime import timedelta

import pytest

from handoffs.actions import escalation, lifecycle, notifications, receipts
from handoffs.choices import Channel, Event, NoticeKind, ReceiptStatus
from handoffs.models import Notification, NotificationChannel, Recovery
from handoffs.queries import lookups, team
from tests import factories
from tests.factories import CLERK, MANAGER, HandoffFactory

pytestmark = pytest.mark.django_db


def told(handoff, channel=Channel.IN_APP):
    rows = Notification.objects.filter(handoff=handoff, channel=channel, superseded_at=None)
    return sorted((row.kind, row.person.username) for row in rows.select_related("person"))


def fire_all(handoff, now):
    while escalation.fire(handoff.pk, now=now) is not None:
        pass


def test_a_reminder_tells_every_available_person_of_the_role_in_the_desk_and_by_mail(now, ann, bob, lea, max_):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    expected = [(NoticeKind.REMINDER, "ann"), (NoticeKind.REMINDER, "bob")]
    assert told(handoff) == expected
    assert told(handoff, Channel.EMAIL) == expected


def test_a_reminder_says_in_the_readers_zone_what_is_due_when(now, ann):
    ann.time_zone = "Asia/Kolkata"
    ann.save()
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    notice = Notification.objects.get(handoff=handoff, person=ann, channel=Channel.IN_APP)
    assert notice.title == f"{handoff.case.reference} waits to be accepted, overdue"
    assert " IST (1 minute ago). Nobody of AP clerk holds it yet." in notice.text


def test_people_are_looked_up_when_the_step_fires(now, ann, bob):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    leave(ann)
    escalation.fire(handoff.pk, now=now)
    assert told(handoff) == [(NoticeKind.REMINDER, "bob")]


def test_the_holder_alone_is_reminded_of_the_decision(now, ann, bob):
    handoff = HandoffFactory(opened_ago=timedelta(hours=6, minutes=1), accepted_by=ann)
    handoff.last_activity_at = now
    type(handoff).objects.filter(pk=handoff.pk).update(last_activity_at=now, next_step_at=now)
    escalation.fire(handoff.pk, now=now)
    assert told(handoff) == [(NoticeKind.REMINDER, "ann")]
    assert handoff.history.latest().details["told"] == ["Ann"]


def test_telling_the_same_step_again_changes_nothing(now, ann):
    handoff = HandoffFactory()
    for _ in range(2):
        notifications.tell(
            handoff,
            step="reminder:0",
            kind=NoticeKind.REMINDER,
            people=[ann],
            words=lambda zone: notifications.notices.empty_role(notifications.about(handoff), role="x"),
            now=now,
        )
    assert told(handoff) == [(NoticeKind.REMINDER, "ann")]


def test_after_a_reopening_the_same_step_is_told_anew(now, ann, lea):
    handoff = HandoffFactory(opened_ago=timedelta(hours=9), accepted_by=ann, resolved=True)
    handoff = lifecycle.reopen(handoff, actor=lea, reason="Paid twice", now=now)
    escalation.fire(handoff.pk, now=now + timedelta(minutes=62))
    assert Notification.objects.filter(handoff=handoff, step="reminder:1/1", person=ann).count() == 2


def test_escalation_tells_the_new_role_and_whom_the_policy_names(now, ann, lea):
    controller = factories.PersonFactory(username="cora", roles=["Controller"])
    chain = [{"when": "not_accepted", "after": "2h", "role": MANAGER, "tell": ["Controller"]}]
    factories.workflow(sla={"accept_within": "1h", "escalation": chain})
    handoff = HandoffFactory(opened_ago=timedelta(hours=3))
    fire_all(handoff, now)
    assert told(handoff) == [(NoticeKind.ESCALATED, controller.username), (NoticeKind.ESCALATED, "lea")]


def test_what_was_asked_is_superseded_once_somebody_accepts(now, ann, bob):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    lifecycle.accept(handoff, reviewer=bob, now=now)
    assert told(handoff) == []
    assert Notification.objects.filter(handoff=handoff, superseded_at=now).count() == 4


def test_the_cut_off_tells_the_holder_and_the_managers(now, ann, lea):
    handoff = HandoffFactory(opened_ago=timedelta(days=3, minutes=1), accepted_by=ann)
    escalation.fire(handoff.pk, now=now)
    assert told(handoff) == [(NoticeKind.CUT_OFF, "ann"), (NoticeKind.CUT_OFF, "lea")]


def test_an_overdue_receipt_alerts_the_managers_until_it_comes(now, ann, lea, matcher):
    handoff = HandoffFactory(accepted_by=ann, resolved=True)
    later = Recovery.objects.get(handoff=handoff).receipt_due_at + timedelta(seconds=1)
    assert receipts.note_overdue(now=later) == 1
    assert told(handoff) == [(NoticeKind.RECEIPT_OVERDUE, "lea")]
    receipts.receive(handoff, receipts.Receipt(status=ReceiptStatus.APPLIED), automation=matcher, now=later)
    assert told(handoff) == []


def leave(*people):
    for person in people:
        person.is_active = False
        person.save()


def test_a_role_whose_people_left_is_passed_by_and_operators_hear_of_it(now, workflow, ann, bob, lea, otto):
    leave(ann, bob)
    handoff = HandoffFactory(opened_ago=timedelta(minutes=1))
    assert (handoff.role.name, handoff.escalation_level) == (MANAGER, 1)
    events = list(handoff.history.values_list("event", flat=True))
    assert events == [Event.OPENED, Event.ROUTED_TO_EMPTY_ROLE, Event.ESCALATED]
    assert told(handoff) == [(NoticeKind.EMPTY_ROLE, "otto"), (NoticeKind.ESCALATED, "lea")]


def test_where_nobody_is_there_at_all_it_stays_and_operators_hear_of_it(now, workflow, ann, bob, lea, otto):
    leave(ann, bob, lea)
    handoff = HandoffFactory()
    assert handoff.role.name == CLERK
    assert told(handoff) == [(NoticeKind.EMPTY_ROLE, "otto")]


def test_a_channel_of_the_role_hears_it_masked(now, ann):
    channel = NotificationChannel.objects.create(
        title="AP room", address="json://127.0.0.1:9/x", role=factories.role(CLERK)
    )
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    row = Notification.objects.get(handoff=handoff, channel=Channel.CHAT)
    assert (row.address, row.person, row.title) == (channel, None, "A handoff of Invoice matching needs attention")


def test_who_does_not_want_mail_gets_none(now, ann):
    notifications.save_settings(notifications.NoticeSettings(person=ann, by_email=False))
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    assert told(handoff, Channel.EMAIL) == [(NoticeKind.REMINDER, "bob")]
    assert told(handoff) == [(NoticeKind.REMINDER, "ann"), (NoticeKind.REMINDER, "bob")]


def test_all_is_read_up_to_what_the_page_showed(now, ann):
    first = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(first.pk, now=now)
    later = now + timedelta(minutes=2)
    second = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(second.pk, now=later)
    assert notifications.mark_all_read(ann, until=now, now=later) == 1
    assert [row.handoff for row in Notification.objects.unread().filter(person=ann)] == [second]


def test_a_batch_that_fires_at_once_looks_the_same_people_up_once(now, ann, bob, django_assert_num_queries):
    role_ids = [factories.role(CLERK).pk]
    with lookups.kept(), django_assert_num_queries(2):
        for _ in range(3):
            people = team.available_of(role_ids, now=now)
            team.channels_of(people, role_ids)
    assert [person.username for person in people] == ["ann", "bob"]
    leave(bob)
    assert [person.username for person in team.available_of(role_ids, now=now)] == ["ann"]
