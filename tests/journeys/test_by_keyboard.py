"""The whole desk without a mouse, and the queue that stands still under the hand."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from accounts.models import User
from handoffs.models import Decision, Handoff
from tests import factories
from tests.browser.stage import Desk, case_url, follow
from tests.factories import PASSWORD, HandoffFactory
from tests.policies import invoice_matching

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def references(page: Page) -> list[str]:
    """What the rows of the list are about, from the top."""
    return [re.findall(r"INV-\d+", words)[0] for words in page.locator("[data-row]").all_inner_texts()]


def until_focused(page: Page, wanted: Locator) -> None:
    """Press Tab until it is there."""
    for _ in range(10):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"ten times Tab does not lead to {wanted}")


def next_without_a_sign(page: Page) -> str:
    """Press Tab; what has the focus then, if the page looks the same without it. Past the last one nothing has it."""
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement === document.body"):
        return ""
    focused = page.screenshot()
    element = page.evaluate_handle("document.activeElement")
    page.evaluate("document.activeElement.blur()")
    looks_the_same = page.screenshot() == focused
    element.evaluate("element => element.focus({focusVisible: true})")
    return str(element.evaluate("element => element.outerHTML.slice(0, 120)")) if looks_the_same else ""


def test_from_the_sign_in_to_the_decision_and_out_again(desk: Desk, ann: User) -> None:
    first, second = HandoffFactory(opened_ago=timedelta(minutes=30)), HandoffFactory()
    page = desk.visit()
    page.goto("/mine/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/mine/$"))
    until_focused(page, page.get_by_label("Username or email"))
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    follow(page, "Enter")
    expect(page).to_have_url(re.compile("/mine/$"))

    follow(page, "g", "q")
    assert references(page) == [first.case.reference, second.case.reference]
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=second.case.reference)).to_be_focused()
    page.keyboard.press("k")
    follow(page, "Enter")
    expect(page).to_have_url(re.compile(str(first.pk)))
    follow(page, "a")
    page.keyboard.press("2")
    expect(page.get_by_role("radio", name="Request vendor correction")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Unit price is wrong")
    follow(page, "Control+Enter")
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    assert Decision.objects.get().reason == "Unit price is wrong"

    follow(page, "g", "q")
    page.keyboard.press("j")
    follow(page, "a")
    expect(page).to_have_url(re.compile(str(second.pk)))
    expect(page.get_by_role("heading", name="Decide")).to_be_visible()


def test_typing_is_no_command_and_every_key_is_told(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page = desk.visit(ann)
    page.goto(case_url(handoff))
    page.keyboard.press("n")
    page.keyboard.type("take 1 or return?")
    expect(page.get_by_role("textbox", name="Note")).to_have_value("take 1 or return?")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys).to_contain_text("Take next")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_the_skip_link_comes_first_and_focus_is_always_seen(desk: Desk, ann: User) -> None:
    HandoffFactory()
    page = desk.visit(ann)
    page.goto("/queue/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert [found for found in (next_without_a_sign(page) for _ in range(14)) if found] == []


def test_selected_rows_are_accepted_together(desk: Desk, ann: User) -> None:
    for _ in range(3):
        HandoffFactory()
    page = desk.visit(ann)
    page.goto("/queue/")
    for key in ("j", "x", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Assign to me").focus()
    follow(page, "Enter")
    expect(page.get_by_text("2 accepted.")).to_be_visible()
    assert Handoff.objects.filter(holder=ann).count() == 2


def test_filters_live_in_the_address_and_survive_reload_and_back(desk: Desk, ann: User) -> None:
    late, held = HandoffFactory(overdue=True), HandoffFactory(accepted_by=ann)
    page = desk.visit(ann)
    page.goto("/queue/")
    with page.expect_navigation():
        page.get_by_label("Overdue").check()
    expect(page).to_have_url(re.compile(r"/queue/\?overdue=true$"))
    assert references(page) == [late.case.reference]
    page.reload()
    expect(page.get_by_label("Overdue")).to_be_checked()
    assert references(page) == [late.case.reference]
    with page.expect_navigation():
        page.get_by_label("State").select_option("in_progress")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Overdue")).to_be_checked()
    assert references(page) == [late.case.reference]
    page.go_back()
    expect(page.get_by_label("Overdue")).not_to_be_checked()
    assert sorted(references(page)) == sorted([late.case.reference, held.case.reference])


def test_new_items_are_counted_in_a_pill_and_move_no_row(desk: Desk, ann: User) -> None:
    HandoffFactory(), HandoffFactory()
    page = desk.visit(ann)
    page.clock.install()
    page.goto("/queue/")
    page.keyboard.press("j")
    rows = page.locator("[data-row]")
    before = [rows.nth(number).bounding_box() for number in range(2)]
    factories.publish(sla=invoice_matching()["sla"] | {"accept_within": "10m"})
    urgent = HandoffFactory(opened_at=timezone.now())
    page.clock.fast_forward(11_000)
    pill = page.get_by_role("link", name="1 new")
    expect(pill).to_be_visible()
    expect(rows).to_have_count(2)
    assert [rows.nth(number).bounding_box() for number in range(2)] == before
    expect(rows.first.locator("a")).to_be_focused()
    pill.click()
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text(urgent.case.reference)


def test_enter_in_the_reason_escalates_the_selected_whatever_the_pointer_is_on(desk: Desk, ann: User) -> None:
    for minutes in (30, 20, 10):
        HandoffFactory(opened_ago=timedelta(minutes=minutes))
    page = desk.visit(ann)
    page.goto("/queue/")
    for key in "jxjx":
        page.keyboard.press(key)
    page.locator("[data-row]").nth(2).hover()
    reason = page.get_by_label("Reason for escalating")
    reason.press("Enter")
    expect(reason).to_be_focused()
    assert set(Handoff.objects.values_list("escalation_level", "holder")) == {(0, None)}
    reason.fill("Beyond our limit")
    reason.press("Enter")
    expect(page.get_by_text("2 escalated.")).to_be_visible()
    assert sorted(Handoff.objects.values_list("escalation_level", "holder")) == [(0, None), (1, None), (1, None)]


def test_a_view_is_saved_by_keyboard_and_all_of_a_page_is_picked_at_once(desk: Desk, ann: User) -> None:
    HandoffFactory()
    HandoffFactory()
    page = desk.visit(ann)
    page.goto("/queue/?state=pending")
    page.get_by_text("Save view").first.press("Enter")
    page.keyboard.type("Fresh")
    follow(page, "Enter")
    expect(page.get_by_role("link", name="Fresh")).to_have_attribute("aria-current", "page")
    for key in "jx":
        page.keyboard.press(key)
    page.get_by_role("button", name="All on this page").press("Enter")
    expect(page.get_by_text("2 selected")).to_be_visible()
