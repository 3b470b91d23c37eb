"""What every test stands on: throwaway services for the run, and a Chromium for those who ask for a page."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("desk", deadline=None)  # speed is measured by benchmarks, never by a test
hypothesis.settings.load_profile("desk")

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in the tests' thread

pytest_plugins = ["tests.fixtures"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_services = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Every process of a run, the controller and its workers, holds services of its own, and ends them."""
    from django.conf import settings

    from config import embedded

    if not config.option.collectonly:
        _services.enter_context(embedded.services(settings.DATA_DIR, throwaway=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    _services.close()


def find_chromium() -> str | None:
    """The browser of this machine: named by CHROMIUM, on the PATH, or Playwright's own."""
    named = [os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUM_NAMES)]
    own = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return next((str(path) for path in [*named, *own] if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium. Its absence skips with a loud line, and fails in CI."""
    path = find_chromium()
    if path is None:
        words = "NO CHROMIUM FOUND: the browser tests do not run. Install one, or set CHROMIUM=/path/to/it."
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        print(f"\n*** {words}", file=sys.stderr)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def browser_context(browser, live_server) -> Iterator[object]:
    """A fresh profile at 1440 × 900, whose relative addresses lead to the running desk."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def browser_page(browser_context) -> Iterator[object]:
    """A page that fails the test when a script failed or something was refused by the content security policy."""
    page = browser_context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert complaints == []
