"""Accept and decide with a thumb, at 390 px."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.models import Decision
from tests.browser.stage import Desk, case_url
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

THUMB_PIXELS = 40


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_a_thumb_accepts_and_decides(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory(
        data={"vendor": "A vendor with a name that is rather longer than any screen is wide & Sons"}
    )
    page = desk.visit(ann, device="phone")
    page.goto("/queue/")
    assert overflow(page) == 0
    page.get_by_role("link", name=handoff.case.reference).tap()
    accept = page.locator(".thumb").get_by_role("button", name="Accept")
    expect(accept).to_be_in_viewport()
    box = accept.bounding_box()
    assert box
    assert box["height"] >= THUMB_PIXELS
    assert overflow(page) == 0
    with page.expect_navigation():
        accept.tap()
    page.locator(".thumb").get_by_role("link", name="Decide").tap()
    choice = page.locator(".choice", has_text="Approve and pay")
    expect(choice).to_be_in_viewport()
    choice.tap()
    with page.expect_navigation():
        page.get_by_role("button", name="Decide").tap()
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    assert overflow(page) == 0
    assert Decision.objects.get().decided_by == ann


def test_the_rail_folds_into_a_menu(desk: Desk, ann: User) -> None:
    HandoffFactory(accepted_by=ann)
    page = desk.visit(ann, device="phone")
    page.goto("/queue/")
    mine = page.get_by_role("navigation", name="Main").get_by_role("link", name="My work")
    expect(mine).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    mine.tap()
    expect(page).to_have_url(re.compile("/mine/$"))


@pytest.mark.parametrize("state", ["pending", "in_progress", "returned", "resolved"])
def test_a_case_fits_the_screen(desk: Desk, ann: User, state: str) -> None:
    wish = {
        "pending": {},
        "in_progress": {"accepted_by": ann},
        "returned": {"returned": True},
        "resolved": {"resolved": True},
    }
    long = "https://erp.example/" + "x" * 300
    handoff = HandoffFactory(data={"vendor_notes": long, "vendor": "W" * 120}, **wish[state])
    page = desk.visit(ann, device="phone")
    page.goto(case_url(handoff))
    assert overflow(page) == 0
