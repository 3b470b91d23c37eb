"""What a replay runs on: stored attempts or rows of a file, chunk by chunk, with what people made of them then."""

import uuid
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from handoffs.choices import DecidedBy, DecisionStatus, ReplaySource, State
from handoffs.models import Attempt, Decision, Document, Handoff, Replay, Workflow
from handoffs.rules.facts import AttemptFacts
from handoffs.rules.replay_files import CHUNK_ROWS, unpacked
from handoffs.rules.replaying import End

MAX_ATTEMPTS = 250_000
ID_BYTES = 16
STAYS_LOOKED_AT = 500
USUAL_STAY_SECONDS = 8 * 3600


@dataclass(frozen=True, kw_only=True)
class Input:
    """One attempt as a replay takes it. `end` is how the handoff it belonged to ended, None where there was none."""

    position: int
    at: datetime
    facts: AttemptFacts
    summary: str = ""
    root_cause: str = ""
    links: tuple[dict[str, str], ...] = ()
    documents: tuple[str, ...] = ()
    document_words: tuple[str, ...] = ()
    end: End | None = None
    decided: str = ""
    person_needed: bool | None = None
    attempt_id: uuid.UUID | None = None
    handoff_id: uuid.UUID | None = None


def stored_ids(workflow: Workflow, *, from_at: datetime | None, until_at: datetime | None) -> Iterator[uuid.UUID]:
    """The attempts of a time, the oldest first; at most MAX_ATTEMPTS and one more."""
    attempts = Attempt.objects.filter(case__workflow=workflow)
    if from_at:
        attempts = attempts.filter(received_at__gte=from_at)
    if until_at:
        attempts = attempts.filter(received_at__lt=until_at)
    rows = attempts.order_by("received_at", "id").values_list("id", flat=True)
    return rows[: MAX_ATTEMPTS + 1].iterator(chunk_size=10_000)


def packed_ids(ids: list[uuid.UUID]) -> list[bytes]:
    """Ids as chunks of a replay."""
    return [
        zlib.compress(b"".join(each.bytes for each in ids[at : at + CHUNK_ROWS]))
        for at in range(0, len(ids), CHUNK_ROWS)
    ]


def usual_stay_seconds(workflow: Workflow) -> int:
    """How long a handoff of the workflow is open, as the median of the last ones that were resolved."""
    resolved = Handoff.objects.filter(workflow=workflow, state=State.RESOLVED, resolved_at__isnull=False)
    times = resolved.order_by("-opened_at").values_list("opened_at", "resolved_at")[:STAYS_LOOKED_AT]
    stays = [(ended_at - opened_at).total_seconds() for opened_at, ended_at in times if ended_at]
    return max(int(median(stays)), 1) if stays else USUAL_STAY_SECONDS


def inputs(replay: Replay, number: int) -> list[Input]:
    """The attempts of chunk `number`; those that are gone are left out."""
    body = bytes(replay.chunks.get(number=number).body)
    first = number * CHUNK_ROWS
    if replay.source == ReplaySource.UPLOAD:
        return _uploaded(replay, body, first)
    raw = zlib.decompress(body)
    ids = [uuid.UUID(bytes=raw[at : at + ID_BYTES]) for at in range(0, len(raw), ID_BYTES)]
    return _stored(ids, first)


def input_at(replay: Replay, position: int) -> Input | None:
    """One attempt of a replay."""
    if not 0 <= position < replay.total_count:
        return None
    found = inputs(replay, position // CHUNK_ROWS)
    return next((each for each in found if each.position == position), None)


def _uploaded(replay: Replay, body: bytes, first: int) -> list[Input]:
    return [
        Input(
            position=position,
            at=row.at or replay.created_at + timedelta(microseconds=position),
            facts=row.facts,
            summary=row.summary,
            root_cause=row.root_cause,
            documents=row.documents,
            document_words=_words_of(row.documents),
            end=End(at=row.ended_at) if row.ended_at else None,
            decided=row.outcome,
        )
        for position, row in enumerate(unpacked(body), start=first)
    ]


def _stored(ids: list[uuid.UUID], first: int) -> list[Input]:
    attempts = Attempt.objects.filter(pk__in=ids).select_related("case").defer("answer", "triggers")
    by_id = {attempt.pk: attempt for attempt in attempts}
    handoffs = {attempt.handoff_id for attempt in by_id.values() if attempt.handoff_id}
    ends, decided = _ends(handoffs), _decided(handoffs)
    names = _documents(by_id.values())
    return [
        _of_attempt(by_id[pk], position, ends, decided, names)
        for position, pk in enumerate(ids, start=first)
        if pk in by_id
    ]


def _of_attempt(
    attempt: Attempt,
    position: int,
    ends: dict[Any, End],
    decided: dict[Any, tuple[str, bool | None]],
    names: dict[str, tuple[str, str]],
) -> Input:
    given = attempt.given_context
    outcome, needed = decided.get(attempt.handoff_id, ("", None))
    end = ends.get(attempt.handoff_id)
    papers = [names[each] for each in given.get("documents", ()) if each in names]
    return Input(
        position=position,
        at=attempt.received_at,
        facts=attempt.facts(),
        summary=given.get("summary", ""),
        root_cause=given.get("root_cause", ""),
        links=tuple(given.get("links", ())),
        documents=tuple(name for name, _ in papers),
        document_words=_words_of(word for paper in papers for word in paper),
        end=end if end and (end.at is None or end.at > attempt.received_at) else None,
        decided=outcome,
        person_needed=needed,
        attempt_id=attempt.pk,
        handoff_id=attempt.handoff_id,
    )


def _ends(handoffs: Iterable[Any]) -> dict[Any, End]:
    """How each of these handoffs ended; one that is still open never does."""
    rows = Handoff.objects.filter(pk__in=handoffs).values_list("pk", "state", "resolved_at", "updated_at")
    return {
        pk: End(at=resolved_at)
        if state == State.RESOLVED
        else End(at=updated_at, resolves=False)
        if state == State.WITHDRAWN
        else End(at=None)
        for pk, state, resolved_at, updated_at in rows
    }


def _decided(handoffs: Iterable[Any]) -> dict[Any, tuple[str, bool | None]]:
    """(outcome, whether a person was needed) of the last decision that a person made on each handoff."""
    final = Decision.objects.filter(
        handoff__in=handoffs, status=DecisionStatus.FINAL, decided_by_kind=DecidedBy.PERSON
    ).order_by("resolution_number")
    return {pk: (outcome, needed) for pk, outcome, needed in final.values_list("handoff", "outcome", "person_needed")}


def _documents(attempts: Iterable[Attempt]) -> dict[str, tuple[str, str]]:
    """(name, title) of the documents that the attempts name, by id."""
    named = {each for attempt in attempts for each in attempt.given_context.get("documents", ())}
    rows = Document.objects.filter(pk__in=named).values_list("pk", "name", "title") if named else ()
    return {str(pk): (name, title) for pk, name, title in rows}


def _words_of(names: Iterable[str]) -> tuple[str, ...]:
    """A document is recognised by its title, its file name, or its file name without the ending."""
    return tuple(word for name in names for word in (name, name.rpartition(".")[0]) if word)
