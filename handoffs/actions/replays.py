"""Orders replays, calls them off, and lets them go; running them is left to `replay_runs`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from handoffs.actions import doorbell
from handoffs.choices import UNFINISHED_REPLAYS, PolicyStatus, ReplaySource, ReplayState
from handoffs.errors import Invalid, Mistake, NotPossibleNow, NotThere
from handoffs.models import PolicyVersion, Replay, ReplayChunk, Workflow
from handoffs.queries import replay_sources
from handoffs.rules.canonical import sha256_of
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.policy_loading import load
from handoffs.rules.replay_files import read_upload

TITLE_CHARACTERS = 200
MAX_STAY_SECONDS = 366 * 24 * 3600
CHUNKS_PER_STATEMENT = 100


class ReplayOver(NotPossibleNow):
    """The replay is over already, so it cannot be called off."""

    code = "replay_over"


class ReplayNeeded(NotPossibleNow):
    """A published version rests on this replay, so it stays."""

    code = "replay_needed"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to replay: a version, perhaps against another, and how long a handoff that only the replay opens stays.

    `fully_rolled_out` judges every case, whatever stage the version is at.
    """

    version: PolicyVersion
    against: PolicyVersion | None = None
    title: str = ""
    stay_seconds: int | None = None
    fully_rolled_out: bool = False


def order_stored(
    order: Order, *, from_at: datetime | None, until_at: datetime | None, by: User | None, now: datetime
) -> Replay:
    """Replay the stored attempts of the version's workflow received from `from_at` until before `until_at`.

    Raises PolicyInvalid for a draft that does not load, Invalid where there are no attempts, too many, or no such time.
    """
    if from_at and until_at and from_at >= until_at:
        raise _invalid("until", "The end must be later than the beginning.")
    replay = _new(order, by=by, now=now)
    replay.source, replay.from_at, replay.until_at = ReplaySource.STORED, from_at, until_at
    ids = list(replay_sources.stored_ids(replay.workflow, from_at=from_at, until_at=until_at or now))
    if not ids:
        raise _invalid("from", "No attempts are stored for this time. Choose another, or upload a file.")
    if len(ids) > replay_sources.MAX_ATTEMPTS:
        raise _invalid("from", f"More than {replay_sources.MAX_ATTEMPTS:,} attempts. Choose a shorter time.")
    replay.total_count = len(ids)
    return _kept(replay, replay_sources.packed_ids(ids))


def order_upload(order: Order, *, body: bytes, file_name: str, by: User | None, now: datetime) -> Replay:
    """Replay the lines of a CSV or JSON Lines file; what is wrong with single lines is kept with the replay.

    Raises PolicyInvalid, TooLarge, and FileUnusable where nothing of the file can be replayed: then nothing is kept.
    """
    replay = _new(order, by=by, now=now)
    upload = read_upload(body, schema=DataSchema.of(replay.document.get("data")))
    replay.source, replay.file_name = ReplaySource.UPLOAD, _printable(file_name)[-255:]
    replay.has_times, replay.total_count = upload.has_times, upload.count
    replay.problems = [[problem.line, problem.reason] for problem in upload.problems]
    replay.problems_count = upload.problems_count
    return _kept(replay, upload.chunks)


@transaction.atomic(durable=True)
def cancel(replay: Replay, *, now: datetime) -> Replay:
    """Call off a replay; what it has done so far is let go. Raises ReplayOver."""
    locked = _locked(replay)
    if locked.state not in UNFINISHED_REPLAYS:
        raise ReplayOver(f"This replay is {ReplayState(locked.state).label} already.")
    locked.state, locked.finished_at = ReplayState.CANCELLED, now
    locked.leased_until = locked.lease_token = None
    locked.save(update_fields=["state", "finished_at", "leased_until", "lease_token"])
    locked.attempts.all().delete()
    locked.chunks.all().delete()
    return locked


@transaction.atomic(durable=True)
def forget(replay: Replay) -> None:
    """Delete a replay that is over. Raises NotPossibleNow while it runs, ReplayNeeded where a version rests on it."""
    locked = _locked(replay)
    if locked.is_unfinished:
        raise NotPossibleNow("Cancel this replay first.")
    if rests_on(locked):
        raise ReplayNeeded(f"Version {locked.version_number} was published on the strength of this replay.")
    locked.delete()


def rests_on(replay: Replay) -> bool:
    """Whether the version was published, as this replay saw it, after the replay was done."""
    version = replay.version
    if version is None or version.published_at is None or replay.finished_at is None:
        return False
    return (
        version.status != PolicyStatus.DRAFT
        and replay.state == ReplayState.DONE
        and replay.finished_at <= version.published_at
        and replay.document_digest == sha256_of(version.document)
    )


def _new(order: Order, *, by: User | None, now: datetime) -> Replay:
    version, against = order.version, order.against
    load(version.document)
    if against:
        load(against.document)
    workflow = version.workflow
    return Replay(
        workflow=workflow,
        title=_title(order),
        version=version,
        version_number=version.number,
        document=version.document,
        document_digest=sha256_of(version.document),
        against=against,
        against_number=against.number if against else None,
        against_document=against.document if against else None,
        fully_rolled_out=order.fully_rolled_out,
        stay_seconds=_stay_seconds(order, workflow),
        created_by=by,
        created_at=now,
    )


def _title(order: Order) -> str:
    title = " ".join(order.title.split())
    if len(title) > TITLE_CHARACTERS or "\0" in title:
        raise _invalid("title", f"At most {TITLE_CHARACTERS} characters.")
    if title:
        return title
    compared = f" against version {order.against.number}" if order.against else ""
    return f"{order.version.workflow.title}: version {order.version.number}{compared}"[:TITLE_CHARACTERS]


def _stay_seconds(order: Order, workflow: Workflow) -> int:
    if order.stay_seconds is None:
        return min(replay_sources.usual_stay_seconds(workflow), MAX_STAY_SECONDS)
    if not 0 < order.stay_seconds <= MAX_STAY_SECONDS:
        raise _invalid("stay", "Write how long a handoff stays open, from a minute to a year.")
    return order.stay_seconds


@transaction.atomic(durable=True)
def _kept(replay: Replay, chunks: Sequence[bytes]) -> Replay:
    replay.save(force_insert=True)
    rows = (ReplayChunk(replay=replay, number=number, body=body) for number, body in enumerate(chunks))
    ReplayChunk.objects.bulk_create(rows, batch_size=CHUNKS_PER_STATEMENT)
    doorbell.ring_after_commit(doorbell.REPLAY)
    return replay


def _locked(replay: Replay) -> Replay:
    locked = Replay.objects.select_for_update(of=("self",)).select_related("version").filter(pk=replay.pk).first()
    if locked is None:
        raise NotThere("There is no such replay.")
    return locked


def _printable(name: str) -> str:
    return "".join(character for character in name if character.isprintable())


def _invalid(field: str, said: str) -> Invalid:
    details: dict[str, Any] = {"field": field}
    return Invalid(said, mistakes=[Mistake(pointer=f"/{field}", detail=said)], **details)
