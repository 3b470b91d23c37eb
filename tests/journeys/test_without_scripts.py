"""Everything that must work where no script runs: each button is a form, each answer a page."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.choices import State
from handoffs.models import Decision, Handoff
from tests import factories
from tests.browser.stage import Desk, case_url, go
from tests.factories import HandoffFactory
from tests.policies import for_several

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(desk: Desk, ann: User) -> Any:
    """Ann's browser, in which no script runs."""
    return desk.visit(ann, scripts=False)


def press(page: Page, name: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=name).click()


def test_accept_and_decide(page: Page) -> None:
    handoff = HandoffFactory()
    page.goto("/queue/")
    go(page.get_by_role("link", name=handoff.case.reference))
    with page.expect_navigation():
        page.locator("#panel").get_by_role("button", name="Accept").click()
    page.get_by_role("radio", name="Approve and pay").check()
    press(page, "Decide")
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    expect(page.locator("#panel")).to_contain_text("Decision recorded")
    assert Decision.objects.get().outcome == "approve_and_pay"


def test_a_missing_reason_is_asked_for_beside_its_field_and_the_choice_is_kept(page: Page, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page.goto(case_url(handoff))
    page.get_by_role("radio", name="Reject").check()
    press(page, "Decide")
    reason = page.get_by_label(re.compile("^Reason"))
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#reason-error")).to_contain_text("reason")
    expect(page.get_by_role("radio", name="Reject")).to_be_checked()
    assert not Decision.objects.exists()
    reason.fill("Not ours")
    press(page, "Decide")
    expect(page.locator("#panel")).to_contain_text("Not ours")


def test_return_and_the_answer(page: Page, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page.goto(case_url(handoff))
    page.get_by_text("Return to automation…").click()
    page.get_by_label("What is missing or wrong").fill("The order does not fit")
    page.get_by_label("Questions").fill("Which order is it?\nWho ordered?")
    press(page, "Return to automation")
    expect(page.get_by_role("heading", name="With the automation")).to_be_visible()
    expect(page.locator("#panel").get_by_role("listitem")).to_have_text(["Which order is it?", "Who ordered?"])
    factories.post(reference=handoff.case.reference, data={"vendor_notes": "Ordered by Ines"})
    page.reload()
    expect(page.locator("#panel")).to_contain_text("You asked about this case, so it is offered to you first.")
    expect(page.locator(".changes")).to_contain_text("Ordered by Ines")


def test_escalate(page: Page, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page.goto(case_url(handoff))
    page.get_by_text("Escalate to AP manager…").click()
    page.get_by_label("Why it should move up").fill("Above my limit")
    press(page, "Escalate to AP manager")
    expect(page.get_by_role("heading", name="Waiting for AP manager")).to_be_visible()
    moved = Handoff.objects.get(pk=handoff.pk)
    assert (moved.state, moved.escalation_level, moved.holder) == (State.PENDING, 1, None)


def test_several_are_decided_together(page: Page, ann: User) -> None:
    factories.publish(outcomes=for_several("request_vendor_correction"))
    first, second = HandoffFactory(), HandoffFactory(accepted_by=ann)
    page.goto("/queue/")
    for handoff in (first, second):
        page.get_by_role("checkbox", name=f"Select {handoff.case.reference}").check()
    press(page, "Decide together")
    shown = page.get_by_role("list", name="Cases that are decided together").get_by_role("listitem")
    expect(shown).to_contain_text([first.case.reference, second.case.reference])
    page.get_by_role("radio", name="Request vendor correction").check()
    page.get_by_label(re.compile("^Reason")).fill("Prices were never agreed")
    press(page, "Decide 2 cases")
    expect(page.get_by_text("2 decided.")).to_be_visible()
    made = Decision.objects.values_list("handoff", "outcome", "reason")
    words = ("request_vendor_correction", "Prices were never agreed")
    assert set(made) == {(first.pk, *words), (second.pk, *words)}


def test_filters_the_theme_and_documents(page: Page, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    HandoffFactory()
    page.goto("/queue/")
    page.get_by_label("State").select_option("in_progress")
    press(page, "Filter")
    expect(page.locator("[data-row]")).to_have_count(1)
    press(page, "Switch to the dark theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("[data-row]")).to_have_count(1)
    go(page.get_by_role("link", name=handoff.case.reference))
    go(page.get_by_role("link", name="invoice.pdf"))
    expect(page.get_by_role("link", name="Original")).to_be_visible()
