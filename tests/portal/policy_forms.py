"""How tests fill in the editor: every control of a page as a browser would send it."""

from html.parser import HTMLParser
from typing import Any

KEY = "invoice-matching"
DRAFT = f"/policies/{KEY}/draft/"


class _Controls(HTMLParser):
    """Collects the controls of the editor's form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self.inside = False
        self.select: dict[str, Any] | None = None
        self.area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self.inside = "data-editor" in given or given.get("data-editor") == ""
        if not self.inside:
            return
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") not in ("radio", "checkbox") or "checked" in given):
            self.values.append((name, value))
        if tag == "select":
            self.select = {"name": name, "first": None, "chosen": None}
        if tag == "option" and self.select is not None:
            self.select["first"] = value if self.select["first"] is None else self.select["first"]
            self.select["chosen"] = value if "selected" in given else self.select["chosen"]
        if tag == "textarea":
            self.area = (name, [])

    def handle_data(self, data: str) -> None:
        if self.area:
            self.area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select is not None:
            chosen = self.select["first"] if self.select["chosen"] is None else self.select["chosen"]
            self.values.append((self.select["name"], chosen or ""))
            self.select = None
        if tag == "textarea" and self.area:
            self.values.append((self.area[0], "".join(self.area[1]).removeprefix("\n")))
            self.area = None
        if tag == "form":
            self.inside = False


def controls(page: bytes) -> dict[str, list[str]]:
    """What the editor's form on a page would send, by name."""
    parser = _Controls()
    parser.feed(page.decode())
    found: dict[str, list[str]] = {}
    for name, value in parser.values:
        found.setdefault(name, []).append(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def section_url(section: str, *open_rows: str) -> str:
    query = "&".join(f"open={row}" for row in open_rows)
    return f"{DRAFT}sections/{section}/{'?' if query else ''}{query}"
