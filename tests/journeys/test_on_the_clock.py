"""What people meet of the clock: a calendar and its history, a notice and its case, a figure and what is behind it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.actions import escalation
from handoffs.models import BusinessCalendar, Handoff, Notification
from tests.browser.stage import Desk, go
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def _press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name, exact=True).click()


def test_a_manager_makes_and_edits_a_calendar_without_scripts(desk: Desk, lea: User, workflow: object) -> None:
    page = desk.visit(lea, scripts=False)
    page.goto("/calendars/")
    go(page.get_by_role("link", name="Make one"))
    page.get_by_label("Name in policies").fill("night-shift")
    page.get_by_label("Title").fill("Night shift")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_label("Saturday").fill("22:00-06:00")
    _press(page, "Preview")
    expect(page.get_by_role("heading", name="As it would be, not saved yet")).to_be_visible()
    assert not BusinessCalendar.objects.exists()
    _press(page, "Make calendar")
    expect(page.get_by_role("heading", name="Night shift")).to_be_visible()
    go(page.get_by_role("link", name="Edit"))
    page.get_by_label("Monday").fill("09:00-12:00, 13:00-17:00")
    page.get_by_label("Why").fill("A break at noon")
    _press(page, "Save")
    expect(page.get_by_text("Monday: 09:00-17:00 → 09:00-12:00, 13:00-17:00")).to_be_visible()
    expect(page.get_by_text("A break at noon")).to_be_visible()


def test_who_is_reminded_goes_from_the_notice_to_the_case_and_accepts_it(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory(opened_ago=timedelta(minutes=61))
    escalation.fire(handoff.pk, now=timezone.now())
    page = desk.visit(ann)
    page.goto("/notices/")
    go(page.get_by_role("link", name=f"{handoff.case.reference} waits to be accepted"))
    expect(page.get_by_role("heading", name="Why it is due then")).to_be_visible()
    with page.expect_navigation():
        page.locator("#panel").get_by_role("button", name="Accept").click()
    assert Handoff.objects.get().holder == ann
    assert not Notification.objects.unread().filter(person=ann).exists()


def test_a_manager_goes_from_a_figure_to_what_is_behind_it_and_gives_it_to_somebody(
    desk: Desk, ann: User, bob: User, lea: User
) -> None:
    missed = HandoffFactory(opened_ago=timedelta(hours=9), accepted_by=ann, resolved=True)
    late = HandoffFactory(overdue=True)
    page = desk.visit(lea)
    page.goto("/sla/")
    expect(page.get_by_role("region", name="Targets met, by workflow")).to_contain_text("100.0 %")
    go(page.get_by_role("region", name="Targets met, by workflow").get_by_role("link").first)
    expect(page.get_by_text(missed.case.reference).first).to_be_visible()
    page.goto(f"/handoffs/{late.pk}/")
    page.get_by_label(f"Give {late.case.reference} to").select_option("Bob")
    with page.expect_navigation():
        page.get_by_role("button", name=f"Assign {late.case.reference}").click()
    assert Handoff.objects.get(pk=late.pk).holder == bob
