"""What two people at one case tell each other: who won, what changed meanwhile, and whether the second one agrees."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.choices import State
from handoffs.models import Decision, Handoff
from tests import factories
from tests.browser.stage import Desk, case_url, follow, go
from tests.factories import HandoffFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def choose(page: Page, outcome: str, reason: str = "") -> None:
    """Decide by mouse."""
    page.get_by_role("radio", name=outcome).check()
    page.get_by_label(re.compile("^Reason")).fill(reason)
    with page.expect_navigation():
        page.get_by_role("button", name="Decide").click()


def test_the_loser_of_a_race_is_told_who_won_and_when(desk: Desk, ann: User, bob: User) -> None:
    handoff = HandoffFactory()
    anns, bobs = desk.visit(ann), desk.visit(bob)
    for page in (anns, bobs):
        page.goto(case_url(handoff))
    follow(anns, "a")
    with bobs.expect_response("**/accept/") as answer:
        follow(bobs, "a")
    assert answer.value.status == 409
    expect(bobs.get_by_role("alert")).to_contain_text("Ann was faster")
    expect(bobs.get_by_role("alert")).to_contain_text("Ann accepted this handoff first. That was just now.")
    expect(bobs.get_by_role("heading", name="Ann is working on this")).to_be_visible()
    expect(bobs.get_by_role("button", name="Decide")).to_have_count(0)
    held = Handoff.objects.get(pk=handoff.pk)
    assert (held.holder, held.state) == (ann, State.IN_PROGRESS)


def test_who_lost_it_while_writing_is_told_and_nothing_is_decided(desk: Desk, ann: User, lea: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    anns, leas = desk.visit(ann), desk.visit(lea)
    anns.goto(case_url(handoff))
    leas.goto(case_url(handoff))
    with leas.expect_navigation():
        leas.get_by_role("button", name="Release from Ann").click()
    choose(anns, "Reject", "Not ours")
    expect(anns.get_by_role("alert")).to_contain_text("Nothing was changed")
    expect(anns.get_by_role("button", name="Accept").first).to_be_visible()
    assert not Decision.objects.exists()


def test_a_decision_on_an_older_context_is_refused_with_what_changed(desk: Desk, ann: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    page = desk.visit(ann)
    page.goto(case_url(handoff))
    factories.post(
        reference=handoff.case.reference, data={"amount": "1450.00", "bank_account": "GB29 NWBK 6016 1331 9268 19"}
    )
    choose(page, "Request vendor correction", "The price is wrong")

    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("Look at what changed, then decide again")
    expect(refusal.get_by_role("listitem").filter(has_text="Amount")).to_contain_text(
        re.compile(r"Amount: 1,?200.00.* → 1,?450.00")
    )
    expect(refusal).to_contain_text("Bank account")
    assert "6016 1331" not in page.content()
    expect(page.get_by_role("radio", name="Request vendor correction")).to_be_checked()
    expect(page.get_by_label(re.compile("^Reason"))).to_have_value("The price is wrong")
    expect(page.locator(".facts")).to_contain_text("1,450.00")
    assert not Decision.objects.exists()

    with page.expect_navigation():
        page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()
    assert Decision.objects.get().outcome == "request_vendor_correction"


def test_a_dear_rejection_takes_a_second_person(desk: Desk, bob: User, cleo: User) -> None:
    handoff = HandoffFactory(accepted_by=bob, data={"amount": "60000.00"})
    bobs, cleos = desk.visit(bob), desk.visit(cleo)
    bobs.goto(case_url(handoff))
    expect(bobs.locator(".choice", has_text="Reject")).to_contain_text("a second person confirms")
    choose(bobs, "Reject", "Never ordered")
    expect(bobs.get_by_role("heading", name="Waiting for a second person")).to_be_visible()
    expect(bobs.get_by_role("button", name="Confirm")).to_have_count(0)

    cleos.goto(case_url(handoff))
    expect(cleos.get_by_role("heading", name="Confirm or object")).to_be_visible()
    expect(cleos.locator("#panel")).to_contain_text("Never ordered")
    with cleos.expect_navigation():
        cleos.get_by_role("button", name="Confirm").click()
    expect(cleos.locator("#panel")).to_contain_text(re.compile("Reject.*by Bob, confirmed by Cleo", re.DOTALL))
    bobs.reload()
    expect(bobs.get_by_role("heading", name="Decided")).to_be_visible()


def test_an_objection_goes_back_to_who_proposed(desk: Desk, bob: User, cleo: User) -> None:
    handoff = HandoffFactory(proposed=True, accepted_by=bob)
    cleos, bobs = desk.visit(cleo), desk.visit(bob)
    cleos.goto(case_url(handoff))
    cleos.get_by_text("Object…").click()
    cleos.get_by_label("Why not").fill("It was ordered by phone")
    with cleos.expect_navigation():
        cleos.get_by_role("button", name="Object").click()
    bobs.goto("/mine/")
    go(bobs.locator("[data-row] a"))
    expect(bobs.get_by_role("heading", name="Decide")).to_be_visible()
    expect(bobs.locator(".timeline").last).to_contain_text("It was ordered by phone")


def test_a_note_is_there_for_whoever_comes_next(desk: Desk, ann: User, bob: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    anns, bobs = desk.visit(ann), desk.visit(bob)
    anns.goto(case_url(handoff))
    anns.keyboard.press("n")
    anns.keyboard.type("Called Acme, they call back at three")
    with anns.expect_navigation(url=re.compile("#notes$")):
        anns.get_by_role("button", name="Add note").click()
    bobs.goto(case_url(handoff))
    note = bobs.locator("section", has=bobs.get_by_role("heading", name="Notes"))
    expect(note).to_contain_text(re.compile("Ann.*Called Acme, they call back at three", re.DOTALL))


def test_what_is_released_is_the_next_one_again(desk: Desk, ann: User, bob: User) -> None:
    handoff = HandoffFactory(accepted_by=ann)
    anns, bobs = desk.visit(ann), desk.visit(bob)
    anns.goto(case_url(handoff))
    with anns.expect_navigation():
        anns.get_by_role("button", name="Release").click()
    expect(anns.get_by_text(f"{handoff.case.reference} is back in the queue of AP clerk.")).to_be_visible()
    bobs.goto("/queue/")
    follow(bobs, "t")
    expect(bobs).to_have_url(re.compile(str(handoff.pk)))
    expect(bobs.get_by_role("heading", name="Decide")).to_be_visible()
