"""Automations upload documents; whoever may see a handoff that carries one may read it."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from handoffs import access
from handoffs.actions import context
from handoffs.api.endpoint import Endpoint, caller, has_tag
from handoffs.api.file_types import SHOWN_INLINE, type_of
from handoffs.api.openapi import ETAG, IF_NONE_MATCH, operation
from handoffs.api.parsers import MAX_DOCUMENT_BYTES, DocumentParser, document_too_large
from handoffs.api.schemas.workflows import UPLOAD_FIELDS
from handoffs.api.validation import Shape, invalid
from handoffs.errors import Mistake
from handoffs.models import Document

MAX_NAME_CHARACTERS = 255
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
FIELDS = Shape(UPLOAD_FIELDS)


class Documents(Endpoint):
    """`/documents/`: where files come in."""

    parser_classes = (DocumentParser,)

    @operation(
        "uploadDocument",
        "Upload a document",
        body="Upload",
        media="multipart/form-data",
        answers={201: "Document"},
        refuses=(404,),
        description="PDF, PNG, JPEG, TXT, CSV, JSON, XML or EML by content, up to 10 MiB. What no attempt names within"
        " a day is deleted.",
    )
    def post(self, request: Request) -> Response:
        fields, file = _checked_form(request)
        workflow = access.workflow_for(caller(request), fields["workflow"])
        body = _content(file)
        document = context.upload(
            workflow,
            body=body,
            name=_name(file),
            title=fields.get("title", ""),
            content_type=type_of(body),
            uploader=caller(request),
            now=self.now,
        )
        return Response(context.described(document), status=201)


class AnyType(BaseContentNegotiation):
    """A document has one type, whatever is asked for; refusals are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser:
        parser: BaseParser = parsers[0]
        return parser

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class Content(Endpoint):
    """`/documents/{id}/content/`: the bytes."""

    content_negotiation_class = AnyType

    @operation(
        "getDocumentContent",
        "Read a document",
        answers={304: None},
        refuses=(404,),
        binary=True,
        parameters=(IF_NONE_MATCH, ETAG),
    )
    def get(self, request: Request, document_id: str) -> HttpResponseBase:
        document = access.document_for(caller(request), document_id)
        tag = f'"{document.sha256}"'
        if has_tag(request, tag):
            return Response(status=304, headers={"ETag": tag})
        self._note_opening(document)
        return _file(document, tag)

    def _note_opening(self, document: Document) -> None:
        """That a person opened it is part of the trail of every handoff that carries it."""
        reader = caller(self.request)
        if not reader.is_automation:
            for handoff in access.handoffs_for(reader).filter(documents=document):
                context.open_document(handoff, document, reader=reader, now=self.now)


def _file(document: Document, tag: str) -> HttpResponse:
    response = HttpResponse(bytes(document.content.body), content_type=_served_as(document.content_type))
    response["Content-Disposition"] = (
        content_disposition_header(document.content_type not in SHOWN_INLINE, document.name) or "inline"
    )
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = SANDBOX
    return response


def _served_as(content_type: str) -> str:
    return f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type


def _checked_form(request: Request) -> tuple[dict[str, str], UploadedFile]:
    files = request.FILES.getlist("file")
    data: Any = request.data  # a QueryDict: only forms are parsed here
    fields = {name: data.getlist(name)[-1] for name in data if name not in request.FILES}
    mistakes = [_not_text(name) for name, value in fields.items() if "\0" in value]
    mistakes += FIELDS.mistakes(fields)
    mistakes += [
        Mistake(pointer=f"/{name}", detail="Unknown file; send one as file.")
        for name in request.FILES
        if name != "file"
    ]
    if len(files) != 1:
        mistakes.append(Mistake(pointer="/file", detail="Send exactly one file."))
    if mistakes:
        raise invalid(mistakes)
    return fields, files[0]


def _not_text(name: str) -> Mistake:
    return Mistake(pointer=f"/{name}", detail="A NUL character cannot be stored.")


def _content(file: UploadedFile) -> bytes:
    if file.size is None or file.size > MAX_DOCUMENT_BYTES:
        raise document_too_large()
    return file.read()


def _name(file: UploadedFile) -> str:
    """The file's own name, without folders and control characters (Django has cut the folders off)."""
    name = "".join(character for character in file.name or "" if character.isprintable())
    return name[-MAX_NAME_CHARACTERS:] or "document"
