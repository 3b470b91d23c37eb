"""Everything about one handoff as the files of its case file, and the archive of them, piece by piece."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import Group

from accounts.models import User
from handoffs.models import (
    Attempt,
    ContextRevision,
    Decision,
    Delivery,
    Document,
    Handoff,
    Note,
    PolicyVersion,
    Recovery,
)
from handoffs.queries import history, representation
from handoffs.queries.representation import rfc3339
from handoffs.rules import case_files
from handoffs.rules.canonical import canonical_dumps, exact_dumps

ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class CaseFile:
    """A case file: its manifest's facts, its texts by path, and the documents, whose bytes are read while streaming."""

    name: str
    about: dict[str, Any]
    texts: dict[str, bytes]
    documents: dict[str, Document]

    def archive(self) -> Iterator[bytes]:
        """The ZIP in pieces: the manifest last, when every digest is known."""
        sink = _Sink()
        known: dict[str, tuple[int, str]] = {}
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, body in self._files():
                known[path] = (len(body), case_files.sha256_of_bytes(body))
                archive.writestr(zipfile.ZipInfo(path, ZIP_TIME), body, zipfile.ZIP_DEFLATED)
                yield sink.taken()
            told = exact_dumps(case_files.manifest(self.about, known)).encode()
            archive.writestr(zipfile.ZipInfo(case_files.MANIFEST, ZIP_TIME), told, zipfile.ZIP_DEFLATED)
        yield sink.taken()

    def _files(self) -> Iterator[tuple[str, bytes]]:
        yield from self.texts.items()
        for path, document in self.documents.items():
            yield path, bytes(document.content.body)


def load(handoff: Handoff, *, by: User, now: datetime) -> CaseFile:
    """The case file of a handoff whose row lock the caller holds, so that its parts tell of one moment."""
    rows = list(history.trail(handoff).order_by("sequence"))
    documents = {_path(document): document for document in handoff.documents.order_by("pk")}
    parts = {
        "handoff.json": representation.one(handoff),
        "revisions.json": [_revision(one) for one in handoff.revisions.order_by("number")],
        "attempts.json": [_attempt(one) for one in _attempts(handoff)],
        "policy.json": _policy(PolicyVersion.objects.get(pk=handoff.policy_version_id)),
        "decisions.json": [_decision(one) for one in _decisions(handoff)],
        "recoveries.json": [_recovery(one) for one in handoff.recoveries.select_related("automation")],
        "deliveries.json": [_delivery(one) for one in handoff.deliveries.prefetch_related("tries")],
        "notes.json": [_note(one) for one in Note.objects.filter(handoff=handoff).select_related("author")],
        "documents.json": [{"path": path, **_document(document)} for path, document in documents.items()],
    }
    texts = {path: exact_dumps(part).encode() for path, part in parts.items()}
    about = {
        "made_at": rfc3339(now),
        "made_by": by.display_name,
        "handoff": {"id": str(handoff.pk), "number": handoff.number, "reference": handoff.case.reference},
        "audit": {"rows": len(rows), "head": handoff.audit_digest},
    }
    extra = {"README.txt": case_files.README.encode(), "audit.jsonl": _trail(rows)}
    return CaseFile(name=f"case-{handoff.number}.zip", about=about, texts=extra | texts, documents=documents)


class _Sink(io.RawIOBase):
    """What the archive writes, until it is taken; it cannot go back, so the archive is written in one go."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _trail(rows: list[Any]) -> bytes:
    """One row a line: what its digest covers, its digest, and names where it only has numbers."""
    roles = dict(Group.objects.filter(pk__in={row.role_id for row in rows}).values_list("pk", "name"))
    holders = User.objects.in_bulk({row.holder_id for row in rows if row.holder_id})
    lines = [
        {
            "said": row.said(),
            "digest": row.digest,
            "role": roles.get(row.role_id),
            "holder": holders[row.holder_id].display_name if row.holder_id in holders else None,
        }
        for row in rows
    ]
    return "".join(canonical_dumps(line) + "\n" for line in lines).encode()


def _attempts(handoff: Handoff) -> Any:
    return (
        Attempt.objects.filter(handoff=handoff).select_related("automation", "policy_version").order_by("received_at")
    )


def _decisions(handoff: Handoff) -> Any:
    found = Decision.objects.filter(handoff=handoff).select_related("decided_by", "confirmed_by")
    return found.order_by("resolution_number", "decided_at")


def _revision(revision: ContextRevision) -> dict[str, Any]:
    return {
        "number": revision.number,
        "digest": revision.digest,
        "created_at": rfc3339(revision.created_at),
        "attempt": str(revision.attempt_id),
        "package": revision.package,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    names = ("data", "confidence", "error_type", "error_message", "request_reason", "action_taken", "proposed_outcome")
    more = ("given_context", "callback_url", "correlation_id", "content_digest", "verdict", "triggers")
    return {
        "id": str(attempt.pk),
        "received_at": rfc3339(attempt.received_at),
        "automation": attempt.automation.display_name,
        "policy_version": attempt.policy_version.number,
        **{name: getattr(attempt, name) for name in (*names, *more)},
    }


def _policy(version: PolicyVersion) -> dict[str, Any]:
    return {
        "number": version.number,
        "published_at": rfc3339(version.published_at),
        "publish_reason": version.publish_reason,
        "document": version.document,
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        **representation.decision_json(decision),
        "title": decision.outcome_title,
        "status": decision.status,
        "resolution_number": decision.resolution_number,
        "confirmed_by": decision.confirmed_by.display_name if decision.confirmed_by else None,
        "confirmed_at": rfc3339(decision.confirmed_at),
        "suggested_outcome": decision.suggested_outcome or None,
        "context_sufficed": decision.context_sufficed,
        "context_missing": decision.context_missing,
        "person_needed": decision.person_needed,
    }


def _recovery(recovery: Recovery) -> dict[str, Any]:
    return {
        **representation.recovery_json(recovery),
        "automation": recovery.automation.display_name,
        "decision": str(recovery.decision_id),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    tries = [
        {
            "number": one.number,
            "finished_at": rfc3339(one.finished_at),
            "duration_ms": one.duration_ms,
            "status": one.status,
            "error": one.error,
            "answer": one.response_snippet,
        }
        for one in delivery.tries.all()
    ]
    return {
        "webhook_id": delivery.webhook_id,
        "url": delivery.url,
        "state": delivery.state,
        "parked_reason": delivery.parked_reason,
        "payload": delivery.payload,
        "tries": tries,
    }


def _note(note: Note) -> dict[str, Any]:
    return {"author": note.author.display_name, "written_at": rfc3339(note.written_at), "text": note.text}


def _document(document: Document) -> dict[str, Any]:
    uploaded_at = document.uploaded_at.astimezone(UTC)
    names = ("name", "title", "content_type", "size_bytes", "sha256")
    return {**{name: getattr(document, name) for name in names}, "uploaded_at": rfc3339(uploaded_at)}


def _path(document: Document) -> str:
    """A path that no file system minds, whatever the document is called."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in document.name)
    return f"documents/{document.pk}-{plain[-80:].lstrip('.') or 'document'}"
