"""Fills the invoice demo with a past year, told as a policy of that time and the one that replaced it would have it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from handoffs.actions import policies
from handoffs.actions.past import PastOf
from handoffs.errors import NotPossibleNow
from handoffs.models import Handoff, Workflow
from handoffs.rules.demo_year import CHANGED_DAYS_AGO, DAYS, OLD_THRESHOLD, year
from handoffs.rules.tuning import Change, Kind, applied

ROWS_AT_ONCE = 1_000


class PastIsThere(NotPossibleNow):
    """The workflow has an imported past already; a second one on top would be no year that anybody had."""

    code = "past_is_there"


def publish_the_years_policies(document: Mapping[str, Any], *, publisher: User | None, now: datetime) -> None:
    """Publish what the year began with, and `document` as the change that helped, each at its time."""
    key = str(document["workflow"])
    first = applied(document, Change(kind=Kind.THRESHOLD, target="price_variance", value=str(OLD_THRESHOLD)))
    assert first is not None
    began, changed = now - timedelta(days=DAYS + 1), now - timedelta(days=CHANGED_DAYS_AGO)
    for said, at, reason in (
        (first, began, "The policy that the year began with"),
        (dict(document), changed, "Below 2 % it was freight nine times out of ten"),
    ):
        policies.save_draft(key, said, author=publisher, now=at, create=True)
        policies.publish(key, publisher=publisher, reason=reason, now=at)


def fill(workflow: Workflow, *, automation: User, count: int, seed: int, now: datetime) -> int:
    """Write about `count` past handoffs and the attempts beside them; returns how many handoffs. Raises PastIsThere."""
    if Handoff.objects.filter(workflow=workflow, imported=True).exists():
        raise PastIsThere(f"{workflow.title} has an imported past already.")
    told = year(count=count, seed=seed, now=now)
    with transaction.atomic(durable=True):
        past = PastOf(workflow, now=now, automation=automation)
        for begin in range(0, len(told.handoffs), ROWS_AT_ONCE):
            past.write(told.handoffs[begin : begin + ROWS_AT_ONCE])
        for begin in range(0, len(told.attempts), ROWS_AT_ONCE):
            past.write_attempts(told.attempts[begin : begin + ROWS_AT_ONCE])
    return len(told.handoffs)
