"""Editing the draft section by section: every press is a plain form; nothing typed is lost, nobody is overwritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from handoffs.actions import policies
from handoffs.actions.policies import DraftChanged
from handoffs.errors import NotThere, PolicyInvalid
from handoffs.models import PolicyVersion, Workflow
from handoffs.portal.doors import change, move, page
from handoffs.portal.policies.boxes import Section
from handoffs.portal.policies.differences import SectionChanges, differences
from handoffs.portal.policies.documents import digest_of, to_yaml
from handoffs.portal.policies.drawing import Drawer, SectionView
from handoffs.portal.policies.pages import managed
from handoffs.portal.policies.posted import Posted
from handoffs.portal.policies.reading import Reading, merged, part_of, read
from handoffs.portal.policies.shapes import ALL, BY_KEY, section_of
from handoffs.portal.policies.trying import Trial, tried
from handoffs.queries import versions
from handoffs.rules.policy_checks import check as check_fit
from handoffs.rules.policy_loading import load
from handoffs.rules.problems import Problem

SAVE_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Somebody else saved the section first: who, when, and what theirs says against what was typed."""

    saved: versions.Saved | None
    changes: tuple[SectionChanges, ...]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What an edit stands on: the workflow, its draft, the section, and the names that the policy may use."""

    workflow: Workflow
    draft: PolicyVersion
    section: Section
    names: Mapping[str, frozenset[str]]

    def with_part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        return merged(self.section, self.draft.document, part)

    @property
    def base(self) -> str:
        return digest_of(part_of(self.section, self.draft.document))


@page
def start_page(request: HttpRequest, key: str) -> HttpResponse:
    """The draft opens where policies are tuned most."""
    versions.required_draft(managed(request, key))
    return redirect("policy_section", key=key, section="triggers")


@never_cache
@change
def edit(request: HttpRequest, key: str, section: str) -> HttpResponse:
    """One section of the draft as a form; the pressed button says what happens to it."""
    desk = _desk(request, key, section)
    if request.method != "POST":
        open_rows = frozenset(request.GET.getlist("open"))
        reading = Reading(part=part_of(desk.section, desk.draft.document), open_rows=open_rows)
        return _answer(request, desk, reading, base=desk.base)
    posted = Posted(request.POST)
    reading = read(desk.section, posted, data=_data(desk, posted))
    if posted.verb == "save":
        return _save(request, desk, reading, base=posted.text("base"))
    trial = _trial(desk, reading, posted) if posted.verb == "try" else None
    return _answer(request, desk, reading, base=posted.text("base"), unsaved=True, trial=trial)


@move
def check(request: HttpRequest, key: str, section: str) -> HttpResponse:
    """What is wrong with a section as it is being typed; the same as saving and publishing would say."""
    desk = _desk(request, key, section)
    reading = read(desk.section, Posted(request.POST), data=desk.draft.document.get("data"))
    view, _ = _view(desk, reading)
    values = {"view": view, "workflow": desk.workflow, "yaml": _yaml(reading.part), "checked": True}
    return render(request, "policies/_checked.html", values)


def problems_of(document: Mapping[str, Any], names: Mapping[str, frozenset[str]]) -> tuple[Problem, ...]:
    """Every mistake and warning, with the names that were read already."""
    try:
        policy = load(document)
    except PolicyInvalid as invalid:
        return tuple(Problem(place=mistake.pointer, message=mistake.detail) for mistake in invalid.mistakes)
    return check_fit(policy, document, roles=names["roles"], calendars=names["calendars"])


def section_counts(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    """The sections for the navigation, each with the number of its mistakes."""
    wrong = [section_of(problem.place) for problem in problems if problem.severity == "error"]
    return [{"key": section.key, "title": section.title, "wrong": wrong.count(section.key)} for section in ALL]


def _desk(request: HttpRequest, key: str, section: str) -> Desk:
    workflow = managed(request, key)
    if section not in BY_KEY:
        raise NotThere("The editor has no such section.")
    draft = versions.required_draft(workflow)
    return Desk(workflow=workflow, draft=draft, section=BY_KEY[section], names=versions.names_known())


def _data(desk: Desk, posted: Posted) -> Any:
    return desk.draft.document.get("data")


def _save(request: HttpRequest, desk: Desk, reading: Reading, *, base: str) -> HttpResponse:
    """Save the section into the draft as it is by now, unless this section itself was changed meanwhile."""
    for _ in range(SAVE_ATTEMPTS):
        if base != desk.base:
            return _conflict(request, desk, reading)
        try:
            _store(request, desk, reading)
        except PolicyInvalid:
            return _answer(request, desk, reading, base=base, refused=True)
        except DraftChanged:
            desk = replace(desk, draft=versions.required_draft(desk.workflow))
            continue
        return _saved(request, desk)
    return _conflict(request, desk, reading)


def _store(request: HttpRequest, desk: Desk, reading: Reading) -> None:
    policies.save_draft(
        desk.workflow.key,
        desk.with_part(reading.part),
        author=request.user,  # type: ignore[arg-type]
        now=timezone.now(),
        replacing=digest_of(desk.draft.document),
    )


def _saved(request: HttpRequest, desk: Desk) -> HttpResponse:
    if not request.htmx:  # type: ignore[attr-defined]
        messages.success(request, f"{desk.section.title} saved in the draft.")
        return redirect("policy_section", key=desk.workflow.key, section=desk.section.key)
    desk = replace(desk, draft=versions.required_draft(desk.workflow))
    reading = Reading(part=part_of(desk.section, desk.draft.document), open_rows=frozenset())
    return _answer(request, desk, reading, base=desk.base, just_saved=True)


def _conflict(request: HttpRequest, desk: Desk, reading: Reading) -> HttpResponse:
    changes = differences(desk.draft.document, desk.with_part(reading.part))
    conflict = Conflict(saved=versions.saved_of(desk.draft), changes=changes)
    return _answer(request, desk, reading, base=desk.base, unsaved=True, conflict=conflict)


def _trial(desk: Desk, reading: Reading, posted: Posted) -> Trial:
    return tried(desk.workflow, desk.with_part(reading.part), posted.target)


def _view(desk: Desk, reading: Reading) -> tuple[SectionView, tuple[Problem, ...]]:
    document = desk.with_part(reading.part)
    problems = problems_of(document, desk.names)
    drawer = Drawer(document, desk.names, reading.open_rows)
    return drawer.section(desk.section, reading.part, problems), problems


def _yaml(part: Mapping[str, Any]) -> str:
    return to_yaml(part) if part else ""


def _answer(request: HttpRequest, desk: Desk, reading: Reading, *, base: str, **said: Any) -> HttpResponse:
    """The form as it was typed; on its own where htmx asks, else the whole page."""
    view, problems = _view(desk, reading)
    values = {
        "workflow": desk.workflow,
        "draft": desk.draft,
        "saved": versions.saved_of(desk.draft),
        "view": view,
        "base": base,
        "sections": section_counts(problems),
        "current": desk.section.key,
        "yaml": _yaml(reading.part),
        "now": timezone.now(),
        **said,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "policies/_editor.html", values)
    status = 409 if said.get("conflict") else 400 if said.get("refused") else 200
    return render(request, "policies/editor.html", values, status=status)
