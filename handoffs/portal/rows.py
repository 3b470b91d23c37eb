"""One row of a list, drawn here: fifty of them are most of a page, and a template takes longer."""

import uuid
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoffs import access
from handoffs.choices import State
from handoffs.portal.tags import ago_mark, avatar, due_mark, priority
from handoffs.queries import inbox

NOBODY = uuid.UUID(int=0)
ROW = """<li class="row" data-row{accepts}>
<span class="row-pick">{pick}</span>
{due}
<div class="row-main"><a class="row-link" href="{url}">{summary}</a><div class="row-sub">{sub}</div></div>
<span class="row-amount">{headline}</span>
{priority}
<span class="row-who">{avatar}<span>{who}</span></span>
</li>"""
SUB = "{} · {} · {} · opened {}{}"
PICK = '<input type="checkbox" name="handoff" value="{}" aria-label="Select {}">'


def rows_of(listing: inbox.Listing, reader: Any, *, bulk: bool, now: datetime) -> list[dict[str, Any]]:
    """The rows of a page, each with its `markup`; with `bulk` they can be picked."""
    address = reverse("case", args=[NOBODY])  # asked for once: fifty of them take a millisecond
    return [
        {
            "id": row.id,
            "reference": row.reference,
            "markup": _markup(row, reader, url=address.replace(str(NOBODY), str(row.id)), bulk=bulk, now=now),
        }
        for row in listing.rows
    ]


def _markup(row: inbox.Row, reader: Any, *, url: str, bulk: bool, now: datetime) -> SafeString:
    return format_html(
        ROW,
        accepts=" data-accept" if _may_accept(row, reader) else "",
        pick=format_html(PICK, row.id, row.reference) if bulk else "",
        due=due_mark(row, now=now),
        url=url,
        summary=row.summary,
        sub=format_html(SUB, row.workflow, row.reference, row.role, ago_mark(row.opened_at, now=now), _because(row)),
        headline=row.headline,
        priority=priority(row.priority),
        avatar=avatar(row.holder) if row.holder else "",
        who=row.holder or _state_words(row, reader),
    )


def _because(row: inbox.Row) -> str:
    return f" · {row.trigger}" if row.trigger else ""


def _may_accept(row: inbox.Row, reader: Any) -> bool:
    return row.state == State.PENDING and row.role_id in access.role_ids_of(reader) and row.opened_by_id != reader.pk


def _state_words(row: inbox.Row, reader: Any) -> str:
    if row.offered_to_id == reader.pk:
        return "back to you"
    return "" if row.state == State.PENDING else row.state.label
