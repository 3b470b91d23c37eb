"""Looks at a page as a strict visitor would: for all its looks, is it accessible, light, and does it stand still."""

from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from django.urls import Resolver404, resolve
from playwright.sync_api import Page

MAX_PAGE_BYTES = 150_000
SCREEN, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOOKS: tuple[tuple[Any, Any], ...] = ((SCREEN, "light"), (SCREEN, "dark"), (PHONE, "dark"), (PHONE, "light"))
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What a theme can change; everything else is the same in the other one."""

AUDIT = """async options => {
  const {violations} = await axe.run({...options, resultTypes: ["violations"]});
  const said = (rule, node) => `${rule.id}: ${node.html.slice(0, 160)} ${node.any.map(check => check.message)}`;
  return violations.flatMap(rule => rule.nodes.map(node => said(rule, node)));
}"""
WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .filter(entry => entry.initiatorType !== "img").reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
SHIFTS = """() => new Promise(resolve => {
  const shifts = [];
  const named = node => node?.outerHTML?.slice(0, 120) ?? node?.textContent?.trim() ?? "something";
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) {
      const moved = entry.sources.map(source => named(source.node));
      if (!entry.hadRecentInput && entry.value > 0.001) shifts.push(`${entry.value}: ${moved}`);
    }
  }).observe({type: "layout-shift", buffered: true});
  setTimeout(() => resolve(shifts), 50);
})"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Audit:
    """Everything that was found, page by page."""

    page: Page
    found: list[str] = field(default_factory=list)

    def visit(self, url: str, *, status: int = 200) -> None:
        """Open a page on both screens and look at it in both themes."""
        for size in (PHONE, SCREEN):
            self.page.set_viewport_size(size)
            answer = self.page.goto(url)
            self.page.wait_for_load_state("networkidle" if self.page.locator(".doc-wait").count() else "load")
            if answer is None or answer.status != status:
                self._note(f"answered {answer and answer.status}, not {status}")
            for shift in self.page.evaluate(SHIFTS):
                self._note(f"{size['width']} px: moved while it loaded, {shift}")
        self._check(WEIGHT, MAX_PAGE_BYTES, "weighs, in bytes,")
        self.look()

    def look(self) -> None:
        """Look at the page that is open, in all looks."""
        self.page.evaluate(AXE_SCRIPT)
        for size, theme in LOOKS:
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            look = f"{size['width']} px, {theme}"
            for violation in self.page.evaluate(AUDIT, COLOURS if theme == "dark" else {}):
                self._note(f"{look}: {violation}")
            self._check(OVERFLOW, 0, f"{look}: is wider than the screen, by")

    def crawl(self, start: str) -> set[str]:
        """Visit every page that links lead to from `start`, each kind once; the names of what was visited."""
        waiting, seen = [start], set()
        while waiting:
            url = waiting.pop(0)
            kind = kind_of(url)
            if kind in seen or not self._is_page(url):
                continue
            seen.add(kind)
            self.visit(url)
            links = self.page.locator("a[href^='/']").evaluate_all("links => links.map(link => link.pathname)")
            waiting += [link for link in links if kind_of(link) and kind_of(link) not in seen]
        return seen

    def _is_page(self, url: str) -> bool:
        return "text/html" in self.page.request.head(url).headers.get("content-type", "")

    def _check(self, script: str, limit: float, words: str) -> None:
        measured = self.page.evaluate(script)
        if measured > limit:
            self._note(f"{words} {measured}")

    def _note(self, words: str) -> None:
        self.found.append(f"{self.page.url}: {words}")


def kind_of(url: str) -> str:
    """The name of the address; empty for what is not ours to look at."""
    if url.startswith(("/admin/", "/api/", "/static/")):
        return ""
    try:
        return resolve(url.partition("?")[0]).url_name or ""
    except Resolver404:
        return ""
