"""What frames every page: who is signed in, where they can go, what waits, and how they like to see it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from handoffs import access
from handoffs.portal.wording import capped
from handoffs.queries import inbox

THEMES = ("light", "dark")
THEME_COOKIE, SHORTCUTS_COOKIE = "desk_theme", "desk_shortcuts"
PAGES = (("queue", "inbox", "Queue"), ("mine", "user-check", "My work"), ("cases", "layers", "All cases"))
MANAGER_PAGES = (
    ("metrics", "chart-column", "Metrics"),
    ("tuning", "gauge", "Tuning"),
    ("policies", "sliders-horizontal", "Policies"),
    ("replays", "refresh-cw", "Replays"),
    ("rollouts", "route", "Rollout"),
    ("deliveries", "send", "Deliveries"),
    ("team", "users", "Team"),
    ("sla", "hourglass", "SLA"),
    ("calendars", "clock", "Calendars"),
    ("messages", "mail", "Sent mail"),
)

BENEATH = {"tuning": ("/imports/",), "deliveries": ("/endpoints/",)}
"""Pages that belong to one of the menu, though their address does not say so."""


@dataclass(frozen=True, kw_only=True)
class NavItem:
    key: str
    url: str
    icon: str
    label: str
    current: bool
    count: str = ""
    group: str = ""
    """The heading that stands above it, where a group of pages begins."""


class Shell:
    """Read once per page, and only as far as the page shows it."""

    def __init__(self, request: HttpRequest | None, now: datetime) -> None:
        self.request = request
        self.now = now
        self.user: Any = getattr(request, "user", None)

    @property
    def show(self) -> bool:
        return bool(self.user and self.user.is_authenticated)

    @property
    def theme(self) -> str:
        chosen = self.request.COOKIES.get(THEME_COOKIE, "") if self.request else ""
        return chosen if chosen in THEMES else ""

    @property
    def shortcuts_off(self) -> bool:
        return bool(self.request) and self.request.COOKIES.get(SHORTCUTS_COOKIE) == "off"  # type: ignore[union-attr]

    @property
    def roles(self) -> list[str]:
        return list(self.user.roles.values())

    @property
    def take_next(self) -> bool:
        return bool(access.role_ids_of(self.user))

    @property
    def tallies(self) -> inbox.Tallies:
        return tallies_of(self.user, now=self.now)

    @property
    def mine(self) -> str:
        return capped(self.tallies.mine)

    @property
    def overdue(self) -> str:
        return capped(self.tallies.overdue)

    @property
    def unread(self) -> str:
        return capped(self.tallies.unread)

    @property
    def mfa_url(self) -> str:
        try:
            return reverse("mfa_index")
        except NoReverseMatch:
            return ""

    @property
    def nav(self) -> Iterator[NavItem]:
        counts = {"queue": self.tallies.waiting, "mine": self.tallies.mine}
        for key, icon, label in (*PAGES, *(MANAGER_PAGES if access.is_manager(self.user) else ())):
            url = reverse(key)
            count = capped(counts[key]) if counts.get(key) else ""
            current = (self.request.path if self.request else "").startswith((url, *BENEATH.get(key, ())))
            group = "Managers" if key == MANAGER_PAGES[0][0] else ""
            yield NavItem(key=key, url=url, icon=icon, label=label, current=current, count=count, group=group)


def shell_of(request: HttpRequest | None) -> Shell:
    """The frame of the page that answers `request`; without one, the bare frame of an error page."""
    return Shell(request, timezone.now())


def visible_to(user: Any) -> Any:
    """The handoffs that the user may see; what that depends on is read once per request."""
    if not hasattr(user, "_portal_visible"):
        user._portal_visible = access.handoffs_for(user)
    return user._portal_visible.all()


def tallies_of(user: Any, *, now: datetime) -> inbox.Tallies:
    """The counts of the user's work, read once per request."""
    if not hasattr(user, "_portal_tallies"):
        user._portal_tallies = inbox.tallies(user, now=now)
    counted: inbox.Tallies = user._portal_tallies
    return counted
