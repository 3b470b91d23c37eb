"""The versions of policies as managers read them: what is live, what is being written, who published what and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Role, User
from handoffs.choices import PolicyStatus
from handoffs.errors import NotThere
from handoffs.models import PolicyVersion, Workflow
from handoffs.queries.clocks import calendar_keys
from handoffs.queries.policies import draft_of, telling_warnings
from handoffs.rules.problems import Problem

VERSIONS_SHOWN = 100
WORKFLOWS_WARNED = 20
SHELL = "the shell"


@dataclass(frozen=True, kw_only=True)
class Saved:
    """Who saved a draft last, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One workflow: its live version, its draft, and what to be warned about."""

    workflow: Workflow
    live: PolicyVersion | None
    published_by: str
    draft: PolicyVersion | None
    saved: Saved | None
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One version in the history, newest first; `at` and `by` are of its publishing, for a draft of its last saving."""

    number: int
    status: PolicyStatus
    at: datetime
    by: str
    reason: str
    retired_at: datetime | None


def standings(workflows: Iterable[Workflow]) -> list[Standing]:
    """Where each workflow's policy stands; the first WORKFLOWS_WARNED with what their live versions warn about."""
    found = list(workflows)
    drafts = {draft.workflow_id: draft for draft in _drafts(found)}
    saved = _saved(drafts.values())
    return [
        Standing(
            workflow=workflow,
            live=workflow.live_version,
            published_by=workflow.live_version.publisher_name if workflow.live_version else "",
            draft=drafts.get(workflow.pk),
            saved=saved.get(drafts[workflow.pk].pk) if workflow.pk in drafts else None,
            warnings=telling_warnings(workflow.live_version)
            if workflow.live_version and number < WORKFLOWS_WARNED
            else (),
        )
        for number, workflow in enumerate(found)
    ]


def _drafts(workflows: Iterable[Workflow]) -> list[PolicyVersion]:
    rows = PolicyVersion.objects.filter(workflow__in=[each.pk for each in workflows], status=PolicyStatus.DRAFT)
    return list(rows.defer("document"))


def _saved(drafts: Iterable[PolicyVersion]) -> dict[Any, Saved]:
    """The last history row of each draft, in one query."""
    ids = [draft.pk for draft in drafts]
    rows = PolicyVersion.history.filter(id__in=ids).select_related("history_user").order_by("id", "-history_id")
    latest = rows.distinct("id")
    return {row.id: Saved(by=_name(row.history_user), at=row.history_date) for row in latest}


def editions(workflow: Workflow) -> list[Edition]:
    """The last VERSIONS_SHOWN versions of a workflow, newest first."""
    rows = workflow.policy_versions.select_related("published_by", "created_by").defer("document").order_by("-number")
    versions = list(rows[:VERSIONS_SHOWN])
    saved = _saved([version for version in versions if version.status == PolicyStatus.DRAFT])
    return [_edition(version, saved.get(version.pk)) for version in versions]


def _edition(version: PolicyVersion, saved: Saved | None) -> Edition:
    at = saved.at if saved else version.published_at or version.created_at
    by = version.publisher_name if version.published_at else _name(version.created_by)
    return Edition(
        number=version.number,
        status=PolicyStatus(version.status),
        at=at,
        by=saved.by if saved else by,
        reason=version.publish_reason,
        retired_at=version.retired_at,
    )


def version_called(workflow: Workflow, number: int) -> PolicyVersion:
    """One version of a workflow. Raises NotThere."""
    version = workflow.policy_versions.select_related("published_by").filter(number=number).first()
    if version is None:
        raise NotThere(f"{workflow.title} has no version {number}.")
    return version


def saved_of(draft: PolicyVersion) -> Saved | None:
    """Who saved the draft last."""
    return _saved([draft]).get(draft.pk)


def required_draft(workflow: Workflow) -> PolicyVersion:
    """The draft. Raises NotThere where nobody started one."""
    draft = draft_of(workflow)
    if draft is None:
        raise NotThere(f"{workflow.title} has no draft. Start one from its page.")
    return draft


def names_known() -> dict[str, frozenset[str]]:
    """The names that a policy may use, by what they name: roles and calendars."""
    return {"roles": frozenset(Role.objects.values_list("name", flat=True)), "calendars": calendar_keys()}


def _name(user: User | None) -> str:
    return user.display_name if user else SHELL
