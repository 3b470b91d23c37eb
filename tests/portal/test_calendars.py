"""The managers' calendar pages: by plain forms, with a preview, a history, and no way past the rules."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from handoffs.actions import calendars
from handoffs.choices import Event
from handoffs.models import BusinessCalendar, Handoff
from handoffs.queries import calendars as queries
from tests import factories
from tests.factories import HandoffFactory, PersonFactory, publish, role
from tests.policies import invoice_matching
from tests.refusals import everything

pytestmark = pytest.mark.django_db
LIST, NEW, OFFICE, EDIT = "/calendars/", "/calendars/new/", "/calendars/office/", "/calendars/office/edit/"
WEEK = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture
def office(lea):
    office = BusinessCalendar(key="office", title="Office", time_zone="UTC", weekly_hours=WEEK)
    calendars.save(office)
    factories.workflow(sla=invoice_matching()["sla"] | {"calendar": "office"})
    calendars.move_due(now=timezone.now())
    return office


def _form(calendar=None, **changes):
    """What the page's form sends, with changes."""
    hours = {f"hours_{day}": ", ".join(ranges) for day, ranges in (calendar.weekly_hours if calendar else WEEK).items()}
    said = {"title": "Office", "time_zone": "UTC", "country": "", "subdivision": "", "closed_dates": "", "do": "keep"}
    edition = queries.edition_of(calendar) if calendar else 0
    return {**said, **hours, "edition": edition, "reason": "", **changes}


@pytest.mark.parametrize("address", [LIST, NEW, OFFICE, EDIT])
def test_calendars_are_for_managers(as_, ann, lea, office, address):
    assert [as_(person).get(address).status_code for person in (ann, lea)] == [403, 200]


def test_without_calendars_the_page_says_what_counts(as_, lea, workflow):
    assert "around the clock" in as_(lea).get(LIST).content.decode()


def test_a_manager_makes_a_calendar_with_split_days_and_nights(as_, lea, workflow):
    hours = {"hours_mon": "09:00-12:00, 13:00–17:00", "hours_sat": "22:00-06:00", "hours_fri": ""}
    sent = _form(key="nights", title="Nights", time_zone="Europe/Berlin", country="DE", subdivision="BE", **hours)
    response = as_(lea).post(NEW, sent | {"closed_dates": "2026-12-24\n2026-12-31", "reason": "New site"})
    assert (response.status_code, response["Location"]) == (302, "/calendars/nights/")
    made = BusinessCalendar.objects.get(key="nights")
    kept = {"mon": ["09:00-12:00", "13:00-17:00"], "sat": ["22:00-06:00"]}
    assert made.weekly_hours == {day: WEEK[day] for day in ("tue", "wed", "thu")} | kept
    assert (made.country, made.subdivision, made.closed_dates) == ("DE", "BE", [date(2026, 12, 24), date(2026, 12, 31)])
    assert [(edit.by, edit.reason) for edit in queries.edits_of(made)] == [("Lea", "New site")]


def test_an_edit_moves_what_is_to_come_and_says_in_its_history_what_it_changed(as_, lea, office):
    handoff = HandoffFactory()
    tomorrow = timezone.now().date() + timedelta(days=1)
    dates = "\n".join((tomorrow + timedelta(days=after)).isoformat() for after in range(7))
    sent = _form(office, hours_mon="08:00-12:00", closed_dates=dates, reason="Works holiday")
    assert as_(lea).post(EDIT, sent).status_code == 302
    assert calendars.move_due(now=timezone.now()) == 1
    moved = Handoff.objects.get(pk=handoff.pk)
    assert moved.resolve_by > handoff.resolve_by
    assert moved.history.latest().event == Event.RESCHEDULED
    edit = as_(lea).get(OFFICE).context["edits"][0]
    assert (edit.by, edit.reason, edit.changes[0]) == ("Lea", "Works holiday", "Monday: 09:00-17:00 → 08:00-12:00")
    assert edit.changes[1].startswith(f"Closed on {tomorrow.isoformat()}")


def test_a_preview_shows_the_next_two_weeks_and_keeps_nothing(as_, lea, office):
    before = everything()
    page = as_(lea).post(EDIT, _form(office, country="US", hours_sun="10:00-11:00", do="preview"))
    days = page.context["days"]
    assert (page.status_code, len(days)) == (200, queries.PREVIEW_DAYS)
    assert [day.hours for day in days if day.on.weekday() == 6] == [("10:00–11:00",)] * 2
    assert everything() == before


def test_the_page_says_why_a_day_is_closed(office, now):
    office.country, office.closed_dates = "US", [date(2026, 12, 24)]
    days = {day.on.isoformat(): day for day in queries.preview(office, now=now.replace(year=2026, month=12, day=20))}
    assert days["2026-12-25"].closed_because == "Christmas Day"
    assert (days["2026-12-24"].closed_because, days["2026-12-26"].closed_because) == ("closed on this date", "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hours_mon": "9 to 5"}, "hours_mon"),
        ({"hours_mon": "25:00-26:00"}, "hours_mon"),
        ({"closed_dates": "Christmas"}, "closed_dates"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"country": "XX"}, "country"),
        ({"country": "DE", "subdivision": "NY"}, "subdivision"),
        ({f"hours_{day}": "" for day in WEEK}, "__all__"),
    ],
)
def test_what_is_no_calendar_is_refused_beside_its_field(as_, lea, office, changes, field):
    before = everything()
    page = as_(lea).post(EDIT, _form(office, **changes))
    assert (page.status_code, list(page.context["form"].errors)) == (400, [field])
    assert everything() == before


@pytest.mark.parametrize("key", ["office", "always", "new"])
def test_a_name_that_is_taken_is_refused(as_, lea, office, key):
    page = as_(lea).post(NEW, _form(key=key))
    assert (page.status_code, list(page.context["form"].errors)) == (400, ["key"])


def test_who_edits_what_somebody_else_just_edited_is_told_so(as_, lea, office):
    stale = _form(office, title="Mine")
    office.title = "Theirs"
    calendars.save(office)
    page = as_(lea).post(EDIT, stale)
    assert (page.status_code, BusinessCalendar.objects.get().title) == (409, "Theirs")
    assert "Somebody else edited" in page.content.decode()


def test_who_does_not_manage_all_that_count_in_it_reads_and_does_not_edit(as_, lea, otto, office):
    role("Payroll clerk")
    PersonFactory(username="pay", roles=["Payroll clerk"])
    payroll = {"routes": [{"role": "Payroll clerk"}], "sla": {"calendar": "office", "resolve_within": "8h"}}
    publish("payroll", **payroll)
    statuses = [as_(lea).get(OFFICE).status_code, as_(lea).get(EDIT).status_code]
    assert (statuses, as_(lea).post(EDIT, _form(office, title="Mine")).status_code) == ([200, 403], 403)
    assert as_(otto).post(EDIT, _form(office, title="Whole house")).status_code == 302
    assert BusinessCalendar.objects.get().title == "Whole house"


def test_the_list_costs_the_same_for_one_and_for_three(as_, lea, office, django_assert_num_queries):
    client = as_(lea)
    client.get(LIST)
    with django_assert_num_queries(6) as few:
        client.get(LIST)
    for key in ("a", "b"):
        calendars.save(BusinessCalendar(key=key, title=key, time_zone="UTC", weekly_hours=WEEK))
    with django_assert_num_queries(len(few)):
        client.get(LIST)
