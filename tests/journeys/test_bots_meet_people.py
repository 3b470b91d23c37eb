"""The other two patterns end to end: a bot that fails again and again, and a bot that acts first and is looked at."""

import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.models import Attempt, Handoff
from handoffs.rules.detection import SUPERVISION_KEY
from handoffs.rules.rollout import is_sampled
from tests import factories
from tests.browser.stage import Desk, follow, go
from tests.examples import live_desk
from tests.journeys import outside

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Waiting = Callable[[int], list[Handoff]]
TRANSFERS = "reference,payee,account,amount,currency,lost_requests,late_seconds"
REFUNDS = "reference,customer,order,amount,currency,cause,earlier_refunds"


def opened(desk: Desk, person: User) -> Page:
    page = desk.visit(person)
    page.goto("/queue/")
    follow(page, "t")
    return page


# --- escalation after repeated failure ------------------------------------------------------------------------------


def hurried(document: dict[str, Any]) -> None:
    """The same policy with delays that a test can wait for."""
    for trigger in document["triggers"][:2]:
        trigger["failures"]["retry_after"] = ["1s"]


@pytest.fixture
def transfers(bell: None, desk: Desk, tmp_path: Path) -> outside.Bot:
    workflow = live_desk.publish("transfers", "Treasury", change=hurried)
    token = live_desk.token_for("transfer-bot", workflow.key)
    return outside.Bot("transfers", tmp_path, desk.url, token, workflow, TRANSFERS, "--outage-lasts", "0")


@pytest.fixture
def tess() -> User:
    return factories.PersonFactory(username="tess", first_name="Tess", roles=["Treasury"])


def test_the_third_failure_stops_a_transfer_and_a_person_sends_it_again(
    desk: Desk, transfers: outside.Bot, waiting: Waiting, tess: User
) -> None:
    with transfers.running("TR-1,Casa Verde,DE12,2045.27,EUR,3,"):
        waiting(1)
        assert list(Attempt.objects.order_by("received_at").values_list("verdict", flat=True)) == [
            "retry",
            "retry",
            "stop",
        ]
        page = opened(desk, tess)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Transfer TR-1 of 2045.27 EUR to Casa Verde")
        expect(page.get_by_role("region", name="Why you got this")).to_contain_text("3 of 3 failures")
        expect(page.locator(".choice").first).to_contain_text("Try again now suggested")

        follow(page, "1", "Control+Enter")

        expect(page.get_by_text(re.compile(r"^Applied after \d+\.\d s"))).to_contain_text("1 to be sent again")
        outside.until(lambda: Attempt.objects.filter(verdict="proceed").exists(), "the transfer goes through")
    assert Handoff.objects.count() == 1


def test_a_later_success_takes_the_case_back_from_the_person(
    desk: Desk, transfers: outside.Bot, waiting: Waiting, tess: User
) -> None:
    with transfers.running("TR-2,Sakura Paper,DE13,18208.41,EUR,9,12"):
        waiting(1)
        page = opened(desk, tess)
        outside.until(lambda: Handoff.objects.filter(state="withdrawn").exists(), "the bank made it after all")
        page.reload()
        expect(page.get_by_role("main")).to_contain_text("The automation succeeded on its own")


# --- supervised automation ------------------------------------------------------------------------------------------


@pytest.fixture
def refunds(bell: None, desk: Desk, tmp_path: Path) -> outside.Bot:
    workflow = live_desk.publish("refunds", "Refund reviewer", change=soon_confirmed)
    token = live_desk.token_for("refund-bot", workflow.key)
    return outside.Bot("refunds", tmp_path, desk.url, token, workflow, REFUNDS)


def soon_confirmed(document: dict[str, Any]) -> None:
    """Nobody has more than a few seconds to look at what was done."""
    document["sla"] = {"calendar": "always", "cut_off": {"after": "8s", "outcome": "confirm"}}


@pytest.fixture
def rolf() -> User:
    return factories.PersonFactory(username="rolf", first_name="Rolf", roles=["Refund reviewer"])


def unsampled() -> str:
    """A reference outside the sample that is reviewed anyway."""
    salt = f"sample:refunds:{SUPERVISION_KEY}"
    names = (f"RF-{number}" for number in range(1000))
    return next(name for name in names if not is_sampled(percent=20, salt=salt, reference=name))


def test_a_large_refund_is_paid_at_once_looked_at_and_taken_back(
    desk: Desk, refunds: outside.Bot, waiting: Waiting, rolf: User
) -> None:
    small = unsampled()
    with refunds.running(f"{small},Dee Park,ORD-1,20.00,EUR,Wrong size,0", "RF-big,Ola Nyman,ORD-2,180.00,EUR,Late,0"):
        (handoff,) = waiting(1)
        page = opened(desk, rolf)
        expect(page.get_by_role("heading", level=1)).to_contain_text("Refunded 180.00 EUR to Ola Nyman")
        expect(page.get_by_role("region", name="Why you got this")).to_contain_text(
            "Amount 180.00 EUR is above 100 EUR"
        )
        expect(page.get_by_role("main")).to_contain_text("Paid 180.00 EUR to Ola Nyman")
        page.get_by_role("radio", name=re.compile("Revert the refund")).check()
        page.get_by_label(re.compile("^Reason")).fill("It arrived in time")
        go(page.get_by_role("button", name="Decide"))
        expect(page.get_by_text(re.compile(r"^Rolled back after \d+\.\d s"))).to_be_visible()
        assert Attempt.objects.get(case__reference=small).verdict == "proceed"
    assert handoff.attempts.get().action_taken["undo"]["refund"] == "RF-big"


def test_what_nobody_reviews_is_confirmed_at_the_cut_off(
    desk: Desk, refunds: outside.Bot, waiting: Waiting, rolf: User
) -> None:
    with refunds.running("RF-late,Mara Lind,ORD-3,300.00,EUR,Broken,0"):
        (handoff,) = waiting(1)
        outside.until(lambda: _swept() and Handoff.objects.get(pk=handoff.pk).state == "resolved", "the cut-off comes")
        page = desk.visit(rolf)
        page.goto(f"/handoffs/{handoff.pk}/")
        expect(page.get_by_role("main")).to_contain_text("Nobody decided before the cut-off")
        expect(page.get_by_text(re.compile(r"^Applied after \d+\.\d s"))).to_be_visible()


def _swept() -> bool:
    call_command("sweep", once=True, stdout=StringIO())
    return True
