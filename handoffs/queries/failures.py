"""What went wrong before an attempt: with its case, and with the same error across its workflow."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max
from django.db.models.functions import Coalesce

from handoffs.choices import FINAL_STATES
from handoffs.models import Attempt, Case, Handoff
from handoffs.models.case import failure_times
from handoffs.models.handoff import HandoffQuerySet
from handoffs.rules import outages
from handoffs.rules.facts import FailureHistory
from handoffs.rules.policy import FailureLimit, Policy


def history_of(case: Case, policy: Policy, *, version_id: UUID, error_type: str, now: datetime) -> FailureHistory:
    """What the rules may know of earlier attempts on `case`, before one that reports `error_type` (empty: none).

    Nothing is asked of the database where no trigger of the policy counts failures.
    """
    before = case.attempts_count - 1
    limits = [trigger.failures for trigger in policy.triggers if trigger.failures]
    limit = outages.widest(limits, error_type)
    ended_at = _outage_ended_at(case, error_type) if limit else None
    return FailureHistory(
        attempts=before,
        case_failures=_of_case(case, ended_at) if before and limits else (),
        workflow_failures=_across_cases(limit, version_id, error_type, ended_at, now) if limit else (),
        outage_is_open=limit is not None and open_outages(case, [outages.reference_of(error_type)]).exists(),
    )


def place_of(attempt: Attempt) -> int:
    """Which attempt on its case it was, counted from 1: what conditions call `attempts`."""
    return Attempt.objects.filter(case=attempt.case_id, received_at__lte=attempt.received_at).count()


def open_outages(case: Case, references: Iterable[str]) -> HandoffQuerySet:
    """The open handoffs of the case's workflow that stand for the outages with these references."""
    return Handoff.objects.open().filter(case__workflow=case.workflow_id, case__reference__in=list(references))


def _of_case(case: Case, outage_ended_at: datetime | None) -> tuple[tuple[datetime, str], ...]:
    """Failures count since the case last went well, was last with a person, or was part of an outage."""
    success = case.attempts.filter(error_type="").aggregate(at=Max("received_at"))["at"]
    resolved = case.handoffs.aggregate(at=Max("resolved_at"))["at"]
    since = [moment for moment in (success, resolved, outage_ended_at) if moment]
    return failure_times(case, since=max(since, default=None))


def _outage_ended_at(case: Case, error_type: str) -> datetime | None:
    """When the last outage of this kind ended; a withdrawn handoff keeps no other time than that of its last change."""
    ended = Handoff.objects.filter(
        case__workflow=case.workflow_id, case__reference=outages.reference_of(error_type), state__in=FINAL_STATES
    )
    at: datetime | None = ended.aggregate(at=Max(Coalesce("resolved_at", "updated_at")))["at"]
    return at


def _across_cases(
    limit: FailureLimit, version_id: UUID, error_type: str, outage_ended_at: datetime | None, now: datetime
) -> tuple[tuple[datetime, str, str], ...]:
    since = now - timedelta(seconds=limit.within_seconds)
    alike = Attempt.objects.filter(
        policy_version=version_id, error_type=error_type, received_at__gt=max(since, outage_ended_at or since)
    ).order_by("-received_at")
    newest = alike.values_list("received_at", "error_type", "case__reference")[: outages.failures_looked_at(limit)]
    return tuple(reversed(newest))
