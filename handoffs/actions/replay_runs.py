"""Runs replays a slice at a time, so that nothing else waits for them. Whoever dies leaves a lease that ends by itself.

Each chunk of attempts is one transaction: rows, and how far it has come. Nothing but the replay's own rows is written.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from handoffs.choices import PRIORITY_RANKS, UNFINISHED_REPLAYS, ReplayState
from handoffs.models import Replay, ReplayedAttempt
from handoffs.models.fields import new_id
from handoffs.queries import replay_cases, replay_reports
from handoffs.queries.replay_sources import Input, inputs
from handoffs.rules.policy import Policy
from handoffs.rules.policy_loading import load
from handoffs.rules.replay_files import CHUNK_ROWS
from handoffs.rules.replaying import End, Judged, Timeline, change_between, lacking

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60
ERROR_CHARACTERS = 2_000


class LeaseLost(Exception):
    """Somebody else has the replay now, or it was called off."""


@dataclass
class _Run:
    """A replay in this process, with what its attempts left behind so far."""

    replay: Replay
    token: uuid.UUID
    now: Timeline
    before: Timeline | None


_kept: dict[uuid.UUID, tuple[int, _Run]] = {}
"""The last run of this process and how far it had come, so that the next slice need not read its past again."""


def waiting(now: datetime) -> QuerySet[Replay]:
    """Replays that are to be run and that nobody runs, the oldest first."""
    unfinished = Replay.objects.filter(state__in=UNFINISHED_REPLAYS)
    return unfinished.filter(Q(leased_until=None) | Q(leased_until__lt=now)).order_by("created_at")


def work(*, clock: Callable[[], datetime], seconds: float) -> bool:
    """Run the oldest replay that nobody runs, for about `seconds`; True where something is left to do."""
    replay = _lease(clock())
    if replay is None:
        return False
    try:
        _slice(replay, clock, until=time.monotonic() + seconds)
    except LeaseLost:
        logger.info("replay_lost", extra={"replay": str(replay.pk)})
    except (OperationalError, InterfaceError):
        raise  # the database is away: the lease ends, and somebody goes on from the last chunk
    except Exception as error:
        logger.exception("replay_failed", extra={"replay": str(replay.pk)})
        _fail(replay, error, now=clock())
    return waiting(clock()).exists()


@transaction.atomic(durable=True)
def _lease(now: datetime) -> Replay | None:
    replay: Replay | None = waiting(now).select_for_update(skip_locked=True).first()
    if replay is None:
        return None
    replay.state, replay.started_at = ReplayState.RUNNING, replay.started_at or now
    replay.lease_token, replay.leased_until = new_id(), now + timedelta(seconds=LEASE_SECONDS)
    replay.save(update_fields=["state", "started_at", "lease_token", "leased_until"])
    return replay


def _slice(replay: Replay, clock: Callable[[], datetime], *, until: float) -> None:
    run = _resumed(replay)
    while run.replay.done_count < replay.total_count:
        _advance(run, clock)
        if time.monotonic() > until:
            break
    if run.replay.done_count < replay.total_count:
        _kept[replay.pk] = (run.replay.done_count, run)
        _pause(run)
    else:
        _finish(run, now=clock())


def _resumed(replay: Replay) -> _Run:
    """The run as it was left: from memory if this process left it, else from the rows that it wrote."""
    assert replay.lease_token is not None
    done_count, run = _kept.pop(replay.pk, (-1, None))
    _kept.clear()
    if run is not None and done_count == replay.done_count:
        run.replay, run.token = replay, replay.lease_token
        return run
    run = _Run(replay, replay.lease_token, Timeline(replay_cases.policy_of(replay)), None)
    if replay.against_document is not None:
        run.before = Timeline(load(replay.against_document))
    _read_past(run)
    return run


def _read_past(run: _Run) -> None:
    for timeline, is_before in ((run.now, False), (run.before, True)):
        if timeline is not None and run.replay.done_count:
            for seen in replay_cases.past(run.replay.attempts.all(), before=is_before):
                timeline.remember(seen)


def _advance(run: _Run, clock: Callable[[], datetime]) -> None:
    """Judge the next chunk, then write it and how far it has come, unless the replay is no longer ours."""
    number = run.replay.done_count // CHUNK_ROWS
    rows = [_judged(run, each) for each in inputs(run.replay, number)]
    done_count = min((number + 1) * CHUNK_ROWS, run.replay.total_count)
    with transaction.atomic(durable=True):
        _hold(run, done_count=done_count, leased_until=clock() + timedelta(seconds=LEASE_SECONDS))
        ReplayedAttempt.objects.bulk_create(rows)
    run.replay.done_count = done_count


def _hold(run: _Run, **changes: Any) -> None:
    """Change the replay's row, which locks it. Raises LeaseLost."""
    mine = Replay.objects.filter(pk=run.replay.pk, lease_token=run.token, state=ReplayState.RUNNING)
    if not mine.update(**changes):
        raise LeaseLost


def _judged(run: _Run, given: Input) -> ReplayedAttempt:
    end = replay_cases.end_of(run.replay, given)
    judged = run.now.judge(given.facts, at=given.at, end=end)
    before = run.before.judge(given.facts, at=given.at, end=end) if run.before else None
    row = _row(run, given, judged, end)
    if before is not None:
        row.was_verdict, row.was_opens, row.was_role = before.seen.verdict, before.seen.opens, before.role
        row.was_trigger = before.evaluation.primary.key if before.evaluation.primary and before.with_person else ""
        row.was_fired = _keys(before, "fired")
        row.change = change_between(judged.role, before.role)
    return row


def _row(run: _Run, given: Input, judged: Judged, end: End) -> ReplayedAttempt:
    evaluation = judged.evaluation
    names = given.facts.names(attempts=judged.history.attempts + 1)
    return ReplayedAttempt(
        replay_id=run.replay.pk,
        position=given.position,
        attempt_id=given.attempt_id,
        handoff_id=given.handoff_id,
        reference=given.facts.reference,
        at=given.at,
        error_type=given.facts.error_type,
        verdict=judged.seen.verdict,
        opens=judged.seen.opens,
        role=judged.role,
        priority=PRIORITY_RANKS[evaluation.routing.priority] if evaluation.routing else 0,
        trigger=evaluation.primary.key if evaluation.primary and judged.with_person else "",
        fired=_keys(judged, "fired"),
        unknown=_keys(judged, "unknown"),
        lacking=_lacking(run.now.policy, judged, names, given.document_words),
        suggested=evaluation.suggested_outcome,
        ends_at=end.at,
        end_resolves=end.resolves,
        proposed=given.facts.proposed_outcome,
        decided=given.decided,
        person_needed=given.person_needed,
    )


def _keys(judged: Judged, what: str) -> list[str]:
    return [result.key for result in judged.evaluation.triggers if getattr(result, what)]


def _lacking(policy: Policy, judged: Judged, names: dict[str, Any], words: Sequence[str]) -> list[str]:
    """What its package would miss, where it opens a handoff of its own; an outage needs no documents."""
    if not judged.opened or judged.evaluation.is_outage:
        return []
    return [each[:255] for each in lacking(policy, names, words)]


def _pause(run: _Run) -> None:
    _hold(run, leased_until=None)


def _finish(run: _Run, *, now: datetime) -> None:
    summary = replay_reports.summarise(run.replay, run.now.policy)
    with transaction.atomic(durable=True):
        _hold(run, summary=summary, state=ReplayState.DONE, finished_at=now, leased_until=None, lease_token=None)


def _fail(replay: Replay, error: Exception, *, now: datetime) -> None:
    mine = Replay.objects.filter(pk=replay.pk, lease_token=replay.lease_token, state=ReplayState.RUNNING)
    said = f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS].replace("\0", "")
    mine.update(state=ReplayState.FAILED, error=said, finished_at=now, leased_until=None, lease_token=None)
