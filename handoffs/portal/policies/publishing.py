"""Starting a draft, publishing it with a reason, and letting it go."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs.actions import policies
from handoffs.actions.policies import DraftChanged, ReplayRequired
from handoffs.errors import Invalid, PolicyInvalid
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import change, move
from handoffs.portal.policies.differences import differences
from handoffs.portal.policies.documents import digest_of
from handoffs.portal.policies.drawing import Drawer, Found
from handoffs.portal.policies.editor import problems_of
from handoffs.portal.policies.pages import managed
from handoffs.portal.policies.reading import part_of
from handoffs.portal.policies.shapes import BY_KEY, section_of
from handoffs.portal.policies.trying import run_of
from handoffs.queries import versions
from handoffs.queries.policies import draft_of, telling_warnings
from handoffs.queries.replay_reports import basis_of
from handoffs.rules.policy_loading import load
from handoffs.rules.problems import Problem


@move
def start(request: HttpRequest, key: str) -> HttpResponse:
    """A draft that says what a version says, opened at a section; one that is there is opened and never replaced."""
    workflow = managed(request, key)
    number = request.POST.get("version", "")
    section = request.POST.get("section", "")
    opens = section if section in BY_KEY else "triggers"
    there = draft_of(workflow)
    if there is not None and request.POST.get("replace") != digest_of(there.document):
        messages.warning(request, f"There is a draft already: version {there.number}. Publish or discard it first.")
        return redirect("policy_draft", key=key)
    version = versions.version_called(workflow, int(number) if number.isdecimal() and len(number) < 8 else 0)
    author: Any = request.user
    policies.save_draft(key, version.document, author=author, now=timezone.now())
    messages.success(request, f"This draft begins as version {version.number}. Nothing changes until it is published.")
    return redirect("policy_section", key=key, section=opens)


@move
def discard(request: HttpRequest, key: str) -> HttpResponse:
    """Let the draft go; its history stays."""
    workflow = managed(request, key)
    author: Any = request.user
    policies.discard_draft(workflow.key, author=author, now=timezone.now())
    messages.success(request, "The draft is discarded.")
    return redirect("policy", key=key) if workflow.live_version_id else redirect("policies")


@never_cache
@change
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """What is wrong, what changes, what would happen; then the reason, and it is live."""
    workflow = managed(request, key)
    draft = versions.required_draft(workflow)
    if request.method != "POST":
        return _confirm(request, workflow, draft)
    reason = request.POST.get("reason", "")
    publisher: Any = request.user
    try:
        live, _ = policies.publish(
            key, publisher=publisher, reason=reason, now=timezone.now(), replacing=request.POST.get("base", "")
        )
    except DraftChanged as changed:
        draft = versions.required_draft(workflow)
        return _confirm(request, workflow, draft, reason=reason, refusal=changed.message, status=409)
    except ReplayRequired as required:
        return _confirm(request, workflow, draft, reason=reason, refusal=required.message, status=409)
    except PolicyInvalid:
        return _confirm(request, workflow, draft, reason=reason, status=400)
    except Invalid as invalid:
        return _confirm(request, workflow, draft, reason=reason, reason_error=invalid.mistakes[0].detail, status=400)
    messages.success(request, f"Version {live.number} is live. Open handoffs keep the version they opened under.")
    return redirect("policy", key=key)


def _confirm(
    request: HttpRequest, workflow: Workflow, draft: PolicyVersion, *, status: int = 200, **said: Any
) -> HttpResponse:
    names = versions.names_known()
    problems = problems_of(draft.document, names)
    loads = not any(problem.severity == "error" for problem in problems) or _loads(draft)
    told = (*problems, *(telling_warnings(draft) if loads else ()))
    live = workflow.live_version
    values = {
        "workflow": workflow,
        "draft": draft,
        "live": live,
        "errors": _linked(draft, [problem for problem in told if problem.severity == "error"]),
        "warnings": _linked(draft, [problem for problem in told if problem.severity == "warning"]),
        "changes": differences(live.document, draft.document) if live else (),
        "run": run_of(workflow, load(draft.document)) if loads else None,
        "base": digest_of(draft.document),
        "basis": basis_of(draft),
        "requires_replay": loads and load(draft.document).rollout.requires_replay,
        "now": timezone.now(),
        **said,
    }
    return render(request, "policies/publish.html", values, status=status)


def _loads(draft: PolicyVersion) -> bool:
    try:
        load(draft.document)
    except PolicyInvalid:
        return False
    return True


def _linked(draft: PolicyVersion, problems: Sequence[Problem]) -> list[Found]:
    """Each problem with the section and the control that it is about."""
    found = []
    for problem in problems:
        section = BY_KEY.get(section_of(problem.place))
        if section is None:
            found.append(Found(problem=problem, anchor="", section="yaml", here=False))
            continue
        drawer = Drawer(draft.document, {"roles": (), "calendars": ()})
        found += drawer.section(section, part_of(section, draft.document), [problem]).found
    return found
