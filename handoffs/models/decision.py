"""What was decided, by whom, why, and on which context."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from handoffs.choices import DecidedBy, DecisionStatus, OutcomeKind, RecoveryAction
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.handoff import Handoff


class Decision(models.Model):
    """One decision on a handoff; a proposal becomes final when a second person confirms it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    handoff = models.ForeignKey(Handoff, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    resolution_number = models.PositiveIntegerField(help_text="1 for the first resolution, one more per reopening")
    status = models.CharField(max_length=8, choices=DecisionStatus.choices(), default=DecisionStatus.FINAL)
    outcome = models.CharField(max_length=64)
    outcome_title = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=OutcomeKind.choices())
    recovery = models.CharField(max_length=16, choices=RecoveryAction.choices())
    reason = models.TextField(blank=True)
    answers = ExactJSONField(default=dict)
    decided_by_kind = models.CharField(max_length=8, choices=DecidedBy.choices(), default=DecidedBy.PERSON)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    context_revision_number = models.PositiveIntegerField()
    context_digest = models.CharField(max_length=71)
    suggested_outcome = models.CharField(max_length=64, blank=True)
    context_sufficed = models.BooleanField(null=True, help_text="Was this enough to decide?")
    context_missing = models.CharField(max_length=500, blank=True)
    missing_parts = ArrayField(
        models.CharField(max_length=200), default=list, db_default=[], help_text="data.… and document:…"
    )
    person_needed = models.BooleanField(null=True, help_text="Did this need a person?")
    feedback_comment = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["handoff", "resolution_number"],
                condition=~Q(status=DecisionStatus.OBJECTED),
                name="one_decision_per_resolution",
            ),
            models.CheckConstraint(
                condition=Q(decided_by_kind=DecidedBy.CLOCK, decided_by__isnull=True)
                | Q(decided_by_kind=DecidedBy.PERSON, decided_by__isnull=False),
                name="decided_by_a_person_or_the_clock",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome_title} ({self.status})"

    @property
    def decider_name(self) -> str:
        return self.decided_by.display_name if self.decided_by else "the clock"
