"""Takes many reports at once: what opens or proceeds on new cases is written together, everything else one by one."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import DataError, IntegrityError, transaction

from accounts.models import User
from handoffs.actions import intake, opening
from handoffs.actions.opening import Plain
from handoffs.actions.reports import Answer, AttemptReport
from handoffs.errors import DeskError
from handoffs.models import gathering, rows
from handoffs.queries import lookups, team

CHUNK_REPORTS = 100
"""So many are written in one transaction."""


class _NobodyThere(Exception):
    """A role of the chunk has nobody to work for it, and each handoff is passed on in its own way."""


def receive_many(reports: Sequence[AttemptReport], *, automation: User, now: datetime) -> list[Answer | DeskError]:
    """What `intake.receive` answers to each of them in this order, or the refusal that it raises.

    Each report is judged by itself, and what became of those before a refusal stays.
    """
    return [one for chunk in _chunks(reports) for one in _received(chunk, automation, now)]


def _chunks(reports: Sequence[AttemptReport]) -> Iterator[list[AttemptReport]]:
    """No case and no key twice in one chunk: the second comes after the first is stored."""
    chunk: list[AttemptReport] = []
    seen: set[object] = set()
    for report in reports:
        own = {(report.workflow, report.reference), report.idempotency_key} - {None}
        if len(chunk) == CHUNK_REPORTS or seen & own:
            yield chunk
            chunk, seen = [], set()
        chunk.append(report)
        seen |= own
    yield chunk


def _received(chunk: Sequence[AttemptReport], automation: User, now: datetime) -> Iterator[Answer | DeskError]:
    try:
        told = _receive_together(chunk, automation=automation, now=now)
    except (IntegrityError, DataError, _NobodyThere):  # nothing of it is stored, and alone it is seen whose fault it is
        told = {}
    for place, report in enumerate(chunk):
        yield told[place] if place in told else _alone(report, automation, now)


def _alone(report: AttemptReport, automation: User, now: datetime) -> Answer | DeskError:
    try:
        return intake.receive(report, automation=automation, now=now)
    except DeskError as refusal:
        return refusal


@transaction.atomic(durable=True)
def _receive_together(chunk: Sequence[AttemptReport], *, automation: User, now: datetime) -> dict[int, Answer]:
    """The answers by place; those missing are left to be taken alone."""
    with lookups.kept():
        found = {place: _plain(report, automation, now) for place, report in enumerate(chunk)}
        plain = _on_new_cases({place: one for place, one in found.items() if one is not None})
        _look_up_roles(list(plain.values()), now)
        with gathering.gathered():
            return {place: opening.on_free_case(*one) for place, one in plain.items()}


def _plain(report: AttemptReport, automation: User, now: datetime) -> Plain | None:
    """The report with its judgement, if nothing but this report matters to what becomes of it on a new case."""
    try:
        workflow = intake.workflow_of(report, automation=automation)
    except DeskError:
        return None
    return opening.plain(report, automation, workflow, now)


def _on_new_cases(plain: dict[int, Plain]) -> dict[int, Plain]:
    """Those whose case was not there yet, and is now; in the order in which others take cases that they share."""
    cases = sorted(
        (visit.case for visit, _ in plain.values()), key=lambda case: (str(case.workflow_id), case.reference)
    )
    made = rows.insert_missing(cases)
    return {place: one for place, one in plain.items() if one[0].case.pk in made}


def _look_up_roles(plain: Sequence[Plain], now: datetime) -> None:
    opening = [(visit, evaluation.routing.role) for visit, evaluation in plain if evaluation.routing]
    found = team.roles_to_open_for([role for _, role in opening], now=now) if opening else []
    if not all(one.is_staffed for one in found):
        raise _NobodyThere
    for (visit, _), one in zip(opening, found, strict=True):
        visit.opening = one
