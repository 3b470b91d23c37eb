"""Takes the pictures of the documents: starts a desk with the demo in a folder of its own, and looks at it.

By hand: `python -m tests.browser.screenshots`, with Chromium installed; it writes docs/images/*.png.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import find_chromium

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
MAX_BYTES = 250_000
SCREENS = {1440: {"width": 1440, "height": 900}, 390: {"width": 390, "height": 844}}
START_SECONDS = 180
ENOUGH = 15
TELLING = "INV-10041"
"""A shipped invoice that shows a trigger, a table and a suggestion."""
WORKFLOW = "invoice-matching"
MANAGER_PICTURES = {
    "metrics": ((1440, ("light", "dark")), (390, ("light",))),
    "tuning": ((1440, ("light",)),),
    "replay": ((1440, ("light",)),),
    "rollout": ((1440, ("light",)),),
    "deliveries": ((1440, ("light",)),),
    "policies": ((1440, ("light",)),),
    "team": ((1440, ("light",)),),
}
"""On which screens and in which themes each of the managers' pages is shown."""


def main() -> None:
    """Write every picture, and fail where one is too heavy for a document."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        tempfile.TemporaryDirectory(prefix="desk-pictures-") as folder,
        demo(Path(folder)) as facts,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        tell_the_past(Path(folder))
        take_all(Album(browser, facts))
        browser.close()
    heavy = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > MAX_BYTES]
    if heavy:
        raise SystemExit(f"above {MAX_BYTES} bytes: {', '.join(heavy)}")


@contextmanager
def demo(folder: Path) -> Iterator[dict[str, Any]]:
    """A desk with its demo, as `make run` starts it; the facts of its demo.json."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"DATA_DIR": str(folder), "PORT": str(port), "PAST": "0"}
    with (folder / "desk.log").open("wb") as log:
        desk = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        yield json.loads((folder / "demo.json").read_text())
    finally:
        desk.terminate()
        desk.wait(timeout=60)


def tell_the_past(folder: Path) -> None:
    """Give the demo the year before it, and a replay of its latest month against the policy of back then."""
    month = (date.today() - timedelta(days=30)).isoformat()
    for command in (["demo_history"], ["replay", WORKFLOW, "--against", "2", "--from", month]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | {"DATA_DIR": str(folder)}, check=True
        )


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise SystemExit(f"the desk did not come to it in {START_SECONDS} s")
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=2).status == 200)
    except OSError:
        return False


class Album:
    """One profile per look, and where its pictures go."""

    def __init__(self, browser: Browser, facts: dict[str, Any]) -> None:
        self.browser, self.url = browser, facts["url"]
        self.passwords = {user["username"]: user["password"] for user in facts["users"]}

    def open(self, name: str, *, theme: str = "light", width: int = 1440) -> Page:
        """A page in this look, with `name` signed in."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport=SCREENS[width],
            color_scheme=theme,
            is_mobile=width < 1000,
            has_touch=width < 1000,
        )
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_label("Username or email").fill(name)
        page.get_by_label("Password").fill(self.passwords[name])
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in", exact=True).click()
        return page

    def keep(self, page: Page, name: str, themes: Iterable[str] = ("light", "dark")) -> None:
        """Write what the page shows in each of the themes, once nothing moves any more."""
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.wait_for_load_state("networkidle")
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            picture = Image.open(BytesIO(page.screenshot(animations="disabled")))
            picture.quantize(256).save(IMAGES / f"{name}-{theme}-{width}.png", optimize=True)


def take_all(album: Album) -> None:
    """From the sign-in to a decision that was carried out."""
    IMAGES.mkdir(exist_ok=True)
    page = album.browser.new_page(base_url=album.url, viewport=SCREENS[1440])
    page.goto("/accounts/login/")
    album.keep(page, "sign-in")
    take_queue(album)
    take_case(album)
    take_managers_pages(album)


def take_managers_pages(album: Album) -> None:
    """The numbers and what follows from them, as their manager sees them."""
    for name, looks in MANAGER_PICTURES.items():
        for width, themes in looks:
            page = album.open("lea", width=width)
            page.goto({"replay": "/replays/"}.get(name, f"/{name}/"))
            if name in ("tuning", "rollout"):
                page.goto(f"/{name}/{WORKFLOW}/")
            if name == "replay":
                page.locator("tbody th a").first.click()
                expect(page.get_by_role("heading", name="What fires")).to_be_visible()
            album.keep(page, name, themes)


def take_queue(album: Album) -> None:
    for width in SCREENS:
        page = album.open("bob", width=width)
        until(lambda page=page: rows_of(page) >= ENOUGH)
        album.keep(page, "queue")


def rows_of(page: Page) -> int:
    page.goto("/queue/")
    return page.locator("[data-row]").count()


def take_case(album: Album) -> None:
    page = album.open("bob")
    page.goto(f"/queue/?reference={TELLING}")
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("a")
    expect(page.locator(".doc-pages img").first).to_be_visible()
    album.keep(page, "case")
    phone = album.open("bob", width=390)
    phone.goto(page.url)
    album.keep(phone, "case")
    with page.expect_navigation():
        page.get_by_role("radio", name="Approve and pay").check()
        page.get_by_label("Reason").fill("Agreed with the vendor by phone")
        page.keyboard.press("Control+Enter")
    expect(page.locator(".recovery")).to_contain_text("Applied after", timeout=60_000)
    album.keep(page, "decided")


if __name__ == "__main__":
    main()
