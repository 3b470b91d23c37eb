"""Walks the audit trail and names what is broken: rows changed, missing, or of another handoff."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from handoffs.models import Handoff
from handoffs.models.audit import GENESIS_DIGEST

ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, kw_only=True)
class Break:
    """Where a chain does not hold; `sequence` is the row's place in it, `problem` what is wrong there."""

    handoff: str
    sequence: int
    problem: str


@contextmanager
def one_moment() -> Iterator[None]:
    """What is read inside is how the desk stood at one moment, however it moves meanwhile. Nothing can be written.

    Inside a transaction it is as that one sees it.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def verify_audit() -> Iterator[Break]:
    """Every break of every handoff's chain, at most one per handoff: the first. On a desk at work, in `one_moment`."""
    heads = {pk: (sequence, digest) for pk, sequence, digest in _heads()}
    rows = Handoff.history.model.objects.order_by("id", "sequence").iterator(chunk_size=ROWS_AT_ONCE)
    for handoff_id, chain in groupby(rows, key=lambda row: row.id):
        found = _first_break(handoff_id, chain, heads.pop(handoff_id, (0, "")))
        if found is not None:
            yield found
    for handoff_id in heads:
        yield Break(handoff=str(handoff_id), sequence=1, problem="the whole trail is missing")


def _heads() -> Any:
    return Handoff.objects.values_list("pk", "audit_sequence", "audit_digest").iterator(chunk_size=ROWS_AT_ONCE)


def _first_break(handoff_id: Any, chain: Any, head: tuple[int, str]) -> Break | None:
    expected, previous, found = 1, GENESIS_DIGEST, None
    for row in chain:
        problem = _problem(row, expected, previous)
        if problem and found is None:
            found = Break(handoff=str(handoff_id), sequence=expected, problem=problem)
        expected, previous = row.sequence + 1, row.digest
    if found is None and (expected - 1, previous) != head:
        return Break(handoff=str(handoff_id), sequence=expected, problem="the end of the trail is missing")
    return found


def _problem(row: Any, expected: int, previous: str) -> str:
    if row.sequence != expected:
        return "a row is missing"
    if row.previous_digest != previous:
        return "does not follow from the row before"
    return "was changed" if row.computed_digest() != row.digest else ""
