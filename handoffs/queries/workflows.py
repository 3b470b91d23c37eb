"""Workflows and their policy versions as the HTTP contract shows them."""

from collections.abc import Iterable
from typing import Any

from handoffs.models import PolicyVersion, Workflow
from handoffs.queries.policies import draft_of
from handoffs.queries.representation import rfc3339
from handoffs.rules.canonical import sha256_of


def workflows_json(workflows: Iterable[Workflow]) -> list[dict[str, Any]]:
    """Workflows with the number and pattern of their live policy; they come with `live_version` selected."""
    return [_workflow(workflow) for workflow in workflows]


def workflow_json(workflow: Workflow, *, with_draft: bool) -> dict[str, Any]:
    """One workflow with its live policy; the draft is for those who may change it."""
    live, draft = workflow.live_version, draft_of(workflow) if with_draft else None
    return _workflow(workflow) | {
        "policy": version_json(live) if live else None,
        "draft": version_json(draft) if draft else None,
    }


def version_json(version: PolicyVersion) -> dict[str, Any]:
    """One policy version with its document and the digest of it."""
    return {
        "number": version.number,
        "status": version.status,
        "digest": f"sha256:{sha256_of(version.document)}",
        "published_at": rfc3339(version.published_at),
        "published_by": version.published_by.display_name if version.published_by else None,
        "publish_reason": version.publish_reason,
        "document": version.document,
    }


def _workflow(workflow: Workflow) -> dict[str, Any]:
    live = workflow.live_version
    return {
        "key": workflow.key,
        "title": workflow.title,
        "pattern": live.document["pattern"] if live else None,
        "live_version": live.number if live else None,
    }
