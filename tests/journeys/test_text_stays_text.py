"""Everything in a case is data: markup and script in any field show as text and do nothing."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.actions import context, lifecycle
from tests import factories
from tests.browser.stage import Desk, case_url
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EVIL = """"><img src=x onerror="alert('{place}')"><script>alert('{place}')</script>{{{{ 7|add:7 }}}}</textarea>'"""
STRANGERS = """() => {
  const wanted = "img[src=x], [onerror], main script, main iframe, a[href^='javascript']";
  return [...document.querySelectorAll(wanted)].map(element => element.outerHTML);
}"""


def evil(place: str) -> str:
    return EVIL.format(place=place)


PLACES = ("vendor", "po_number", "vendor_notes", "bank_account")


def wicked_report() -> dict[str, object]:
    """A report whose every free text is an attack; the address is one too."""
    line = {"item": evil("item"), evil("column")[:40]: evil("cell")}
    return {
        "reference": "<b onclick=alert(1)>INV",
        "data": {**{place: evil(place) for place in PLACES}, "currency": "<i>", "po_line": [line]},
        "root_cause": evil("cause"),
        "links": ({"label": evil("label"), "url": "javascript:alert('link')"},),
        "document_ids": (str(factories.invoice_document(name=evil("name").replace("/", "")).pk),),
        "request_reason": evil("asked"),
    }


def assert_only_words(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    assert page.evaluate(STRANGERS) == []


@pytest.mark.parametrize("scripts", [True, False])
def test_no_field_of_a_case_becomes_markup(desk: Desk, ann: User, scripts: bool) -> None:
    ann.first_name = evil("person")[:150]
    ann.save()
    handoff = HandoffFactory(accepted_by=ann, **wicked_report())
    context.add_note(handoff, author=ann, text=evil("note"), now=timezone.now())
    page = desk.visit(ann, scripts=scripts)
    page.goto(case_url(handoff))
    expect(page.get_by_role("heading", level=1)).to_contain_text("<script>alert('vendor')</script>")
    for place in ("cause", "label", "note", "item", "cell", "asked"):
        expect(page.locator("main")).to_contain_text(f"<script>alert('{place}')</script>{{{{ 7|add:7 }}}}")
    expect(page.get_by_text("not a web address")).to_be_visible()
    page.get_by_role("button", name="Show Bank account").click()
    expect(page.locator(".facts")).to_contain_text("<script>alert('bank_account')</script>")
    if scripts:
        assert_only_words(page)
    for url in ("/queue/", "/mine/", "/cases/?search=%3Cscript%3Ealert('search')%3C/script%3E"):
        page.goto(url)
        if scripts:
            assert_only_words(page)


def test_what_people_and_receipts_say_stays_text_in_every_state(desk: Desk, ann: User) -> None:
    returned = HandoffFactory(accepted_by=ann)
    lifecycle.return_(returned, reviewer=ann, reason=evil("reason"), questions=[evil("question")], now=timezone.now())
    decided = HandoffFactory(accepted_by=ann, resolved="reject", reason=evil("reason"))
    page = desk.visit(ann)
    page.goto(case_url(returned))
    expect(page.locator("#panel")).to_contain_text("<script>alert('question')</script>")
    assert_only_words(page)
    factories.post(reference=returned.case.reference, data={"vendor_notes": evil("answer")})
    page.reload()
    expect(page.locator(".changes")).to_contain_text("<script>alert('answer')</script>")
    assert_only_words(page)
    page.goto(case_url(decided))
    expect(page.locator("#panel")).to_contain_text("<script>alert('reason')</script>")
    assert_only_words(page)


def test_what_was_typed_comes_back_as_text_with_a_refusal(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page = desk.visit(ann)
    page.goto(case_url(handoff))
    factories.post(reference=handoff.case.reference, data={"amount": "1450.00"})
    page.keyboard.press("1")
    page.get_by_label("Reason").fill(evil("typed"))
    with page.expect_navigation():
        page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value(evil("typed"))
    assert_only_words(page)
