"""Brings files of past handoffs in, part by part: taken apart, checked to the last row, and only then imported.

Every part is a transaction of its own that also says how far it has come, so whoever is killed in between has lost
nothing and doubled nothing: the next one goes on where it stopped.
"""

import gc
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from handoffs.actions import doorbell
from handoffs.actions.past import PastOf
from handoffs.choices import ImportState
from handoffs.errors import Invalid, NotPossibleNow, NotThere
from handoffs.models import Handoff, HistoryImport, ImportPart, Workflow
from handoffs.models.history_import import UNFINISHED_STATES
from handoffs.queries.policies import policy_of
from handoffs.rules.data_schema import DataSchema
from handoffs.rules.import_files import ROWS_LIMIT, Record, records
from handoffs.rules.imports import BadRow, Ground, PastHandoff, read_row

PART_ROWS = 2_000
PROBLEMS_KEPT = 1_000
FILE_NAME_CHARACTERS = 255
OUT_OF_ORDER = "out_of_order"
KINDS = {"outcome": "outcomes", "trigger": "triggers"}


class NotRefused(NotPossibleNow):
    """Only what was refused can be imported without its bad rows, or thrown away."""

    code = "import_not_refused"


@transaction.atomic(durable=True)
def begin(
    workflow: Workflow, file: BinaryIO, *, name: str, by: User | None, now: datetime, skip_bad: bool = False
) -> HistoryImport:
    """Take a file apart and keep its rows to be checked; nothing is imported yet.

    `by` is None for the shell. Raises FileUnreadable, and Invalid for a workflow without a published policy, a file
    without rows or with more than ROWS_LIMIT.
    """
    if workflow.live_version_id is None:
        raise Invalid(f"{workflow.title} has no published policy, so there is nothing to hold its past against.")
    kept = HistoryImport.objects.create(
        workflow=workflow,
        file_name=name[:FILE_NAME_CHARACTERS].replace("\0", ""),
        started_by=by,
        started_at=now,
        skip_bad=skip_bad,
    )
    for number, rows in enumerate(_parts(_without_twins(records(file)))):
        ImportPart.objects.create(history_import=kept, number=number, rows=rows)
        kept.rows_count += len(rows)
        if kept.rows_count > ROWS_LIMIT:
            raise Invalid(f"The file has more than {ROWS_LIMIT:,} rows: import it in pieces.")
    if not kept.rows_count:
        raise Invalid("The file names its columns, and has no rows.")
    kept.save(update_fields=["rows_count"])
    doorbell.ring_after_commit(doorbell.IMPORT)
    return kept


def go_on(import_id: uuid.UUID, *, now: datetime) -> HistoryImport | None:
    """Check or import the next part; None where somebody else is at it, or nothing is left to do.

    What cannot be written, for a reason that no check can see, fails the import; parts before it stay.
    """
    try:
        with _no_search_for_circles():
            return _go_on(import_id, now=now)
    except NotThere:
        return None


@contextmanager
def _no_search_for_circles() -> Iterator[None]:
    """What a part is made into stays until it is written, and nothing of it leads back to itself.

    To search so many objects for what does, again and again, took a fifth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@transaction.atomic(durable=True)
def _go_on(import_id: uuid.UUID, *, now: datetime) -> HistoryImport:
    """Parts are checked one after the other, and imported by as many processes as are at it."""
    parts = ImportPart.objects.select_for_update(of=("self",), skip_locked=True).order_by("number")
    importing = parts.filter(history_import=import_id, history_import__state=ImportState.IMPORTING)
    if part := importing.select_related("history_import__workflow").first():
        return _import(part.history_import, part, now)
    rows = HistoryImport.objects.select_for_update(of=("self",), skip_locked=True).select_related("workflow")
    current = rows.filter(pk=import_id, state__in=UNFINISHED_STATES).first()
    if current is None or (current.state == ImportState.IMPORTING and current.parts.exists()):
        raise NotThere("There is nothing left to do for this import, or somebody else is at it.")
    part = current.parts.filter(number=current.next_part).first()
    if part is None:
        _finish_step(current, now)
    else:
        _check(current, part, now)
    current.save()
    return current


def unfinished() -> QuerySet[HistoryImport]:
    """The imports that still have something to do, the oldest first."""
    return HistoryImport.objects.filter(state__in=UNFINISHED_STATES).order_by("started_at")


@transaction.atomic(durable=True)
def import_the_good(refused: HistoryImport) -> None:
    """Import what was refused after all, without its bad rows. Raises NotRefused."""
    with _refused(refused) as current:
        current.state, current.skip_bad, current.next_part, current.finished_at = ImportState.IMPORTING, True, 0, None
        current.save()
    doorbell.ring_after_commit(doorbell.IMPORT)


@transaction.atomic(durable=True)
def discard(refused: HistoryImport) -> None:
    """Throw a refused file away, with what was said of it. Raises NotRefused."""
    with _refused(refused) as current:
        current.delete()


@transaction.atomic(durable=True)
def give_up(import_id: uuid.UUID, *, reason: str, now: datetime) -> None:
    """Stop an import that cannot go on, and say why."""
    current = HistoryImport.objects.select_for_update().get(pk=import_id)
    current.state, current.finished_at = ImportState.FAILED, now
    current.problems = [[0, reason[:500]], *current.problems]
    current.save()


@contextmanager
def _refused(given: HistoryImport) -> Iterator[HistoryImport]:
    current = HistoryImport.objects.select_for_update().filter(pk=given.pk, state=ImportState.REFUSED).first()
    if current is None:
        raise NotRefused("This import is not waiting for your word any more.")
    yield current


def _parts(found: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(found)
    while rows := list(islice(iterator, PART_ROWS)):
        yield rows


def _without_twins(found: Iterable[Record]) -> Iterator[Record]:
    """A row that opens the same case at the same moment as one before it is bad."""
    seen: set[int] = set()
    for line, row in found:
        key = hash((str(row.get("reference", "")).strip(), _instant(row.get("opened_at"))))
        if key in seen and "" not in row:
            yield line, {"": "an earlier line opens the same reference at the same moment"}
        else:
            seen.add(key)
            yield line, row


def _instant(text: Any) -> Any:
    try:
        return datetime.fromisoformat(str(text).strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        return text


def _check(current: HistoryImport, part: ImportPart, now: datetime) -> None:
    good, bad = _read(current, part.rows, now)
    bad |= _imported_before(current.workflow, good)
    part.bad_lines = sorted(bad)
    part.save(update_fields=["bad_lines"])
    _count_odd(current, [past for line, past in good if line not in bad])
    room = PROBLEMS_KEPT - len(current.problems)
    current.problems = [*current.problems, *sorted(bad.items())[:room]]
    current.bad_count += len(bad)
    current.checked_count += len(part.rows)
    current.next_part += 1


def _import(begun: HistoryImport, part: ImportPart, now: datetime) -> HistoryImport:
    """Import a part that this transaction holds; what came of it is added at the end, so that others need not wait."""
    left_out = set(part.bad_lines)
    good, bad = _read(begun, [row for row in part.rows if row[0] not in left_out], now)
    bad |= _imported_before(begun.workflow, good)
    pasts = [past for line, past in good if line not in bad]
    if pasts:
        PastOf(begun.workflow, now=now).write(pasts)
    part.delete()
    current = HistoryImport.objects.select_for_update().get(pk=begun.pk)
    current.imported_count += len(pasts)
    current.bad_count += len(bad)
    current.problems = [*current.problems, *sorted(bad.items())][:PROBLEMS_KEPT]
    current.save(update_fields=["imported_count", "bad_count", "problems"])
    return current


def _finish_step(current: HistoryImport, now: datetime) -> None:
    """After the last part: from checking to importing or refused, from importing to done."""
    if current.state == ImportState.CHECKING and current.bad_count and not current.skip_bad:
        current.state, current.finished_at = ImportState.REFUSED, now
    elif current.state == ImportState.CHECKING:
        current.state, current.next_part = ImportState.IMPORTING, 0
    else:
        current.state, current.finished_at = ImportState.DONE, now


def _read(
    current: HistoryImport, rows: Iterable[Record], now: datetime
) -> tuple[list[tuple[int, PastHandoff]], dict[int, str]]:
    assert current.workflow.live_version_id is not None
    ground = Ground(
        now=now,
        roles=frozenset(Group.objects.values_list("name", flat=True)),
        schema=DataSchema.of(policy_of(current.workflow.live_version_id).data),
    )
    good: list[tuple[int, PastHandoff]] = []
    bad: dict[int, str] = {}
    for line, row in rows:
        try:
            good.append((line, _past(row, ground)))
        except BadRow as error:
            bad[line] = str(error)
    return good, bad


def _past(row: Mapping[str, Any], ground: Ground) -> PastHandoff:
    if "" in row:
        raise BadRow(row[""])
    return read_row(row, ground)


def _imported_before(workflow: Workflow, good: Iterable[tuple[int, PastHandoff]]) -> dict[int, str]:
    lines = {(past.reference, past.opened_at): line for line, past in good}
    known = Handoff.objects.filter(
        imported=True, case__workflow=workflow, case__reference__in={reference for reference, _ in lines}
    ).values_list("case__reference", "opened_at")
    return {lines[key]: "this handoff was imported before" for key in known if key in lines}


def _count_odd(current: HistoryImport, pasts: Sequence[PastHandoff]) -> None:
    """Count what is odd and imported as it is: outcomes and triggers that no policy knows, times out of order."""
    known = _known(current.workflow)
    for name, kind in KINDS.items():
        words = Counter(getattr(past, name) for past in pasts)
        strange = {word: count for word, count in words.items() if word and word not in known[kind]}
        told = Counter(current.warnings.get(kind, {})) + Counter(strange)
        if told:
            current.warnings = {**current.warnings, kind: dict(told.most_common(100))}
    if strange_order := sum(past.is_out_of_order for past in pasts):
        before = current.warnings.get(OUT_OF_ORDER, 0)
        current.warnings = {**current.warnings, OUT_OF_ORDER: before + strange_order}


def _known(workflow: Workflow) -> dict[str, set[str]]:
    policies = [policy_of(pk) for pk in workflow.policy_versions.exclude(status="draft").values_list("pk", flat=True)]
    return {
        "outcomes": {outcome.key for policy in policies for outcome in policy.outcomes},
        "triggers": {trigger.key for policy in policies for trigger in policy.triggers} | {"requested", "supervision"},
    }
