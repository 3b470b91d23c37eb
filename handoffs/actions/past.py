"""Writes handoffs that ended before the desk knew of them, many at once, each with all that belongs to one.

They are marked as imported, go nowhere, and have a trail like every other. The database takes them in their final state
for that mark alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, models

from accounts.models import User
from handoffs.actions.audit import HISTORY_MODEL
from handoffs.actions.past_rows import Stories
from handoffs.actions.past_tables import People, Table
from handoffs.choices import ActorKind, PolicyStatus
from handoffs.models import Actor, Attempt, Case, ContextRevision, Decision, Handoff, PolicyVersion, Recovery, Workflow
from handoffs.models.fields import new_id
from handoffs.queries.policies import policy_of
from handoffs.rules.imports import PastHandoff
from handoffs.rules.policy import Outcome, Policy

ACCOUNT, ACCOUNT_NAME = "history-import", "History import"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A published version: from when it was live, and what it says."""

    id: Any
    since: datetime
    policy: Policy


class PastOf:
    """The past of one workflow, as far as writing it needs to know; read once, used for any number of rows.

    `automation` is who is named as having handed them off; without one, the account of the import.
    """

    def __init__(self, workflow: Workflow, *, now: datetime, automation: User | None = None) -> None:
        self.workflow, self.now = workflow, now
        self.automation = automation or _account()
        self.people = People(unknown=Actor.of(self.automation))
        self.roles = dict(Group.objects.values_list("name", "pk"))
        self.editions = _editions(workflow)
        self.tables = {model: Table(model) for model in WRITTEN}

    @cached_property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Every outcome that any version offered; the newest version's words count."""
        return {outcome.key: outcome for edition in self.editions for outcome in edition.policy.outcomes}

    def edition_at(self, moment: datetime) -> Edition:
        """The version that was live then; before there was any, the first."""
        live = [edition for edition in self.editions if edition.since <= moment]
        return live[-1] if live else self.editions[0]

    def write(self, pasts: Sequence[PastHandoff]) -> None:
        """Store these handoffs, in the caller's transaction."""
        self.people.meet(past.decided_by for past in pasts)
        cases = _cases(self.workflow, pasts)
        stories = Stories(self, cases)
        told = [stories.of(past) for past in pasts]
        for model, table in self.tables.items():
            table.copy(row for story in told for row in story.rows[model])

    def write_attempts(self, attempts: Sequence[PastHandoff]) -> None:
        """Store attempts that no handoff came of: cases that went their way without a person."""
        cases = _cases(self.workflow, attempts)
        stories = Stories(self, cases)
        self.tables[Attempt].copy(stories.attempt_alone(attempt) for attempt in attempts)

    def actor(self) -> Actor:
        """Who brings it in."""
        return Actor(kind=ActorKind.AUTOMATION, name=self.automation.display_name, user=self.automation)


WRITTEN: tuple[type[models.Model], ...] = (
    Handoff, Attempt, ContextRevision, Decision, Recovery, HISTORY_MODEL,
)  # fmt: skip
"""In this order, so that what looks at a handoff when something of it is written finds it."""


def _account() -> User:
    """The account that stands for whoever worked before the desk; nobody signs in with it."""
    account, is_new = User.objects.get_or_create(
        username=ACCOUNT,
        defaults={"kind": User.Kind.AUTOMATION, "first_name": ACCOUNT_NAME, "is_active": False},
    )
    if is_new:
        account.set_unusable_password()
        account.save(update_fields=["password"])
    return account


def _editions(workflow: Workflow) -> list[Edition]:
    rows = PolicyVersion.objects.filter(workflow=workflow, published_at__isnull=False)
    published = rows.exclude(status=PolicyStatus.DRAFT).order_by("published_at").values_list("pk", "published_at")
    return [Edition(id=pk, since=at, policy=policy_of(pk)) for pk, at in published if at is not None]


def _cases(workflow: Workflow, pasts: Iterable[PastHandoff]) -> dict[str, Any]:
    """The ids of their cases by reference, made if need be; each counts its new attempts."""
    ordered = sorted(pasts, key=lambda past: past.reference)  # everybody locks cases in the same order
    groups = [(reference, list(group)) for reference, group in groupby(ordered, key=lambda past: past.reference)]
    values = [
        [new_id() for _ in groups],
        [reference for reference, _ in groups],
        [min(past.opened_at for past in group) for _, group in groups],
        [len(group) for _, group in groups],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT_CASES, [str(workflow.pk), *values])
        return {reference: pk for pk, reference in cursor.fetchall()}


_UPSERT_CASES = f"""
INSERT INTO {Case._meta.db_table} (id, workflow_id, reference, first_attempted_at, attempts_count)
SELECT id, %s::uuid, reference, at, count
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::int[]) AS given (id, reference, at, count)
ON CONFLICT (workflow_id, reference) DO UPDATE SET
    attempts_count = {Case._meta.db_table}.attempts_count + EXCLUDED.attempts_count,
    first_attempted_at = LEAST({Case._meta.db_table}.first_attempted_at, EXCLUDED.first_attempted_at)
RETURNING id, reference
"""  # noqa: S608 - the name of our own table
