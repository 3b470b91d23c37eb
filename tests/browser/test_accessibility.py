"""Every page of the portal, in both themes, on a screen and on a phone: accessible, light, and nothing jumps."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from handoffs.actions import calendars, delivery, feedback, lifecycle, policies, replay_runs, replays
from handoffs.actions.feedback import Feedback
from handoffs.actions.replays import Order
from handoffs.actions.saved_views import save
from handoffs.choices import ListPage
from handoffs.models import BusinessCalendar, Delivery, Endpoint, PolicyVersion, Replay
from handoffs.queries import inbox
from handoffs.rules.deliveries import Exchange
from tests import factories
from tests.browser.audit import Audit
from tests.browser.stage import Desk, case_url, follow, go
from tests.factories import EndpointFactory, HandoffFactory
from tests.policies import for_several, invoice_matching

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Look = Callable[..., Audit]


@pytest.fixture
def look(desk: Desk) -> Look:
    """An audit through the eyes of somebody."""
    return lambda person=None: Audit(desk.visit(person))


def assert_nothing(found: list[str]) -> None:
    """Nothing was found; else everything is told, not only the first."""
    assert not found, "\n".join(found)


def fill_the_desk() -> None:
    """Something in every state, late, at risk and in time, with notices for who holds it."""
    ann, bob = factories.ann(), factories.bob()
    HandoffFactory(overdue=True)
    HandoffFactory(accepted_by=bob)
    HandoffFactory(resubmitted=True, accepted_by=ann)
    HandoffFactory(escalated=True)
    HandoffFactory(resolved=True)
    week = {"mon": ["09:00-12:00", "13:00-17:00"], "sat": ["22:00-06:00"]}
    calendars.save(BusinessCalendar(key="office", title="Office", time_zone="Europe/Berlin", weekly_hours=week))
    given = HandoffFactory()
    lifecycle.assign(given, to=ann, by=factories.lea(), now=timezone.now())


def test_before_one_is_signed_in(look: Look, ann: User) -> None:
    audit = look()
    for url in ("/accounts/login/", "/accounts/password/reset/", "/accounts/password/reset/done/"):
        audit.visit(url)
    audit.page.goto("/accounts/login/")
    audit.page.get_by_label("Username or email").fill("ann")
    audit.page.get_by_label("Password").fill("wrong")
    with audit.page.expect_navigation():
        audit.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(audit.page.get_by_role("alert")).to_be_visible()
    audit.look()
    assert_nothing(audit.found)


def test_empty_pages(look: Look, ann: User, max_: User) -> None:
    audit = look(ann)
    for url in ("/queue/", "/queue/?overdue=true", "/mine/", "/cases/", "/cases/?search=nothing"):
        audit.visit(url)
    save(ann, page=ListPage.CASES, name="Nothing", query="search=nothing", is_default=True)
    for menu, url in (("Edit view", "/cases/"), ("Save view", "/cases/?state=pending")):
        audit.page.goto(url)
        audit.page.get_by_text(menu).first.click()
        audit.look()
    stranger = look(max_)
    stranger.visit("/queue/")
    assert_nothing(audit.found + stranger.found)


def test_every_page_that_a_reviewer_can_reach(look: Look, ann: User) -> None:
    fill_the_desk()
    audit = look(ann)
    visited = audit.crawl("/queue/")
    assert visited >= {"queue", "mine", "cases", "case", "document", "notices", "profile", "account_change_password"}
    audit.page.goto("/queue/")
    audit.page.keyboard.press("j")
    audit.page.keyboard.press("x")
    audit.look()
    audit.page.keyboard.press("?")
    audit.look()
    assert_nothing(audit.found)


def test_every_page_that_a_manager_can_reach(look: Look, lea: User) -> None:
    fill_the_desk()
    document = invoice_matching(title="Matching of invoices")
    policies.save_draft(factories.WORKFLOW, document, author=lea, now=timezone.now())
    audit = look(lea)
    visited = audit.crawl("/queue/")
    assert visited >= {"queue", "case", "policies", "policy", "team", "sla", "calendar", "edit_calendar"}
    assert visited >= {"metrics", "metrics_workflow", "metrics_handoffs", "metrics_compare"}
    assert visited >= {"tuning", "tuning_behind", "replays", "replay_new", "rollouts", "rollout", "deliveries"}
    audit.visit("/metrics/?role=nobody&range=today")
    assert_nothing(audit.found)


def fill_the_past(author: User) -> Replay:
    """False alarms with feedback, messages that failed, and a replay that is done."""
    for tenth in range(3, 9):
        handoff = HandoffFactory(resolved=True, data={"price_variance_percent": f"2.{tenth}"})
        feedback.give(handoff, Feedback(person_needed=False), reviewer=factories.ann(), now=timezone.now())
    EndpointFactory(event_types=["handoff.resolved"])
    for one in delivery.lease(now=timezone.now()):
        delivery.finish(one, Exchange(status=503, duration_ms=700, response_snippet="busy"), now=timezone.now())
    version = PolicyVersion.objects.get(status="live")
    order = Order(version=version, against=version)
    replay = replays.order_stored(order, from_at=None, until_at=None, by=author, now=timezone.now())
    while replay_runs.work(clock=timezone.now, seconds=60):
        pass
    return replay


def test_what_managers_read_of_the_past(look: Look, lea: User) -> None:
    replay, message = fill_the_past(lea), Delivery.objects.first()
    assert message is not None
    audit = look(lea)
    for url in (
        "/tuning/invoice-matching/", "/tuning/invoice-matching/behind/?figure=opened", "/imports/", "/replays/",
        *(f"/replays/{replay.pk}/{part}" for part in ("", "cases/", "cases/0/", "load/")),
        "/deliveries/", f"/deliveries/{message.pk}/", f"/endpoints/{Endpoint.objects.get().pk}/",
    ):  # fmt: skip
        audit.visit(url)
    assert_nothing(audit.found)


def test_the_front_of_the_administration(look: Look, otto: User) -> None:
    audit = look(otto)
    audit.visit("/admin/")
    assert_nothing(audit.found)


CASES: dict[str, dict[str, Any]] = {
    "pending": {},
    "overdue": {"overdue": True},
    "held by me": {"accepted": True},
    "held by somebody": {"accepted_by": factories.bob},
    "came back": {"resubmitted": True},
    "returned": {"returned": True},
    "escalated": {"escalated": True},
    "proposed by me": {"proposed": True, "accepted_by": factories.ann, "data": {"amount": "60000.00"}},
    "resolved": {"resolved": True},
    "withdrawn": {"withdrawn": True},
}


def test_a_case_in_every_state(look: Look, ann: User) -> None:
    factories.publish(routes=[{"role": factories.CLERK}])
    audit = look(ann)
    for wishes in CASES.values():
        made = {name: wish() if callable(wish) else wish for name, wish in wishes.items()}
        audit.visit(case_url(HandoffFactory(**made)))
    second = look(factories.bob())
    second.visit(case_url(HandoffFactory(proposed=True, accepted_by=ann)))
    assert_nothing(audit.found + second.found)


def test_refusals_of_a_case(look: Look, ann: User, bob: User) -> None:
    audit = look(ann)
    lost = HandoffFactory()
    audit.page.goto(case_url(lost))
    lifecycle.accept(lost, reviewer=bob, now=timezone.now())
    follow(audit.page, "a")
    expect(audit.page.get_by_role("alert")).to_contain_text("Bob")
    audit.look()

    changed = HandoffFactory(accepted_by=ann)
    audit.page.goto(case_url(changed))
    factories.post(reference=changed.case.reference, data={"amount": "1450.00"})
    follow(audit.page, "1", "Control+Enter")
    expect(audit.page.locator("#refusal .changes")).to_be_visible()
    audit.look()
    assert_nothing(audit.found)


def test_deciding_together(look: Look, ann: User, bob: User) -> None:
    factories.publish(outcomes=for_several("request_vendor_correction"))
    for wishes in ({}, {"accepted_by": ann}, {"accepted_by": bob}):
        HandoffFactory(**wishes)
    audit = look(ann)
    audit.page.goto("/queue/")
    for box in audit.page.get_by_role("checkbox", name="Select").all():
        box.check()
    go(audit.page.get_by_role("button", name="Decide together"))
    expect(audit.page.get_by_role("heading", name="Left out")).to_be_visible()
    audit.look()
    audit.page.get_by_role("radio").check()
    audit.page.get_by_label("Reason for all").fill(" ")
    follow(audit.page, "Control+Enter")
    expect(audit.page.locator("#reason-error")).to_be_visible()
    audit.look()
    assert_nothing(audit.found)


def test_pages_that_say_no(look: Look, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = look(ann)
    audit.visit("/handoffs/00000000-0000-0000-0000-000000000000/", status=404)
    audit.visit("/team/", status=403)
    for error, status in ((RuntimeError("as if"), 500), (OperationalError("as if"), 503)):
        monkeypatch.setattr(inbox, "most_urgent", raising(error))
        audit.visit("/mine/", status=status)
    assert_nothing(audit.found)


def test_a_form_that_is_too_old(look: Look, ann: User) -> None:
    HandoffFactory()
    audit = look(ann)
    audit.page.goto("/queue/")
    audit.page.context.clear_cookies(name="csrftoken")
    follow(audit.page, "t")
    expect(audit.page.get_by_role("heading", name="This form is too old")).to_be_visible()
    audit.look()
    assert_nothing(audit.found)


def raising(error: Exception) -> Callable[..., Any]:
    """Something that only fails."""

    def fails(*args: Any, **named: Any) -> Any:
        raise error

    return fails
