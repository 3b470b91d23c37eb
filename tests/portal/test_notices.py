"""The inbox of notices, and how one is told: read, away, quiet."""

from datetime import timedelta

import pytest

from handoffs.actions import escalation
from handoffs.choices import Channel
from handoffs.models import Absence, Handoff, NoticeSettings, Notification
from tests.factories import HandoffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reminded(now):
    handoff = HandoffFactory(opened_ago=timedelta(minutes=62))
    escalation.fire(handoff.pk, now=now)
    return handoff


def test_the_bell_counts_what_is_unread(as_, ann, reminded):
    assert 'aria-label="Notices, 1 unread"' in as_(ann).get("/queue/").text


def test_the_inbox_shows_ones_own_notices_only(as_, ann, max_, reminded):
    assert [row["handoff_id"] for row in as_(ann).get("/notices/").context["rows"]] == [reminded.pk]
    assert as_(max_).get("/notices/").context["rows"] == []


def test_opening_a_notice_reads_it_and_decides_nothing(as_, ann, reminded):
    notice = Notification.objects.get(person=ann, channel=Channel.IN_APP)
    response = as_(ann).get(f"/notices/{notice.pk}/")
    assert response.headers["Location"] == f"/handoffs/{reminded.pk}/"
    reminded = Handoff.objects.get(pk=reminded.pk)
    assert (Notification.objects.unread().filter(person=ann).count(), reminded.state) == (0, "pending")


def test_nobody_reads_the_notice_of_somebody_else(as_, ann, bob, reminded):
    notice = Notification.objects.get(person=ann, channel=Channel.IN_APP)
    assert as_(bob).post(f"/notices/{notice.pk}/read/").status_code == 404
    assert Notification.objects.unread().filter(person=ann).count() == 1


def test_all_are_marked_as_read_without_a_script(as_, ann, reminded):
    page = as_(ann).get("/notices/")
    as_(ann).post("/notices/read/", {"until": page.context["now"].isoformat()})
    assert Notification.objects.unread().filter(person=ann).count() == 0
    assert as_(ann).get("/notices/?show=unread").context["rows"] == []


def test_the_inbox_costs_the_same_with_more_notices(as_, ann, now, django_assert_max_num_queries):
    for _ in range(3):
        escalation.fire(HandoffFactory(opened_ago=timedelta(minutes=62)).pk, now=now)
    client = as_(ann)
    with django_assert_max_num_queries(10):
        assert len(client.get("/notices/").context["rows"]) == 3


def test_an_absence_is_noted_in_ones_own_zone(as_, ann, bob, workflow):
    ann.time_zone = "Asia/Kolkata"
    ann.save()
    sent = {"starts_at": "2030-06-03T09:00", "ends_at": "2030-06-07T18:00", "cover": bob.pk}
    assert as_(ann).post("/being-told/away/", sent).status_code == 302
    absence = Absence.objects.get()
    assert absence.starts_at.isoformat() == "2030-06-03T03:30:00+00:00"
    assert (absence.person, absence.cover) == (ann, bob)
    as_(bob).post(f"/being-told/away/{absence.pk}/end/")
    assert Absence.objects.exists()
    as_(ann).post(f"/being-told/away/{absence.pk}/end/")
    assert not Absence.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [
        {"starts_at": "2030-06-07T09:00", "ends_at": "2030-06-03T09:00"},
        {"starts_at": "2001-06-03T09:00", "ends_at": "2001-06-04T09:00"},
        {"starts_at": "soon", "ends_at": ""},
    ],
)
def test_an_absence_that_cannot_be_is_refused_beside_its_field(as_, ann, workflow, sent):
    response = as_(ann).post("/being-told/away/", sent)
    assert response.status_code == 400
    assert 'class="error"' in response.text
    assert not Absence.objects.exists()


def test_quiet_hours_need_a_beginning_and_an_end(as_, ann, workflow):
    assert as_(ann).post("/being-told/settings/", {"by_email": "on", "quiet_from": "20:00"}).status_code == 400
    sent = {"by_email": "on", "quiet_from": "20:00", "quiet_until": "07:00"}
    assert as_(ann).post("/being-told/settings/", sent).status_code == 302
    assert NoticeSettings.objects.get(person=ann).quiet_until.hour == 7
