"""Who sees a case, who holds it after it moved up, and what stays masked until somebody opens it."""

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.models import Handoff
from tests.browser.stage import Desk, case_url, follow, go
from tests.factories import DATA, HandoffFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def words_of(page: Page, url: str) -> tuple[int, str]:
    """The status, and what the page says in its main part."""
    answer = page.goto(url)
    assert answer
    return answer.status, page.locator("main").inner_text()


def test_what_is_escalated_is_with_the_manager_and_no_longer_with_who_held_it(desk: Desk, ann: User, lea: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    anns, leas = desk.visit(ann), desk.visit(lea)
    anns.goto(case_url(handoff))
    anns.keyboard.press("e")
    anns.keyboard.type("Above my limit")
    follow(anns, "Control+Enter")
    expect(anns.get_by_role("heading", name="Waiting for AP manager")).to_be_visible()
    expect(anns.get_by_role("button", name="Accept")).to_have_count(0)
    anns.goto("/mine/")
    expect(anns.get_by_role("heading", name="You hold nothing")).to_be_visible()

    leas.goto("/queue/")
    go(leas.get_by_role("link", name=handoff.case.reference))
    expect(leas.locator(".why")).to_contain_text("Escalated from AP clerk to AP manager by Ann")
    expect(leas.locator(".timeline").last).to_contain_text("Above my limit")
    follow(leas, "a")
    expect(leas.get_by_role("heading", name="Decide")).to_be_visible()


@pytest.mark.parametrize("who", ["max_", "cleo"])
def test_for_who_has_not_the_role_it_does_not_exist(desk: Desk, who: str, request: pytest.FixtureRequest) -> None:
    handoff: Handoff = HandoffFactory()
    reference = handoff.case.reference
    page = desk.visit(request.getfixturevalue(who))
    for url in ("/queue/", "/mine/", "/cases/", f"/cases/?search={reference}", f"/queue/?reference={reference}"):
        status, words = words_of(page, url)
        assert status == 200
        assert reference not in words.replace(f"mentions “{reference}”", "")
    document = handoff.documents.get()
    nowhere = words_of(page, f"/handoffs/{uuid.uuid4()}/")
    assert nowhere[0] == 404
    for url in ("", f"documents/{document.pk}/", f"documents/{document.pk}/file/"):
        assert words_of(page, case_url(handoff) + url) == nowhere


def test_who_has_the_role_finds_it_by_search(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory()
    page = desk.visit(ann)
    page.goto("/queue/")
    page.keyboard.press("/")
    page.keyboard.type(handoff.case.reference)
    follow(page, "Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[data-row]")).to_contain_text(handoff.case.reference)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_sensitive_field_is_masked_until_opened_and_who_opened_it_stands_in_the_history(
    desk: Desk, ann: User, bob: User, scripts: bool
) -> None:
    secret = DATA["bank_account"]
    handoff = HandoffFactory(accepted_by=ann)
    anns, bobs = desk.visit(ann, scripts=scripts), desk.visit(bob)
    anns.goto(case_url(handoff))
    assert secret not in anns.content()
    anns.get_by_role("button", name="Show Bank account").click()
    expect(anns.locator(".fact", has_text="Bank account")).to_contain_text(secret)
    bobs.goto(case_url(handoff))
    assert secret not in bobs.content()
    expect(bobs.locator(".timeline").last).to_contain_text(
        re.compile("Opened the sensitive field bank.account by Ann", re.IGNORECASE)
    )
