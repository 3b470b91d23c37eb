"""A running desk with people in front of it: who signs in, on which device, and what must not happen meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect

from accounts.models import User
from handoffs.models import Handoff
from tests import factories

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
PATIENCE_MILLISECONDS = 45_000
expect.set_options(timeout=PATIENCE_MILLISECONDS)
REFUSED = "Failed to load resource: the server responded with a status of "


class Desk:
    """Opens pages at the running desk, one profile per person, and remembers what a browser complained about."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.pages: list[Page] = []
        self.complaints: list[str] = []
        self.asked_for: set[str] = set()

    def visit(
        self, person: User | None = None, *, device: str = "desktop", theme: str = "light", scripts: bool = True
    ) -> Page:
        """A page of a fresh profile, signed in as `person`."""
        context = self.browser.new_context(
            base_url=self.url,
            color_scheme=theme,
            java_script_enabled=scripts,
            reduced_motion="reduce",
            **DEVICES[device],
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        if person:
            sign_in(context, person, self.url)
        page = context.new_page()
        self._listen(page)
        self.pages.append(page)
        return page

    def close(self) -> None:
        for page in self.pages:
            page.context.close()

    def photograph(self, folder: Path) -> None:
        """Keep what every open page shows, for whoever looks into a failure."""
        for number, page in enumerate(self.pages):
            page.screenshot(path=folder / f"page-{number}.png", full_page=True)

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(f"script error at {page.url}: {error}"))
        page.on("console", lambda message: self._hear(page, message))
        page.on("request", lambda request: self._see(request))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog at {page.url}: {dialog.message}"))

    def _hear(self, page: Page, message: ConsoleMessage) -> None:
        """Errors and warnings count, but for the browser's own word that a page answered with a refusal."""
        is_refusal = message.text.startswith(REFUSED) and message.location["url"] in self.asked_for
        if message.type in ("error", "warning") and not is_refusal:
            self.complaints.append(f"{message.type} at {page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        if request.is_navigation_request():
            self.asked_for.add(request.url)
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asked another host: {request.url}")


def sign_in(context: BrowserContext, person: User, url: str) -> None:
    """Give the profile a session of the person, without the form; one journey goes through the form."""
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}])


def follow(page: Page, *keys: str) -> None:
    """Press keys, the last of which leads to another page, and be there."""
    for key in keys[:-1]:
        page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press(keys[-1])


def go(link: Locator) -> None:
    """Click what leads to another page, and be there with its scripts."""
    with link.page.expect_navigation():
        link.click()


def case_url(handoff: Handoff) -> str:
    return f"/handoffs/{handoff.pk}/"


@pytest.fixture
def desk(browser: Browser, live_server: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """The live desk with its policy published; fails the test on any complaint of a browser."""
    factories.workflow()
    stage = Desk(browser, live_server.url)
    yield stage
    if getattr(request.node, "call_failed", False):
        stage.photograph(tmp_path)
    stage.close()
    assert stage.complaints == []


def remember_failure(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """For `pytest_runtest_makereport`: fixtures learn whether the test itself failed."""
    if call.when == "call":
        item.call_failed = call.excinfo is not None  # type: ignore[attr-defined]
