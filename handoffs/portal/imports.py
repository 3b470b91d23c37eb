"""Bringing past handoffs in: a file, how far it has come, and every bad row with its line and reason."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from handoffs import access
from handoffs.actions import imports as actions
from handoffs.errors import Invalid, NotAllowed, NotThere
from handoffs.models import HistoryImport
from handoffs.portal.doors import change, move, page
from handoffs.portal.policies.pages import managed
from handoffs.queries.imports import IMPORTS_SHOWN, PROBLEMS_SHOWN, imports_into, oddities
from handoffs.rules.imports import COLUMNS

MAX_FILE_BYTES = 100 * 1024 * 1024


@change
def start(request: HttpRequest) -> HttpResponse:
    """The imports so far, and the form for the next."""
    person: Any = request.user
    if not access.is_manager(person):
        raise NotAllowed("The past is brought in by managers. An administrator gives the right to manage to a role.")
    refused = None
    if request.method == "POST":
        try:
            return _begin(request)
        except Invalid as error:
            refused = error
    values = {
        "imports": list(imports_into(access.managed_workflows(person))[:IMPORTS_SHOWN]),
        "workflows": list(access.managed_workflows(person).filter(live_version__isnull=False).order_by("title")),
        "columns": COLUMNS,
        "refused": refused,
        "now": timezone.now(),
    }
    return render(request, "imports/list.html", values, status=400 if refused else 200)


def _begin(request: HttpRequest) -> HttpResponse:
    workflow = managed(request, request.POST.get("workflow", ""))
    file: Any = request.FILES.get("file")
    if file is None:
        raise Invalid("Choose a file.")
    if file.size > MAX_FILE_BYTES:
        raise Invalid(f"The file is larger than {MAX_FILE_BYTES // 1024**2} MB: gzip it, or import it from the shell.")
    begun = actions.begin(
        workflow,
        file.file,
        name=file.name,
        by=request.user,  # type: ignore[arg-type]
        now=timezone.now(),
        skip_bad=bool(request.POST.get("skip_bad")),
    )
    return redirect("import", begun.pk)


@page
def show(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """One import: its progress, or what came of it."""
    return render(request, "imports/show.html", _values(request, import_id))


@page
def progress(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """The part of the page that changes while it works."""
    return render(request, "imports/_progress.html", _values(request, import_id))


@move
def go_on(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Import the good rows of a refused file."""
    actions.import_the_good(_import(request, import_id))
    return redirect("import", import_id)


@move
def discard(request: HttpRequest, import_id: uuid.UUID) -> HttpResponse:
    """Throw a refused file away."""
    actions.discard(_import(request, import_id))
    messages.success(request, "The file is thrown away; nothing of it was imported.")
    return redirect("imports")


def _import(request: HttpRequest, import_id: uuid.UUID) -> HistoryImport:
    person: Any = request.user
    found = imports_into(access.managed_workflows(person)).filter(pk=import_id).first()
    if found is None:
        raise NotThere("There is no such import into a workflow that you manage.")
    return found


def _values(request: HttpRequest, import_id: uuid.UUID) -> dict[str, Any]:
    found = _import(request, import_id)
    return {
        "found": found,
        "good_count": found.rows_count - found.bad_count,
        "problems": found.problems[:PROBLEMS_SHOWN],
        "oddities": list(oddities(found)),
        "now": timezone.now(),
    }
