"""The whole draft as text, for those who prefer it: the same document, the same mistakes, both ways."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs.actions import policies
from handoffs.actions.policies import DraftChanged
from handoffs.errors import PolicyInvalid
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import change
from handoffs.portal.policies.differences import differences
from handoffs.portal.policies.documents import digest_of, to_yaml
from handoffs.portal.policies.editor import Conflict, problems_of, section_counts
from handoffs.portal.policies.pages import managed
from handoffs.queries import versions
from handoffs.rules.policy_reading import plain, read_yaml
from handoffs.rules.problems import Problem


@never_cache
@change
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Show the draft as YAML, or take it; text with a mistake is kept as typed."""
    workflow = managed(request, key)
    draft = versions.required_draft(workflow)
    if request.method != "POST":
        problems = problems_of(draft.document, versions.names_known())
        return _answer(request, workflow, draft, to_yaml(draft.document), problems, base=digest_of(draft.document))
    text = request.POST.get("text", "").replace("\r\n", "\n")
    try:
        document = plain(read_yaml(text))
        return _save(request, workflow, draft, text, document)
    except PolicyInvalid as invalid:
        problems = tuple(Problem(place=mistake.pointer, message=mistake.detail) for mistake in invalid.mistakes)
        return _answer(request, workflow, draft, text, problems, base=request.POST.get("base", ""), status=400)


def _save(
    request: HttpRequest, workflow: Workflow, draft: PolicyVersion, text: str, document: Mapping[str, Any]
) -> HttpResponse:
    author: Any = request.user
    base = request.POST.get("base", "")
    try:
        policies.save_draft(workflow.key, document, author=author, now=timezone.now(), replacing=base)
    except DraftChanged:
        draft = versions.required_draft(workflow)
        conflict = Conflict(saved=versions.saved_of(draft), changes=differences(draft.document, document))
        return _answer(
            request, workflow, draft, text, (), base=digest_of(draft.document), conflict=conflict, status=409
        )
    messages.success(request, "The draft is saved.")
    return redirect("policy_yaml", key=workflow.key)


def _answer(
    request: HttpRequest,
    workflow: Workflow,
    draft: PolicyVersion,
    text: str,
    problems: tuple[Problem, ...],
    *,
    base: str,
    status: int = 200,
    conflict: Conflict | None = None,
) -> HttpResponse:
    values = {
        "workflow": workflow,
        "draft": draft,
        "saved": versions.saved_of(draft),
        "text": text,
        "problems": problems,
        "base": base,
        "conflict": conflict,
        "sections": section_counts(problems),
        "current": "yaml",
        "now": timezone.now(),
    }
    return render(request, "policies/yaml.html", values, status=status)
