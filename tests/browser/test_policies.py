"""A manager raises a threshold, tries it, publishes it with a reason, and automation goes on where it was stopped."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from handoffs.models import PolicyVersion
from tests import factories
from tests.browser.stage import Desk
from tests.factories import post
from tests.policies import changed
from tests.portal.policy_forms import DRAFT, KEY, section_url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = (
    "/policies/",
    f"/policies/{KEY}/",
    f"/policies/{KEY}/compare/",
    f"/policies/{KEY}/versions/1/yaml/",
    section_url("triggers", "triggers.0", "triggers.3"),
    section_url("context", "context.fields.0"),
    section_url("data", "data.0"),
    section_url("outcomes", "outcomes.2"),
    section_url("sla", "sla.reminders.0", "sla.escalation.0"),
    section_url("rollout"),
    section_url("integrity"),
    f"{DRAFT}yaml/",
    f"{DRAFT}try/",
    f"{DRAFT}preview/",
    f"{DRAFT}publish/",
)


def verdict(variance: str) -> Any:
    return post(data={"price_variance_percent": variance}).body["verdict"]


def raise_threshold(page: Page) -> None:
    page.goto(f"/policies/{KEY}/")
    page.get_by_role("button", name="Edit as a draft").click()
    page.get_by_role("button", name="Edit Price variance above 2 %").click()
    expect(page.get_by_label("Value", exact=True)).to_have_value("2")
    page.get_by_label("Value", exact=True).fill("3")


def publish(page: Page) -> None:
    page.get_by_role("link", name="Review and publish").click()
    expect(page.get_by_text("Trigger price_variance:")).to_be_visible()
    page.get_by_label("Why").fill("Below 3 % nobody ever objected")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Version 2 is live.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_manager_raises_the_threshold_from_2_to_3_and_a_case_of_2_5_percent_goes_on(
    desk: Desk, scripts: bool
) -> None:
    assert (verdict("2.5"), verdict("3.5")) == ("handoff", "handoff")
    page = desk.visit(factories.lea(), scripts=scripts)
    raise_threshold(page)
    page.get_by_role("button", name="Try on the last cases").click()
    expect(page.get_by_text("1 of the last 2")).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Triggers saved in the draft.")).to_be_visible()
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_role("region", name="Table of triggers")).to_contain_text("1 of 2")
    publish(page)
    assert (verdict("2.5"), verdict("3.5")) == ("proceed", "handoff")
    live = PolicyVersion.objects.get(status="live")
    assert (live.number, live.publish_reason) == (2, "Below 3 % nobody ever objected")
    assert live.document == changed(("triggers.0.when.value", 3))


def test_a_mistake_shows_beside_its_box_while_one_types_and_goes_when_it_is_corrected(desk: Desk) -> None:
    page = desk.visit(factories.lea())
    raise_threshold(page)
    value = page.get_by_label("Value", exact=True)
    value.press_sequentially("x")
    expect(page.locator("#editor .leaf .error")).to_contain_text("is a number")
    expect(value).to_be_focused()
    expect(value).to_have_value("3x")
    value.press("Backspace")
    expect(page.locator("#editor .error")).to_have_count(0)
    expect(page.locator("#yaml")).to_contain_text("value: 3")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Triggers saved in the draft.")).to_be_visible()


def test_a_trigger_is_built_with_the_keyboard_and_another_field_offers_other_comparisons(desk: Desk) -> None:
    page = desk.visit(factories.lea())
    raise_threshold(page)
    page.get_by_role("button", name="Add trigger").press("Enter")
    row = page.locator("#f-triggers\\.5")
    row.get_by_label("Key").fill("not_usd")
    row.get_by_label("Field", exact=True).select_option("data.currency")
    expect(row.get_by_label("Comparison").locator("option", has_text="starts with")).to_have_count(1)
    row.get_by_label("Comparison").select_option("!=")
    row.get_by_label("Value", exact=True).fill("USD")
    row.get_by_label("Value", exact=True).press("Enter")
    expect(page.get_by_text("Triggers saved in the draft.")).to_be_visible()
    saved = PolicyVersion.objects.get(status="draft").document["triggers"]
    assert saved[5] == {"key": "not_usd", "when": {"field": "data.currency", "is": "!=", "value": "USD"}}
    assert saved[0]["when"]["value"] == 3


@pytest.mark.parametrize(
    ("device", "theme"), [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]
)
def test_no_page_of_policies_has_a_barrier_or_scrolls_sideways(desk: Desk, device: str, theme: str) -> None:
    verdict("2.5")
    page = desk.visit(factories.lea(), device=device, theme=theme)
    raise_threshold(page)
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("Triggers saved in the draft.")).to_be_visible()
    found = {}
    for url in PAGES:
        page.goto(url)
        barriers = [violation["id"] for violation in Axe().run(page).response["violations"]]
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        if barriers or wide:
            found[url] = (barriers, wide)
    assert found == {}
