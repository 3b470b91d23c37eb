"""A manager stages a policy at 10 %, puts it in shadow, promotes it and steps back; a reviewer decides blindly."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from handoffs.models import Handoff, Recovery
from handoffs.rules.rollout import is_sampled
from tests import factories
from tests.browser.audit import Audit
from tests.browser.stage import Desk
from tests.factories import WORKFLOW, post, report

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HERE = f"/rollout/{WORKFLOW}/"
PAGES = ("/rollout/", HERE, f"{HERE}agreement/", f"{HERE}candidate/", f"{HERE}integrity/")
SECRET = "Reject, says the model"


def references(*, inside: bool) -> Any:
    """References that the stage at 10 % has, or has not."""
    drawn = (f"STAGED-{number}" for number in range(1000))
    return (each for each in drawn if is_sampled(percent=10, salt=f"rollout:{WORKFLOW}", reference=each) is inside)


INSIDE, OUTSIDE = references(inside=True), references(inside=False)


def told(*, inside: bool) -> Any:
    body = post(
        report(reference=next(INSIDE if inside else OUTSIDE), proposed_outcome="reject", root_cause=SECRET)
    ).body
    return body["verdict"], body.get("reason")


def press(page: Page, panel: str, button: str, reason: str) -> None:
    here = page.locator("section.panel").filter(has=page.get_by_role("heading", name=panel, exact=True))
    here.get_by_label("Why").fill(reason)
    if panel == "Promote":
        here.get_by_label("Promote although").check()
    here.get_by_role("button", name=button).click()


def decide_blindly(page: Page) -> None:
    handoff = Handoff.objects.get(mode="shadow")
    page.goto(f"/handoffs/{handoff.pk}/")
    page.get_by_role("button", name="Accept").first.click()
    expect(page.get_by_text("your decision has no effect").first).to_be_visible()
    assert SECRET not in page.content()
    assert "suggested</span>" not in page.content()
    page.get_by_label("Approve and pay").check()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("The automation's own answer: Reject")).to_be_visible()
    expect(page.get_by_text(SECRET)).to_be_visible()


def test_a_policy_is_staged_at_10_percent_put_in_shadow_promoted_and_stepped_back(desk: Desk) -> None:
    factories.workflow(rollout={"percent": 0, "promote": {"min_cases": 5}})
    page = desk.visit(factories.lea())
    page.goto("/queue/")
    page.get_by_role("link", name="Rollout", exact=True).click()
    page.get_by_role("link", name="Invoice matching", exact=True).click()
    page.get_by_label("Share of cases, in percent").fill("10")
    press(page, "Raise the stage", "Raise", "The replay looks right")
    expect(page.get_by_text("Live for 10 % of the cases", exact=True)).to_be_visible()
    assert (told(inside=True), told(inside=False)) == (("handoff", None), ("proceed", "outside_rollout"))

    press(page, "Shadow", "Put the stage in shadow", "Compare with the matcher first")
    expect(page.get_by_text("Shadow on 10 % of the cases", exact=True)).to_be_visible()
    assert (told(inside=True), told(inside=False)) == (("proceed", "shadow"), ("proceed", "outside_rollout"))
    decide_blindly(desk.visit(factories.ann()))
    assert Recovery.objects.count() == 0

    page.goto(f"{HERE}agreement/")
    expect(page.get_by_text("0 of 1 agree: 0.0 %")).to_be_visible()
    page.get_by_role("link", name="Stage", exact=True).click()
    press(page, "Promote", "Promote", "Clear enough")
    expect(page.get_by_text("Live for 10 % of the cases", exact=True)).to_be_visible()
    assert told(inside=True) == ("handoff", None)

    press(page, "Step back", "Step back", "A holiday comes first")
    expect(page.get_by_text("Shadow on 10 % of the cases", exact=True)).to_be_visible()
    assert told(inside=True) == ("proceed", "shadow")


def test_the_rollout_pages_are_accessible_and_light(desk: Desk) -> None:
    limits = {"min_cases": 1, "override_percent": 10}
    shadow = {"percent": 100, "shadow": True, "promote": {"min_cases": 5, "kappa": 0.6}}
    factories.workflow(rollout=shadow, integrity={"second_look": {"percent": 10}, "unopened_documents": True})
    told(inside=True)
    decide_blindly(desk.visit(factories.ann()))
    audit = Audit(desk.visit(factories.lea()))
    for url in PAGES:
        audit.visit(url)
    factories.publish(rollout={"percent": 100, "limits": limits})
    factories.HandoffFactory(resolved=True)
    audit.visit(HERE)
    assert not audit.found, "\n".join(audit.found)
