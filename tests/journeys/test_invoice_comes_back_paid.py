"""One invoice exception goes from the automation to a person and back, on real parts."""

import re
from collections.abc import Callable
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.models import Handoff
from tests import factories
from tests.browser.stage import Desk, follow, go
from tests.journeys.outside import InvoiceMatcher

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Waiting = Callable[[int], list[Handoff]]


def invoice(number: str, *, price: str = "102.50", answer: str = "", corrected: str = "") -> str:
    return f"{number},Acme Supplies,PO-881,A,Pump seal,10,{price},Steel went up,{answer},{corrected}"


def ledger(page: Page) -> str:
    """The automation's own book, by the link that it gave the case."""
    link = page.get_by_role("link", name="Invoice in the payment ledger").get_attribute("href")
    return page.request.get(urljoin(str(link), "/")).text()


def drawn(page: Page) -> bool:
    """Whether the first page of the document is a picture that arrived."""
    return bool(page.locator(".doc-pages img").first.evaluate("image => image.decode().then(() => image.naturalWidth)"))


def test_a_reviewer_takes_the_next_invoice_decides_and_sees_it_paid(
    desk: Desk, matcher_at_work: InvoiceMatcher, waiting: Waiting, ann: User
) -> None:
    first, second = factories.reference(), factories.reference()
    with matcher_at_work.running(invoice(first), invoice(second)):
        waiting(2)
        page = desk.visit(ann)
        page.goto("/queue/")
        follow(page, "t")

        expect(page.get_by_role("heading", level=1)).to_contain_text(
            f"Invoice {first} from Acme Supplies is 2.5 % over"
        )
        expect(page.locator(".why")).to_contain_text("Price variance 2.5 % is above 2 %")
        expect(page.locator(".why")).to_contain_text("Routed to AP clerk")
        expect(page.locator(".fact.is-fired")).to_contain_text("Price variance")
        expect(page.locator(".facts")).to_contain_text("1,025.00 USD")
        expect(page.locator(".choice").first).to_contain_text("Approve and pay suggested")
        assert drawn(page)

        follow(page, "1", "Control+Enter")

        expect(page.get_by_text(re.compile(r"^Told invoice-matcher after \d"))).to_be_visible()
        expect(page.get_by_text(re.compile(r"^Applied after \d+\.\d s"))).to_contain_text(
            "Cleared and paid: 1025.00 USD"
        )
        assert "2 invoices: 1 waiting · 1 paid. 1 payments stand." in ledger(page)

        follow(page, "t")
        expect(page.get_by_role("heading", level=1)).to_contain_text(second)


def test_a_question_goes_to_the_automation_and_the_answer_comes_first_to_who_asked(
    desk: Desk, matcher_at_work: InvoiceMatcher, waiting: Waiting, ann: User, bob: User
) -> None:
    asked, other = factories.reference(), factories.reference()
    answer = "The vendor means PO-882"
    with matcher_at_work.running(invoice(asked, price="104.60", answer=answer, corrected="PO-882"), invoice(other)):
        waiting(2)
        page = desk.visit(ann)
        page.goto("/queue/")
        go(page.get_by_role("link", name=asked))
        follow(page, "a")
        page.keyboard.press("r")
        page.keyboard.type("The order does not fit")
        page.get_by_label("Questions").fill("Which order is it?")
        follow(page, "Control+Enter")
        waiting(2)

        bobs = desk.visit(bob)
        bobs.goto("/queue/")
        follow(bobs, "t")
        expect(bobs.get_by_role("heading", level=1)).to_contain_text(other)

        page.goto("/queue/")
        expect(page.locator("[data-row]", has_text=asked)).to_contain_text("back to you")
        follow(page, "t")
        answered = page.locator(".alert", has_text="The automation answered")
        expect(answered).to_contain_text("Which order is it?")
        expect(answered.locator("ul")).to_contain_text("Purchase order: PO-881 → PO-882")
        expect(page.locator(".facts")).to_contain_text(answer)


def test_a_rejected_invoice_is_rolled_back_also_for_who_has_no_scripts(
    desk: Desk, matcher_at_work: InvoiceMatcher, waiting: Waiting, ann: User
) -> None:
    number = factories.reference()
    with matcher_at_work.running(invoice(number)):
        waiting(1)
        page = desk.visit(ann, scripts=False)
        page.goto("/queue/")
        page.get_by_role("button", name="Take next").click()
        page.get_by_role("radio", name="Reject").check()
        page.get_by_label(re.compile("^Reason")).fill("Ordered by nobody")
        page.get_by_role("button", name="Decide").click()
        expect(page.get_by_role("heading", name="Decided")).to_be_visible()
        while not page.get_by_text(re.compile("Rolled back after")).count():
            page.reload()
        assert "1 invoices: 1 rolled back. 0 payments stand." in ledger(page)
