"""Small pieces of markup that every page uses: icons, due times, relative times, people, priorities."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from lucide.templatetags.lucide import lucide

from handoffs.portal import wording
from handoffs.portal.shell import Shell, shell_of

register = template.Library()

SPRITE = frozenset(
    """
    arrow-down arrow-left arrow-up arrow-up-right badge-check bell chart-column chevron-down chevron-right circle-check
    circle-dashed circle-pause circle-x clock corner-up-left download eye file-text gauge hourglass image inbox info
    key-round keyboard layers loader-circle lock log-out mail menu message-square monitor moon octagon-alert pencil plus
    refresh-cw route search send settings shield-check signal-high signal-low signal-medium sliders-horizontal sun
    trash-2 triangle-alert undo-2 user user-check users x zap
    """.split()  # noqa: SIM905 - forty quoted names would not read better
)
PRIORITY_ICONS = {"low": "signal-low", "normal": "signal-medium", "high": "signal-high", "urgent": "octagon-alert"}
STATE_MARKS = {
    "pending": ("inbox", ""),
    "in_progress": ("pencil", "is-accent"),
    "returned": ("undo-2", ""),
    "awaiting_confirmation": ("user-check", "is-accent"),
    "resolved": ("circle-check", "is-good"),
    "withdrawn": ("circle-x", ""),
}


@register.simple_tag(takes_context=True)
def desk_shell(context: Context) -> Shell:
    """The frame of the page; error pages may come without a request."""
    return shell_of(context.get("request"))


@register.simple_tag
@cache
def sprite() -> SafeString:
    """Every icon once per page; `icon` then only refers to it, so a row costs a few bytes."""
    symbols = "".join(f'<symbol id="i-{name}" viewBox="0 0 24 24">{_strokes(name)}</symbol>' for name in sorted(SPRITE))
    return mark_safe(f'<svg class="sprite" aria-hidden="true">{symbols}</svg>')  # noqa: S308 - our own icon names only


@register.simple_tag
@cache
def icon(name: str, extra: str = "") -> SafeString:
    """A decorative icon of the sprite; the words beside it carry the meaning."""
    if name not in SPRITE:
        raise ValueError(f"{name!r} is not in the sprite of {__name__}")
    return format_html('<svg class="icon{}" aria-hidden="true"><use href="#i-{}"/></svg>', extra and f" {extra}", name)


@register.simple_tag(takes_context=True)
def due(context: Context, handoff: Any) -> SafeString:
    """When the handoff (a row or the model) is due, in an icon and words that the browser keeps true."""
    return due_mark(handoff, now=_now(context))


def due_mark(handoff: Any, *, now: datetime) -> SafeString:
    """The same for Python that has no context."""
    value = wording.due_of(handoff, now=now)
    if value.at is None:
        mark = '<span class="due" data-tone="{}">{}<span>{}</span></span>'
        return format_html(mark, value.tone, icon(value.icon), value.words)
    return format_html(
        '<span class="due" data-tone="{}"{}>{}<time datetime="{}" title="{}">{}</time></span>',
        value.tone, _risk(value.risk_at), icon(value.icon), _iso(value.at), _exact(value.at), value.words,
    )  # fmt: skip


@register.simple_tag
def state(handoff: Any) -> SafeString:
    """The state as a tag of icon and words."""
    name, tone = STATE_MARKS[handoff.state]
    return format_html(
        '<span class="tag{}">{}{}</span>', tone and f" {tone}", icon(name), handoff.state.replace("_", " ")
    )


@register.simple_tag(takes_context=True)
def ago(context: Context, at: datetime) -> SafeString:
    """A relative time with the exact one on hover."""
    return ago_mark(at, now=_now(context))


def ago_mark(at: datetime, *, now: datetime) -> SafeString:
    """The same for Python that has no context."""
    words = wording.ago(at, now=now)
    return format_html('<time datetime="{}" title="{}" data-ago>{}</time>', _iso(at), _exact(at), words)


@register.simple_tag
def clock_time(at: datetime) -> SafeString:
    """The time of day with the date, exact on hover: `22 Nov 16:57`; in another year the date with its year."""
    local = timezone.localtime(at)
    this_year = timezone.now().astimezone(local.tzinfo).year
    words = f"{local.day} {local:%b %H:%M}" if local.year == this_year else f"{local.day} {local:%b %Y}"
    return format_html('<time datetime="{}" title="{}">{}</time>', _iso(at), wording.exact(local), words)


@register.simple_tag
def avatar(person: Any) -> SafeString:
    """The initials of a person; their name stands beside it."""
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', wording.initials(str(person)))


@register.simple_tag
@cache
def priority(name: str) -> SafeString:
    """How urgent a handoff is, in bars and a word."""
    return format_html('<span class="prio prio-{}">{}{}</span>', name, icon(PRIORITY_ICONS[name]), name)


def _strokes(name: str) -> str:
    """What is inside an icon; how it is drawn is said once, in the stylesheet."""
    return lucide(name).partition(">")[2].removesuffix("</svg>")


def _risk(at: datetime | None) -> SafeString | str:
    return "" if at is None else format_html(' data-risk="{}"', _iso(at))


def _now(context: Context) -> datetime:
    return context.get("now") or timezone.now()


def _iso(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')[:19]}Z" if at.utcoffset() == timedelta(0) else at.isoformat()


def _exact(at: datetime) -> str:
    return wording.exact(timezone.localtime(at))
