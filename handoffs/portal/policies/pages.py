"""Reading policies: the list of workflows, a version in words or as YAML, and what differs between two."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from handoffs import access
from handoffs.choices import PolicyStatus
from handoffs.errors import NotAllowed, NotThere
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import page
from handoffs.portal.policies.differences import differences
from handoffs.portal.policies.documents import to_yaml
from handoffs.portal.policies.parts import sections_of
from handoffs.queries import versions
from handoffs.queries.policies import telling_warnings
from handoffs.queries.replay_reports import basis_of


def managed(request: HttpRequest, key: str) -> Workflow:
    """The workflow, for whoever manages it; for everybody else it is not there."""
    workflows = access.managed_workflows(request.user)  # type: ignore[arg-type]
    workflow = workflows.select_related("live_version").filter(key=key).first()
    if workflow is None:
        raise NotThere(f"There is no workflow {key} that you manage.")
    return workflow


@page
def policies(request: HttpRequest) -> HttpResponse:
    """Every workflow that the manager tunes, with its live version, its draft and its warnings."""
    if not access.is_manager(request.user):  # type: ignore[arg-type]
        raise NotAllowed("Policies are for managers. An administrator gives the right to manage to a role.")
    workflows = access.managed_workflows(request.user)  # type: ignore[arg-type]
    found = versions.standings(workflows.select_related("live_version__published_by").order_by("title"))
    return render(request, "policies/list.html", {"standings": found, "now": timezone.now()})


@page
def policy(request: HttpRequest, key: str, number: int | None = None) -> HttpResponse:
    """One version in sentences, by default the live one, with the history beside it."""
    workflow = managed(request, key)
    version = _version(workflow, number)
    history = versions.editions(workflow)
    values = {
        "sections": sections_of(version.document),
        "basis": basis_of(version),
        "history": history,
        "warnings": telling_warnings(version) if version.status == PolicyStatus.LIVE else (),
        "draft": next((edition for edition in history if edition.status == PolicyStatus.DRAFT), None),
        **_to_compare(version, [edition.number for edition in history]),
    }
    return _render(request, "policies/version.html", workflow, version, values)


@page
def as_yaml(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """One version as YAML, to read."""
    workflow = managed(request, key)
    version = versions.version_called(workflow, number)
    return _render(
        request,
        "policies/version_yaml.html",
        workflow,
        version,
        {"text": to_yaml(version.document), "heading": f"Version {number} of {workflow.title}"},
    )


@page
def download(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """One version as a YAML file, as `apply_policy` takes it."""
    version = versions.version_called(managed(request, key), number)
    response = HttpResponse(to_yaml(version.document), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{key}-v{number}.yaml"'
    return response


@page
def compare(request: HttpRequest, key: str) -> HttpResponse:
    """What changed between any two versions, in words; by default from the live one to the newest."""
    workflow = managed(request, key)
    history = versions.editions(workflow)
    numbers = [edition.number for edition in history]
    newest = numbers[0] if numbers else 0
    after = versions.version_called(workflow, _number(request, "to", newest))
    default = next((number for number in numbers if number < after.number), after.number)
    before = versions.version_called(workflow, _number(request, "from", default))
    values = {"before": before, "history": history, "changes": differences(before.document, after.document)}
    return _render(request, "policies/compare.html", workflow, after, values)


def _version(workflow: Workflow, number: int | None) -> PolicyVersion:
    if number is not None:
        return versions.version_called(workflow, number)
    if workflow.live_version is not None:
        return versions.version_called(workflow, workflow.live_version.number)
    return versions.required_draft(workflow)


def _to_compare(version: PolicyVersion, numbers: list[int]) -> dict[str, int]:
    """The version with the one before it; the first with the one after it."""
    before = next((number for number in numbers if number < version.number), None)
    if before is not None:
        return {"compare_from": before, "compare_to": version.number}
    return {"compare_from": version.number, "compare_to": next(iter(numbers[-2:]), version.number)}


def _number(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isdecimal() and len(given) < 8 else default


def _render(
    request: HttpRequest, template: str, workflow: Workflow, version: PolicyVersion, values: dict[str, Any]
) -> HttpResponse:
    shown = {"workflow": workflow, "version": version, "now": timezone.now(), **values}
    return render(request, template, shown)
