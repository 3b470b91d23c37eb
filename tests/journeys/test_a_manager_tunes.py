"""A manager goes from a figure to a case to a draft, and from a file of past exceptions to a stage at 10 %."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from handoffs.actions import feedback, policies
from handoffs.actions.feedback import Feedback
from handoffs.models import Handoff, PolicyVersion, Workflow
from handoffs.queries.policies import draft_of
from tests.browser.stage import Desk, go
from tests.factories import WORKFLOW, HandoffFactory
from tests.policies import changed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEADER = (
    "reference,received_at,data.amount,data.currency,data.price_variance_percent,data.po_number,outcome,resolved_at"
)
PAST_CASES = 40
FIRING = 30
"""So many of the uploaded cases lie above the new threshold."""


@pytest.fixture
def false_alarms(ann: User) -> list[Handoff]:
    """Handoffs a little above the limit, of which the reviewer said that they had needed nobody."""
    handoffs = [
        HandoffFactory(accepted_by=ann, resolved=True, data={"price_variance_percent": f"2.{tenth}"})
        for tenth in range(3, 9)
    ]
    for handoff in handoffs:
        feedback.give(handoff, Feedback(person_needed=False), reviewer=ann, now=timezone.now())
    return handoffs


@pytest.fixture
def draft(lea: User) -> PolicyVersion:
    """A draft that hands off nothing below 5 %, for no case yet."""
    document = changed(("triggers.0.when.value", 5), ("rollout", {"percent": 0}))
    return policies.save_draft(WORKFLOW, document, author=lea, now=timezone.now())


@pytest.fixture
def exceptions(tmp_path: Path) -> Path:
    """A file as another system would export it; its last line has no time that anybody could read."""
    began = timezone.now() - timedelta(days=7)
    lines = [HEADER]
    for number in range(PAST_CASES):
        at = began + timedelta(hours=number)
        variance = "6.5" if number < FIRING else "3.0"
        done = at + timedelta(minutes=40)
        lines.append(f"EX-{number},{at.isoformat()},900.00,USD,{variance},PO-1,approve_and_pay,{done.isoformat()}")
    file = tmp_path / "exceptions.csv"
    file.write_text("\n".join([*lines, "EX-bad,yesterday,,,,,,"]))
    return file


def test_from_a_tile_to_a_case_to_a_draft(desk: Desk, lea: User, false_alarms: list[Handoff]) -> None:
    page = desk.visit(lea)
    page.goto("/queue/")
    go(page.get_by_role("link", name="Metrics", exact=True))
    tile = page.locator(".m-tile").filter(has=page.get_by_text("False positives", exact=True))
    expect(tile.get_by_role("link")).to_contain_text("100.0 %")
    go(tile.get_by_role("link"))
    expect(page.get_by_role("heading", level=1)).to_have_text("False positives")
    expect(page.get_by_text(f"{len(false_alarms)} handoffs")).to_be_visible()
    go(page.get_by_role("link", name=false_alarms[0].case.reference))
    expect(page.get_by_role("heading", name="Decided")).to_be_visible()

    go(page.get_by_role("link", name="Tuning", exact=True))
    first = page.locator(".advice li").first
    expect(first).to_contain_text("Move the threshold")
    go(first.get_by_role("button", name="Draft it"))
    expect(page.get_by_text("The change is in the draft")).to_be_visible()
    expect(page.get_by_role("heading", name="No longer handed off, for example")).to_be_visible()
    made = draft_of(Workflow.objects.get(key=WORKFLOW))
    assert made is not None
    assert made.document["triggers"][0]["when"]["value"] != 2


def test_past_exceptions_are_replayed_published_and_staged(
    bell: None, desk: Desk, lea: User, draft: PolicyVersion, exceptions: Path
) -> None:
    page = desk.visit(lea)
    page.goto("/replays/")
    go(page.get_by_role("link", name="New replay"))
    replay(page, draft, exceptions)
    expect(page.locator(".tile").first).to_contain_text(f"{FIRING}")
    expect(page.get_by_role("heading", name="1 line left out")).to_be_visible()
    go(page.get_by_role("link", name="Load", exact=True))
    expect(page.get_by_role("heading", name="When they come")).to_be_visible()
    assert Handoff.objects.count() == 0

    page.goto(f"/policies/{WORKFLOW}/draft/publish/")
    expect(page.get_by_text("Publishing rests on it")).to_be_visible()
    page.get_by_label("Why").fill("The past says that 5 % is enough")
    go(page.get_by_role("button", name=f"Publish version {draft.number}"))
    go(page.locator("#main").get_by_role("link", name="Rollout", exact=True))
    page.get_by_label("Share of cases, in percent").fill("10")
    page.locator("#raise-reason").fill("A tenth first")
    go(page.get_by_role("button", name="Raise to the share above"))
    expect(page.get_by_text("Live for 10 % of the cases", exact=True)).to_be_visible()
    live = Workflow.objects.get(key=WORKFLOW).live_version
    assert live is not None
    assert live.document["rollout"]["percent"] == 10


def replay(page: Page, version: PolicyVersion, file: Path) -> None:
    """Upload the file, and wait for the report."""
    page.get_by_label("Version of").select_option(str(version.number))
    page.get_by_label("As if it were rolled out to every case").check()
    page.get_by_label("A file of past cases").check()
    page.get_by_label("CSV or JSON Lines").set_input_files(file)
    go(page.get_by_role("button", name="Start the replay"))
    expect(page.get_by_role("heading", name="What fires")).to_be_visible()
