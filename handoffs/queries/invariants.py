"""What must hold at any moment, asked of the database: each question answers with a sentence per violation.

The numbers are those of the design: I1 attempts, I2 decisions, I3 the way back, I4 steps, I5 clocks, I6 the trail,
I7 leases. Nothing is repaired here.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Window
from django.db.models.functions import Lag

from handoffs.choices import ActorKind, DecisionStatus, DeliveryState, Event, Mode, RecoveryState, State
from handoffs.models import Attempt, Case, Decision, Delivery, Handoff, Recovery
from handoffs.models.handoff import LEGAL_CHANGES
from handoffs.queries.clocks import calendar_of
from handoffs.queries.policies import policy_of
from handoffs.queries.verification import verify_audit
from handoffs.rules import sla

LATE_AFTER = timedelta(seconds=60)
ROWS: Any = Handoff.history.model


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When it is asked, and how long a worker may hold a message."""

    now: datetime
    lease: timedelta


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A broken promise: which one (`I1` … `I7`), and a sentence that names the row."""

    invariant: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.sentence}"


def violations(*, now: datetime, lease: timedelta) -> Iterator[Violation]:
    """Every violation, in the order of the invariants; `lease` is how long workers lease a message for.

    Each question takes statements of its own, so a desk at work is asked in `verification.one_moment`.
    """
    at = Moment(now=now, lease=lease)
    for invariant, questions in QUESTIONS.items():
        for question in questions:
            yield from (Violation(invariant=invariant, sentence=sentence) for sentence in question(at))


def _attempts_that_were_not_counted(at: Moment) -> Iterator[str]:
    cases = Case.objects.annotate(stored=Count("attempts")).exclude(attempts_count=F("stored"))
    for case in cases.order_by("pk"):
        yield f"case {case.reference} counts {case.attempts_count} attempts and has {case.stored}"


def _keys_used_twice(at: Moment) -> Iterator[str]:
    keyed = Attempt.objects.exclude(idempotency_key=None).values("automation__username", "idempotency_key")
    for row in keyed.annotate(count=Count("pk")).filter(count__gt=1):
        yield f"{row['automation__username']}'s key {row['idempotency_key']} made {row['count']} attempts"


def _cases_with_two_people(at: Moment) -> Iterator[str]:
    cases = Handoff.objects.open().values("case__reference").annotate(count=Count("pk")).filter(count__gt=1)
    for row in cases:
        yield f"case {row['case__reference']} has {row['count']} open handoffs"


def _resolutions_decided_twice(at: Moment) -> Iterator[str]:
    counted = Decision.objects.exclude(status=DecisionStatus.OBJECTED).values("handoff__number", "resolution_number")
    for row in counted.annotate(count=Count("pk")).filter(count__gt=1):
        yield f"#{row['handoff__number']} has {row['count']} decisions for resolution {row['resolution_number']}"


def _resolved_without_a_decision(at: Moment) -> Iterator[str]:
    current = Decision.objects.filter(
        handoff=OuterRef("pk"), resolution_number=OuterRef("reopens_count") + 1, status=DecisionStatus.FINAL
    )
    for handoff in Handoff.objects.filter(~Exists(current), state=State.RESOLVED):
        yield f"#{handoff.number} is resolved without a decision"
    for handoff in Handoff.objects.open().filter(Exists(current)):
        yield f"#{handoff.number} is open although it was decided"


def _decided_too_late(at: Moment) -> Iterator[str]:
    decided = ROWS.objects.filter(event__in=[Event.RESOLVED, Event.CONFIRMED], cut_off_at__lte=F("history_date"))
    for number, row in _with_numbers(decided):
        yield f"#{number} was decided by {row.actor_name} after its cut-off ({row.cut_off_at})"


def _cut_off_at_another_time(at: Moment) -> Iterator[str]:
    stamped = Decision.objects.filter(
        handoff=OuterRef("id"), decided_by=None, decided_at=OuterRef("cut_off_at"), status=DecisionStatus.FINAL
    )
    for number, row in _with_numbers(ROWS.objects.filter(~Exists(stamped), event=Event.EXPIRED)):
        yield f"#{number} was cut off without a decision that is stamped with the deadline ({row.cut_off_at})"


def _decisions_that_go_nowhere(at: Moment) -> Iterator[str]:
    lost = Decision.objects.filter(
        status=DecisionStatus.FINAL, recoveries=None, handoff__imported=False, handoff__mode=Mode.LIVE
    )
    lost = lost.select_related("handoff")
    for decision in lost:
        yield f"#{decision.handoff.number} has a decision that no automation is told"


def _recoveries_that_wait_for_nothing(at: Moment) -> Iterator[str]:
    deliveries = Delivery.objects.filter(recovery=OuterRef("pk"))
    stuck = Recovery.objects.annotate(
        is_sent=Exists(deliveries),
        is_queued=Exists(deliveries.filter(state=DeliveryState.QUEUED, next_attempt_at__isnull=False)),
        is_parked=Exists(deliveries.filter(state=DeliveryState.PARKED).exclude(parked_reason="")),
    ).select_related("handoff")
    sent = Q(is_sent=True) | ~Q(callback_url="")  # who gave no address, and has no endpoint, fetches the decision
    for recovery in stuck.filter(sent, state=RecoveryState.AWAITING, is_queued=False):
        yield f"#{recovery.handoff.number} has a recovery that awaits a delivery, and none is queued"
    for recovery in stuck.filter(state=RecoveryState.PARKED, is_parked=False):
        yield f"#{recovery.handoff.number} has a parked recovery without a reason"


def _steps_taken_twice(at: Moment) -> Iterator[str]:
    """A step fires once per start of the clock: counting begins anew when a handoff is reopened."""
    events = [Event.REMINDED, Event.ESCALATED, Event.REOPENED]
    taken: Counter[tuple[int, str]] = Counter()
    for number, row in _with_numbers(ROWS.objects.filter(event__in=events).order_by("id", "sequence")):
        if row.event == Event.REOPENED:
            taken.clear()
            continue
        step = row.details.get("step") or f"escalation to level {row.details.get('level')}"
        taken[number, step] += 1
        if taken[number, step] == 2:
            yield f"#{number} took the step {step} twice"


def _clocks_that_stand_still(at: Moment) -> Iterator[str]:
    for handoff in Handoff.objects.filter(state=State.RETURNED):
        if not handoff.pauses or handoff.pauses[-1][1] is not None:
            yield f"#{handoff.number} is returned, and its clock runs"
    for handoff in Handoff.objects.open().exclude(state=State.RETURNED).filter(next_step_at=None):
        if _has_a_step_left(handoff, at.now):
            yield f"#{handoff.number} has steps left and does not know when"


def _steps_that_are_late(at: Moment) -> Iterator[str]:
    for handoff in Handoff.objects.step_due(at.now - LATE_AFTER).exclude(next_step_at=at.now - LATE_AFTER):
        yield f"#{handoff.number} waits for a step that was due at {handoff.next_step_at}"


def _states_that_the_trail_does_not_tell(at: Moment) -> Iterator[str]:
    last = ROWS.objects.filter(id=OuterRef("pk"), sequence=OuterRef("audit_sequence"), state=OuterRef("state"))
    for handoff in Handoff.objects.filter(~Exists(last)):
        yield f"#{handoff.number} is {handoff.state}, which is not how its trail ends"
    before = Window(Lag("state"), partition_by="id", order_by="sequence")
    changed = ROWS.objects.annotate(before=before).exclude(before=F("state"))
    legal = {(None, State.PENDING), *LEGAL_CHANGES}
    for number, row in _with_numbers(changed):
        if (row.before, row.state) not in legal:
            yield f"#{number} went from {row.before} to {row.state} in row {row.sequence} of its trail"


def _changes_that_nobody_made(at: Moment) -> Iterator[str]:
    nobody = Q(actor_name="") | (Q(history_user=None) & ~Q(actor_kind=ActorKind.CLOCK))
    for number, row in _with_numbers(ROWS.objects.filter(nobody)):
        yield f"#{number} was changed by nobody in row {row.sequence} of its trail"


def _trails_that_are_broken(at: Moment) -> Iterator[str]:
    for found in verify_audit():
        yield f"handoff {found.handoff}, row {found.sequence} of its trail: {found.problem}"


def _messages_leased_for_too_long(at: Moment) -> Iterator[str]:
    leased = Delivery.objects.filter(state=DeliveryState.QUEUED, next_attempt_at__lt=at.now - at.lease)
    for delivery in leased.exclude(lease_token=None).select_related("handoff"):
        yield f"#{delivery.handoff.number} has a message ({delivery.event_type}) leased since longer than two leases"


def _with_numbers(rows: Any) -> Iterator[tuple[int, Any]]:
    """Rows of trails with the numbers of their handoffs; a handoff that is gone counts as 0."""
    found = list(rows)
    numbers = dict(Handoff.objects.filter(pk__in={row.id for row in found}).values_list("pk", "number"))
    yield from ((numbers.get(row.id, 0), row) for row in found)


def _has_a_step_left(handoff: Handoff, now: datetime) -> bool:
    policy = policy_of(handoff.policy_version_id)
    calendar = calendar_of(policy.sla.calendar, year=now.year)
    return sla.next_step(policy.sla, calendar, handoff.clock()) is not None


QUESTIONS: dict[str, tuple[Callable[[Moment], Iterator[str]], ...]] = {
    "I1": (_attempts_that_were_not_counted, _keys_used_twice, _cases_with_two_people),
    "I2": (_resolutions_decided_twice, _resolved_without_a_decision, _decided_too_late, _cut_off_at_another_time),
    "I3": (_decisions_that_go_nowhere, _recoveries_that_wait_for_nothing),
    "I4": (_steps_taken_twice,),
    "I5": (_clocks_that_stand_still, _steps_that_are_late),
    "I6": (_states_that_the_trail_does_not_tell, _changes_that_nobody_made, _trails_that_are_broken),
    "I7": (_messages_leased_for_too_long,),
}
