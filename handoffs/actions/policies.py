"""The only writer of workflows' policies: drafts, publishing, retiring. What is right is left to rules."""

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from handoffs.choices import PolicyStatus
from handoffs.errors import Invalid, Mistake, NotPossibleNow, NotThere, PolicyInvalid
from handoffs.models import PolicyVersion, Workflow
from handoffs.queries.policies import draft_of, live_version, problems_in, telling_warnings
from handoffs.queries.replay_reports import basis_of
from handoffs.rules.canonical import sha256_of
from handoffs.rules.policy import Policy
from handoffs.rules.policy_checks import role_names, warnings
from handoffs.rules.policy_loading import load, refuse
from handoffs.rules.policy_reading import plain
from handoffs.rules.problems import Problem
from handoffs.rules.values import cut

SIGNING_PREFIX = "whsec_"
SIGNING_BYTES = 32
REASON_CHARACTERS = 2_000
HISTORY_REASON_CHARACTERS = 100


class NoDraft(NotPossibleNow):
    """The workflow has no draft that could be published or discarded."""

    code = "no_draft"


class ReplayRequired(NotPossibleNow):
    """The policy asks for a replay of the draft as it is, and there is none that was finished."""

    code = "replay_required"
    title = "A replay comes first"


class DraftChanged(NotPossibleNow):
    """Somebody saved the draft since the caller read it; details: `saved_by`, `saved_at`."""

    code = "draft_changed"
    title = "The draft was changed meanwhile"


@transaction.atomic(durable=True)
def save_draft(
    workflow_key: str,
    document: Mapping[str, Any],
    *,
    author: User | None,
    now: datetime,
    create: bool = False,
    replacing: str | None = None,
) -> PolicyVersion:
    """Store `document` as the workflow's draft: the next number, or in place of the draft that there is.

    A draft must load; whether its parts fit together is held against it at publishing. With `create`, a workflow that
    does not exist yet is created. An author of None is the shell. `replacing` is the digest (`sha256_of`) of the draft
    that the author read. Raises PolicyInvalid, NotThere for an unknown workflow, and DraftChanged where the draft is
    another one by now.
    """
    document = plain(document)
    policy = load(document)
    _require_key(policy, workflow_key)
    workflow = _lock_or_create(policy, author, now) if create else _lock(workflow_key)
    draft = draft_of(workflow)
    _require_unchanged(draft, replacing)
    draft = draft or _next_version(workflow, author, now)
    draft.document = document
    draft.role_names = list(role_names(policy))
    _save(draft, by=author, now=now, reason=f"Draft of version {draft.number}")
    return draft


@transaction.atomic(durable=True)
def publish(
    workflow_key: str, *, publisher: User | None, reason: str, now: datetime, replacing: str | None = None
) -> tuple[PolicyVersion, tuple[Problem, ...]]:
    """Make the draft the live version and retire the one before; the second value is what to be warned about.

    Handoffs that are open keep the version they opened under. `replacing` is the digest of the draft that the publisher
    read. Raises PolicyInvalid while anything is wrong with the draft, Invalid without a reason, ReplayRequired,
    DraftChanged, NoDraft and NotThere.
    """
    reason = _require_reason(reason)
    workflow = _lock(workflow_key)
    draft = _require_draft(workflow)
    _require_unchanged(draft, replacing)
    problems = problems_in(draft.document)
    refuse(problems)
    _require_replay(draft)
    found = (*warnings(problems), *telling_warnings(draft))
    _retire_live(workflow, publisher, now)
    _go_live(workflow, draft, publisher=publisher, reason=reason, now=now)
    return draft, found


def publish_stage(
    workflow: Workflow, rollout: Mapping[str, Any], *, publisher: User | None, reason: str, now: datetime
) -> PolicyVersion:
    """Make a version live that differs from the live one in its rollout alone; the caller has locked the workflow.

    A draft is left as it is but for its number, which moves on. A publisher of None is the clock. Raises PolicyInvalid
    where the rollout cannot be published, Invalid without a reason, and PolicyNotPublished.
    """
    reason = _require_reason(reason)
    document = plain({**live_version(workflow).document, "rollout": dict(rollout)})
    refuse(problems_in(document))
    draft = draft_of(workflow)
    if draft is not None:
        _move_draft_on(draft, publisher, now)
    stage = _next_version(workflow, publisher, now) if draft is None else _version_before(draft, publisher, now)
    stage.document, stage.role_names = document, list(role_names(load(document)))
    stage.published_by_clock = publisher is None
    _retire_live(workflow, publisher, now)
    _go_live(workflow, stage, publisher=publisher, reason=reason, now=now)
    return stage


def begin_draft(workflow: Workflow, document: Mapping[str, Any], *, author: User, now: datetime) -> PolicyVersion:
    """Store a first draft that says `document`; the caller has locked the workflow. Raises PolicyInvalid."""
    document = plain(document)
    draft = _next_version(workflow, author, now)
    draft.document, draft.role_names = document, list(role_names(load(document)))
    _save(draft, by=author, now=now, reason=f"Draft of version {draft.number}")
    return draft


def lock(workflow_key: str) -> Workflow:
    """The workflow under the lock of its row, for what publishes. Raises NotThere."""
    return _lock(workflow_key)


def _move_draft_on(draft: PolicyVersion, by: User | None, now: datetime) -> None:
    draft.number += 1
    _save(draft, by=by, now=now, reason=f"A stage was published before it: now version {draft.number}")


def _version_before(draft: PolicyVersion, author: User | None, now: datetime) -> PolicyVersion:
    return PolicyVersion(workflow=draft.workflow, number=draft.number - 1, created_by=author, created_at=now)


@transaction.atomic(durable=True)
def discard_draft(workflow_key: str, *, author: User | None, now: datetime) -> None:
    """Delete the draft; its history stays. Raises NoDraft and NotThere."""
    draft = _require_draft(_lock(workflow_key))
    _mark(draft, by=author, now=now, reason=f"Discarded draft of version {draft.number}")
    draft.delete()


def _require_key(policy: Policy, workflow_key: str) -> None:
    if policy.workflow != workflow_key:
        said = f"the document is for {policy.workflow}: write {workflow_key}"
        raise PolicyInvalid(f"workflow: {said}", mistakes=[Mistake(pointer="workflow", detail=said)])


def _require_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason or "\0" in reason or len(reason) > REASON_CHARACTERS:
        said = f"say why, in at most {REASON_CHARACTERS} characters"
        raise Invalid("Publishing needs a reason.", mistakes=[Mistake(pointer="/reason", detail=said)])
    return reason


def _require_draft(workflow: Workflow) -> PolicyVersion:
    draft = draft_of(workflow)
    if draft is None:
        raise NoDraft(f"{workflow.title} has no draft. Save one first.")
    return draft


def _require_replay(draft: PolicyVersion) -> None:
    if load(draft.document).rollout.requires_replay and basis_of(draft) is None:
        raise ReplayRequired("This policy is published after a replay of the draft as it is. Replay it first.")


def _require_unchanged(draft: PolicyVersion | None, replacing: str | None) -> None:
    if replacing is None or (draft is not None and sha256_of(draft.document) == replacing):
        return
    if draft is None:
        raise DraftChanged("The draft was published or discarded meanwhile.", saved_by="", saved_at=None)
    saved = draft.history.select_related("history_user").first()
    saver = saved.history_user.display_name if saved and saved.history_user else "somebody"
    raise DraftChanged(
        f"{saver} saved this draft since you opened it.",
        saved_by=saver,
        saved_at=saved.history_date.isoformat() if saved else None,
    )


def _lock(workflow_key: str) -> Workflow:
    """Everything about a workflow's versions happens under the lock of its row."""
    workflow = Workflow.objects.select_for_update().filter(key=workflow_key).first()
    if workflow is None:
        raise NotThere(f"There is no workflow {workflow_key}.")
    return workflow


def _lock_or_create(policy: Policy, author: User | None, now: datetime) -> Workflow:
    """Two at once create one: the second waits at the unique key, fails there, and then locks the first one's row."""
    try:
        return _lock(policy.workflow)
    except NotThere:
        workflow = Workflow(key=policy.workflow, title=policy.title, callback_secret=_new_secret(), created_at=now)
    try:
        with transaction.atomic():
            _save(workflow, by=author, now=now, reason="Created with its first policy")
    except IntegrityError:
        return _lock(policy.workflow)
    return workflow


def _new_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(SIGNING_BYTES)).decode()


def _next_version(workflow: Workflow, author: User | None, now: datetime) -> PolicyVersion:
    newest = workflow.policy_versions.order_by("-number").values_list("number", flat=True).first() or 0
    return PolicyVersion(workflow=workflow, number=newest + 1, created_by=author, created_at=now)


def _retire_live(workflow: Workflow, publisher: User | None, now: datetime) -> None:
    live = workflow.policy_versions.filter(status=PolicyStatus.LIVE).first()
    if live is not None:
        live.status, live.retired_at = PolicyStatus.RETIRED, now
        _save(live, by=publisher, now=now, reason="A later version was published")


def _go_live(workflow: Workflow, draft: PolicyVersion, *, publisher: User | None, reason: str, now: datetime) -> None:
    draft.status = PolicyStatus.LIVE
    draft.published_by, draft.published_at, draft.publish_reason = publisher, now, reason
    _save(draft, by=publisher, now=now, reason=reason)
    workflow.live_version, workflow.title = draft, load(draft.document).title
    _save(workflow, by=publisher, now=now, reason=f"Version {draft.number} published")


def _save(row: Workflow | PolicyVersion, *, by: User | None, now: datetime, reason: str) -> None:
    _mark(row, by=by, now=now, reason=reason)
    row.save()


def _mark(row: Any, *, by: User | None, now: datetime, reason: str) -> None:
    """Say who and why for the history row that the next save or delete writes."""
    row._history_user, row._history_date = by, now
    row._change_reason = cut(reason, HISTORY_REASON_CHARACTERS)
