"""The handoff and THE state machine: one table of legal transitions, known to Django and to the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from handoffs.choices import FINAL_STATES, HELD_STATES, OPEN_STATES, PRIORITY_RANKS, Mode, Pattern, Priority, State
from handoffs.models.audit import AuditRow, AuditTrail
from handoffs.models.case import Case
from handoffs.models.fields import new_id
from handoffs.models.workflow import PolicyVersion, Workflow
from handoffs.rules.facts import ClockFacts, DueTimes, Pause

TRANSITIONS: dict[str, tuple[tuple[State, ...], State]] = {
    "accept": ((State.PENDING,), State.IN_PROGRESS),
    "release": ((State.IN_PROGRESS,), State.PENDING),
    "escalate": ((State.PENDING, State.IN_PROGRESS), State.PENDING),
    "return_": ((State.IN_PROGRESS,), State.RETURNED),
    "resubmit": ((State.RETURNED,), State.PENDING),
    "propose": ((State.IN_PROGRESS,), State.AWAITING_CONFIRMATION),
    "confirm": ((State.AWAITING_CONFIRMATION,), State.RESOLVED),
    "object_": ((State.AWAITING_CONFIRMATION,), State.IN_PROGRESS),
    "resolve": ((State.IN_PROGRESS,), State.RESOLVED),
    "expire": (OPEN_STATES, State.RESOLVED),
    "withdraw": (OPEN_STATES, State.WITHDRAWN),
    "reopen": ((State.RESOLVED,), State.PENDING),
}
LEGAL_CHANGES = sorted({(source, target) for sources, target in TRANSITIONS.values() for source in sources})
_LEGAL_WORDS = ",".join(f"{source.value}:{target.value}" for source, target in LEGAL_CHANGES)
URGENCY = (F("due_at").asc(nulls_last=True), F("priority").desc(), F("opened_at").asc())
"""What is due first comes first; then what matters more; then what waits longer."""


def _legal(name: str) -> Any:
    sources, target = TRANSITIONS[name]
    return transition(field="state", source=list(sources), target=target)


class HandoffQuerySet(models.QuerySet["Handoff"]):
    """Adjectives that filter handoffs."""

    def open(self) -> "HandoffQuerySet":
        return self.filter(state__in=OPEN_STATES)

    def pending(self) -> "HandoffQuerySet":
        return self.filter(state=State.PENDING)

    def held_by(self, user: Any) -> "HandoffQuerySet":
        return self.filter(state__in=HELD_STATES, holder=user)

    def overdue(self, now: datetime) -> "HandoffQuerySet":
        return self.open().filter(due_at__lt=now)

    def step_due(self, now: datetime) -> "HandoffQuerySet":
        return self.open().filter(next_step_at__lte=now)

    def most_urgent_first(self) -> "HandoffQuerySet":
        return self.order_by(*URGENCY)


class Handoff(models.Model):
    """The request for a person on a case, and its life until automation has recovered.

    `due_at` is the target that counts now: accept_by until it was accepted, resolve_by after. `pauses` are
    [from, to] pairs of ISO times since the clock started. `version` grows with every change.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.PositiveBigIntegerField(
        unique=True,
        db_default=models.Func(
            models.Value("handoff_number"), function="nextval", output_field=models.BigIntegerField()
        ),
    )
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="handoffs", db_index=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="handoffs")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    pattern = models.CharField(max_length=16, choices=Pattern.choices())
    mode = models.CharField(max_length=12, choices=Mode.choices(), default=Mode.LIVE, db_default=Mode.LIVE.value)
    state = FSMField(default=State.PENDING, choices=State.choices(), protected=True)
    version = models.PositiveIntegerField(default=0)

    role = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+", db_index=False)
    routed_role_ids = ArrayField(models.IntegerField(), default=list)
    escalation_level = models.PositiveSmallIntegerField(default=0)
    priority = models.PositiveSmallIntegerField(
        default=PRIORITY_RANKS[Priority.NORMAL], choices=[(rank, word.label) for word, rank in PRIORITY_RANKS.items()]
    )
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    offered_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)

    opened_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()

    clock_started_at = models.DateTimeField()
    accepted_since_start_at = models.DateTimeField(null=True)
    last_activity_at = models.DateTimeField(null=True)
    pauses = models.JSONField(default=list)
    steps_done = ArrayField(models.CharField(max_length=32), default=list)
    accept_by = models.DateTimeField(null=True)
    resolve_by = models.DateTimeField(null=True)
    fixed_resolve_by = models.DateTimeField(null=True)
    cut_off_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    next_step_at = models.DateTimeField(null=True)

    primary_trigger = models.CharField(max_length=64)
    summary = models.CharField(max_length=500)
    headline = models.CharField(max_length=100, blank=True, help_text="The first money fact, such as 6,200.00 USD")
    context_revision_number = models.PositiveIntegerField(default=1)
    context_digest = models.CharField(max_length=71)

    occurrences_count = models.PositiveIntegerField(default=1)
    returns_count = models.PositiveIntegerField(default=0)
    reopens_count = models.PositiveIntegerField(default=0)
    audit_sequence = models.PositiveIntegerField(default=0)
    audit_digest = models.CharField(max_length=64, blank=True)
    imported = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="It ended before the desk knew of it"
    )

    heard: Collection[str] | None = None
    """The kinds of messages that endpoints of its workflow asked for when it was locked; None where it was not."""

    objects = HandoffQuerySet.as_manager()
    history = AuditTrail(
        bases=[AuditRow],
        no_db_index=["id", "role", "holder"],  # the trail is asked by handoff and sequence, which are unique
        excluded_fields=[
            "mode",
            "number", "workflow", "case", "policy_version", "pattern", "routed_role_ids", "offered_to", "opened_by",
            "opened_at", "updated_at", "clock_started_at", "accepted_since_start_at", "last_activity_at", "pauses",
            "steps_done", "fixed_resolve_by", "due_at", "next_step_at", "primary_trigger", "summary", "headline",
            "context_digest", "occurrences_count", "returns_count", "reopens_count", "audit_sequence", "audit_digest",
            "imported",
        ],
        history_change_reason_field=models.TextField(null=True),
    )  # fmt: skip

    class Meta:
        permissions: ClassVar = [("review_handoff", "Work handoffs of one's roles")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(state__in=OPEN_STATES), name="one_open_handoff_per_case"
            ),
            models.UniqueConstraint(
                fields=["case", "opened_at"], condition=Q(imported=True), name="one_import_per_case_and_opening"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[*HELD_STATES, State.RETURNED], holder__isnull=False)
                | Q(state__in=[State.PENDING, *FINAL_STATES], holder__isnull=True),
                name="held_exactly_while_worked_on",
            ),
            models.CheckConstraint(
                condition=Q(state=State.RESOLVED, resolved_at__isnull=False) | ~Q(state=State.RESOLVED),
                name="resolved_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                "role", F("due_at").asc(nulls_last=True), F("priority").desc(), "opened_at",
                condition=Q(state__in=OPEN_STATES), name="queue_by_role_and_due",
            ),
            models.Index(
                "role", F("due_at").asc(nulls_last=True), F("priority").desc(), "opened_at",
                condition=Q(state=State.PENDING), name="pending_by_role_and_due",
            ),  # what is taken next
            models.Index(fields=["holder", "due_at"], condition=Q(state__in=OPEN_STATES), name="work_of_holder"),
            models.Index(
                fields=["offered_to"], condition=Q(state=State.PENDING, offered_to__isnull=False), name="offers_to_one",
            ),  # my work
            models.Index(
                fields=["workflow", "primary_trigger", "-opened_at"], condition=Q(state=State.RESOLVED),
                name="precedents_of_trigger",
            ),  # similar cases
            models.Index(fields=["next_step_at"], condition=Q(state__in=OPEN_STATES), name="steps_due"),
            models.Index(fields=["workflow", "-opened_at"], name="handoffs_of_workflow"),
            models.Index(fields=["-updated_at"], name="handoffs_by_change"),
            models.Index(fields=["-opened_at", "-id"], name="handoffs_by_opening"),  # the list of the API
            models.Index(
                fields=["workflow", "mode", "-opened_at"], condition=~Q(mode=Mode.LIVE), name="handoffs_without_effect"
            ),  # agreement
            GinIndex(fields=["routed_role_ids"], name="handoffs_ever_of_role"),
        ]  # fmt: skip
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="only_legal_changes_of_state",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="RAISE EXCEPTION 'Invalid transition of a handoff from % to %', OLD.state, NEW.state;",
                condition=pgtrigger.Condition(
                    f"OLD.state <> NEW.state AND OLD.state || ':' || NEW.state <> ALL ('{{{_LEGAL_WORDS}}}'::text[])"
                ),
            ),
            pgtrigger.Protect(
                name="handoffs_open_pending",
                operation=pgtrigger.Insert,
                condition=~pgtrigger.Q(new__state=State.PENDING.value)
                & ~pgtrigger.Q(new__imported=True, new__state__in=[state.value for state in FINAL_STATES]),
            ),
            pgtrigger.ReadOnly(name="imported_is_for_good", fields=["imported"]),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"#{self.number} {self.summary}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def has_effect(self) -> bool:
        """Whether its decision goes back to the automation, and counts in the metrics."""
        return self.mode == Mode.LIVE

    @property
    def is_blind(self) -> bool:
        """Whether somebody is still to decide without knowing the other answer."""
        return not self.has_effect and self.state != State.RESOLVED

    @property
    def priority_word(self) -> Priority:
        return next(word for word, rank in PRIORITY_RANKS.items() if rank == self.priority)

    def clock(self) -> ClockFacts:
        """What the ladder of reminders, escalations and cut-off may know."""
        return ClockFacts(
            state=State(self.state),
            clock_started_at=self.clock_started_at,
            accepted_at=self.accepted_since_start_at,
            last_activity_at=self.last_activity_at,
            fixed_resolve_by=self.fixed_resolve_by,
            pauses=tuple(_pause(pair) for pair in self.pauses),
            steps_done=frozenset(self.steps_done),
        )

    def set_due(self, due: DueTimes) -> None:
        """Take over due times from the rules; which of them counts now depends on whether it was accepted."""
        self.accept_by, self.resolve_by, self.cut_off_at = due.accept_by, due.resolve_by, due.cut_off_at
        self.due_at = due.resolve_by if self.accepted_since_start_at or due.accept_by is None else due.accept_by

    @_legal("accept")
    def accept(self, *, by: Any, now: datetime) -> None:
        self.holder = by
        self.offered_to = None
        self.accepted_at = self.accepted_at or now
        self.accepted_since_start_at = self.accepted_since_start_at or now
        self.last_activity_at = now
        self.due_at = self.resolve_by or self.due_at

    @_legal("release")
    def release(self) -> None:
        self._let_go()

    @_legal("escalate")
    def escalate(self, *, to: Group, priority: int | None) -> None:
        self._let_go()
        self.role = to
        self.routed_role_ids = sorted({*self.routed_role_ids, to.pk})
        self.escalation_level += 1
        self.priority = priority or self.priority

    @_legal("return_")
    def return_(self, *, now: datetime) -> None:
        self.returns_count += 1
        self.last_activity_at = now
        self.pauses = [*self.pauses, [now.isoformat(), None]]

    @_legal("resubmit")
    def resubmit(self, *, now: datetime) -> None:
        asker = self.holder
        self._let_go()
        self._end_pause(now)
        self.offered_to = asker

    @_legal("propose")
    def propose(self, *, now: datetime) -> None:
        self.last_activity_at = now

    @_legal("confirm")
    def confirm(self, *, now: datetime) -> None:
        self._close(now)

    @_legal("object_")
    def object_(self, *, now: datetime) -> None:
        self.last_activity_at = now

    @_legal("resolve")
    def resolve(self, *, now: datetime) -> None:
        self._close(now)

    @_legal("expire")
    def expire(self, *, deadline: datetime) -> None:
        self._close(deadline)

    @_legal("withdraw")
    def withdraw(self, *, now: datetime) -> None:
        self._let_go()
        self._end_pause(now)
        self.next_step_at = None

    @_legal("reopen")
    def reopen(self, *, now: datetime) -> None:
        self.reopens_count += 1
        self.clock_started_at = now
        self.accepted_since_start_at = None
        self.pauses, self.steps_done = [], []
        self.resolved_at = None

    def _let_go(self) -> None:
        self.holder = None
        self.last_activity_at = None

    def _close(self, at: datetime) -> None:
        self._let_go()
        self._end_pause(at)
        self.resolved_at = at
        self.next_step_at = None

    def _end_pause(self, now: datetime) -> None:
        if self.pauses and self.pauses[-1][1] is None:
            self.pauses = [*self.pauses[:-1], [self.pauses[-1][0], now.isoformat()]]


def _pause(pair: list[str | None]) -> Pause:
    started, ended = pair
    return Pause(
        started_at=datetime.fromisoformat(started or ""), ended_at=datetime.fromisoformat(ended) if ended else None
    )
