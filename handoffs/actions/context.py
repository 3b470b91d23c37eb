"""What the reviewer is shown: freezing revisions, attaching documents, and the trail of who looked at what."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs import access
from handoffs.actions import audit
from handoffs.choices import Event
from handoffs.errors import Invalid, Mistake, NotAllowed
from handoffs.models import Actor, Attempt, ContextRevision, Document, DocumentContent, Handoff, Note, Workflow, rows
from handoffs.queries.callers import CALLERS, HEARD_OF, remember_callers
from handoffs.queries.representation import REVISION, package_of, remember, remember_revision
from handoffs.rules import package as packages

HEARD = HEARD_OF.format(workflow_id="handoffs_handoff.workflow_id")
"""What kinds of messages the endpoints of a handoff's workflow ask for, in SQL beside its row."""
VERSION_SEEN = "(SELECT version FROM handoffs_handoff AS seen WHERE seen.id = handoffs_handoff.id)"
"""What version a handoff had when the statement began: an older one than its row's where that was waited for."""
UNREFERENCED_FOR = timedelta(hours=24)
MAX_NOTE_CHARACTERS = 5_000


def frozen(handoff: Handoff, package: Mapping[str, Any], *, attempt: Attempt, now: datetime) -> ContextRevision:
    """The handoff's current package as revision `context_revision_number`, digest and all; not stored yet."""
    return ContextRevision(
        handoff=handoff,
        number=handoff.context_revision_number,
        attempt=attempt,
        package=package,
        digest=handoff.context_digest,
        created_at=now,
    )


def take_over(handoff: Handoff, package: dict[str, Any]) -> None:
    """Show `package` on the handoff from now on; the caller freezes it and saves the handoff."""
    remember(handoff, package)
    handoff.summary = package["summary"]
    handoff.headline = packages.headline(package)
    handoff.context_digest = packages.digest(package)


def attach(handoff: Handoff, documents: list[Document]) -> None:
    """The handoff carries these documents from now on, so they do not expire."""
    if documents:
        handoff.documents.add(*documents)
        Document.objects.filter(pk__in=[document.pk for document in documents]).update(expires_at=None)


def named_documents(workflow: Workflow, ids: list[str], *, automation: User) -> list[Document]:
    """The automation's documents with these ids, in their order. Raises Invalid naming each that is not there."""
    found = {
        str(document.pk): document
        for document in Document.objects.filter(pk__in=ids, workflow=workflow, uploaded_by=automation)
    }
    mistakes = [
        Mistake(pointer=f"/context/documents/{index}", detail=f"No document {key} of this workflow; upload it first.")
        for index, key in enumerate(ids)
        if key not in found
    ]
    if mistakes:
        raise Invalid("A document is not there.", mistakes=mistakes)
    return [found[key] for key in dict.fromkeys(ids)]


def described(document: Document) -> dict[str, Any]:
    """A document as packages and answers show it."""
    return {
        "id": str(document.pk),
        "name": document.name,
        "title": document.title,
        "content_type": document.content_type,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
    }


@transaction.atomic(durable=True)
def upload(
    workflow: Workflow, *, body: bytes, name: str, title: str, content_type: str, uploader: User, now: datetime
) -> Document:
    """Store a file whose type was already checked; it expires unless an attempt names it within a day."""
    document = Document.objects.create(
        workflow=workflow,
        uploaded_by=uploader,
        uploaded_at=now,
        name=name,
        title=title,
        content_type=content_type,
        size_bytes=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        expires_at=now + UNREFERENCED_FOR,
    )
    DocumentContent.objects.create(document=document, body=body)
    return document


def expired(now: datetime) -> QuerySet[Document]:
    """Documents that no attempt named in time."""
    return Document.objects.filter(expires_at__lte=now)


@transaction.atomic(durable=True)
def drop_expired(*, now: datetime, limit: int = 500) -> int:
    """Delete documents that no attempt ever named; returns how many."""
    ids = [document.pk for document in expired(now).select_for_update(skip_locked=True)[:limit]]
    Document.objects.filter(pk__in=ids).delete()
    return len(ids)


@transaction.atomic(durable=True)
def add_note(handoff: Handoff, *, author: User, text: str, now: datetime) -> Note:
    """Write a remark for whoever works the handoff next. Raises Invalid for an empty or overlong text."""
    text = text.strip()
    if not text or len(text) > MAX_NOTE_CHARACTERS:
        detail = f"Write between 1 and {MAX_NOTE_CHARACTERS} characters."
        raise Invalid("The note cannot be kept.", mistakes=[Mistake(pointer="/text", detail=detail)])
    if not access.may(author, "note", handoff):
        raise NotAllowed(
            "Automations report attempts instead of writing notes."
            if author.is_automation
            else "You were told of this case, and may read it; notes are for its role."
        )
    handoff = locked(handoff)
    note = Note.objects.create(handoff=handoff, author=author, written_at=now, text=text)
    _touch(handoff, author, now)
    audit.record(handoff, Event.NOTE_ADDED, actor=Actor.of(author), now=now, reason=text)
    return note


@transaction.atomic(durable=True)
def open_document(handoff: Handoff, document: Document, *, reader: User, now: datetime) -> None:
    """Write to the trail that a person opened a document; the first time per person and document only."""
    handoff = locked(handoff)
    opened = handoff.history.filter(
        event=Event.DOCUMENT_OPENED, history_user=reader, details__document=str(document.pk)
    )
    if not opened.exists():
        _touch(handoff, reader, now)
        details = {"document": str(document.pk), "name": document.name, "sha256": document.sha256}
        audit.record(handoff, Event.DOCUMENT_OPENED, actor=Actor.of(reader), now=now, details=details)


@transaction.atomic(durable=True)
def reveal_field(handoff: Handoff, key: str, *, reader: User, now: datetime) -> Any:
    """The value of a sensitive field, after writing to the trail who saw it. Raises Invalid for an unknown key.

    Raises NotAllowed for who was only told of the handoff.
    """
    if not access.may(reader, "reveal", handoff):
        raise NotAllowed("You were told of this case, and may read it; sensitive fields are for its role.")
    handoff = locked(handoff)
    package = package_of(handoff)
    fact = next((fact for fact in package["fields"] if fact["key"] == key and fact["sensitive"]), None)
    if fact is None:
        raise Invalid(f"The context has no sensitive field {key!r}.")
    _touch(handoff, reader, now)
    audit.record(handoff, Event.FIELD_REVEALED, actor=Actor.of(reader), now=now, details={"field": key})
    return fact["value"]


def locked(handoff: Handoff, *, with_callers: bool = False) -> Handoff:
    """The same handoff, read again under its row lock; what it points at is known where it has not changed.

    `with_callers` reads at once who waits for it, for whom is about to tell them.
    """
    # No joins: who waited for the lock would find the new row joined to the old holder. What is read beside the row is
    # as old as the statement: a revision is of use only where the row still names it, callers where nothing changed.
    also = (REVISION, HEARD, VERSION_SEEN, CALLERS if with_callers else "NULL")
    found, (revision, heard, version_seen, callers) = rows.locked_with(Handoff, handoff.pk, also)
    remember_beside(found, revision, heard, callers if version_seen == found.version else None)
    rows.share_relations(handoff, to=found)
    return found


def as_it_stands(user: User, handoff_id: UUID | str, *, with_callers: bool = False) -> Handoff:
    """A visible handoff with all that `locked` reads beside it, for who acts `at_once`. Raises NotThere."""
    also = (REVISION, HEARD, CALLERS if with_callers else "NULL")
    found, (revision, heard, callers) = access.handoff_with(user, handoff_id, also)
    remember_beside(found, revision, heard, callers)
    return found


def remember_beside(handoff: Handoff, revision: str | None, heard: list[str], callers: list[Any] | None = None) -> None:
    """Spare who acts the asking for what was read beside the handoff: REVISION, HEARD, and CALLERS if so."""
    handoff.heard = heard
    remember_revision(handoff, revision)
    remember_callers(handoff, callers)


def _touch(handoff: Handoff, person: User, now: datetime) -> None:
    """The holder is not idle."""
    if handoff.holder_id == person.pk:
        handoff.last_activity_at = now
