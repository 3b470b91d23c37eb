"""Documents of a handoff: shown in the page, or handed out as they came; each opening is written to the trail."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header, parse_etags

from handoffs import access
from handoffs.actions import context
from handoffs.errors import NotThere
from handoffs.models import Document, DocumentContent, Handoff
from handoffs.portal import previews
from handoffs.portal.doors import page
from handoffs.portal.wording import size

HARMLESS = "sandbox"
"""The Content-Security-Policy of what somebody else wrote: it may be looked at and do nothing."""


@page
def document(request: HttpRequest, handoff_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
    """The viewer: a fragment for the case page, a page of its own without scripts."""
    handoff, found = _opened(request, handoff_id, document_id)
    kind = previews.kind_of(found.content_type)
    values: dict[str, Any] = {"handoff": handoff, "document": _named(found), "pages": None, "text": None}
    if kind == "text":
        values["text"] = previews.text_of(_body(found))
    elif kind != "file":
        values |= _pages(found)
    template = "document.html#viewer" if request.htmx else "document.html"  # type: ignore[attr-defined]
    return render(request, template, values)


@page
def document_page(request: HttpRequest, handoff_id: uuid.UUID, document_id: uuid.UUID, number: int) -> HttpResponse:
    """One page as an image."""
    _, found = _opened(request, handoff_id, document_id)
    etag = f'"{found.sha256[:32]}-{number}"'
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponseNotModified(headers={"ETag": etag})
    if found.content_type in previews.IMAGES:
        return _harmless(HttpResponse(_body(found), content_type=found.content_type), etag)
    return _harmless(HttpResponse(previews.page_png(_body(found), number), content_type="image/png"), etag)


@page
def document_file(request: HttpRequest, handoff_id: uuid.UUID, document_id: uuid.UUID) -> HttpResponse:
    """The original, byte by byte; only a PDF or an image opens in the browser."""
    _, found = _opened(request, handoff_id, document_id)
    inline = found.content_type == previews.PDF or found.content_type in previews.IMAGES
    response = HttpResponse(_body(found), content_type=found.content_type if inline else "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(not inline, found.name) or "attachment"
    return _harmless(response, f'"{found.sha256[:32]}"')


def _opened(request: HttpRequest, handoff_id: uuid.UUID, document_id: uuid.UUID) -> tuple[Handoff, Document]:
    """The document of a visible handoff, after writing down who opened it."""
    reader: Any = request.user
    handoff = access.handoff_for(reader, handoff_id)
    found = handoff.documents.filter(pk=document_id).first()
    if found is None:
        raise NotThere("This handoff carries no such document.")
    context.open_document(handoff, found, reader=reader, now=timezone.now())
    return handoff, found


def _pages(found: Document) -> dict[str, Any]:
    try:
        return {"pages": previews.outline(_body(found), content_type=found.content_type, sha256=found.sha256)}
    except previews.CannotDraw as error:
        return {"pages": None, "problem": error.message}


def _body(found: Document) -> bytes:
    return bytes(DocumentContent.objects.values_list("body", flat=True).get(pk=found.pk))


def _named(found: Document) -> dict[str, Any]:
    return {"id": found.pk, "name": found.name, "size": size(found.size_bytes)}


def _harmless(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = HARMLESS
    response["X-Content-Type-Options"] = "nosniff"
    return response
