"""Cases and the attempts that automations report on them."""

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from handoffs.choices import Verdict
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.workflow import PolicyVersion, Workflow
from handoffs.rules.facts import AttemptFacts

MAX_REFERENCE_CHARACTERS = 200


class Case(models.Model):
    """One item of work in a workflow, named by the automation's own reference."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="cases", db_index=False)
    reference = models.CharField(max_length=MAX_REFERENCE_CHARACTERS)
    first_attempted_at = models.DateTimeField()
    attempts_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workflow", "reference"], name="reference_per_workflow")
        ]
        indexes: ClassVar = [
            models.Index(fields=["workflow", "first_attempted_at"], name="cases_by_first_attempt")  # handoff rate
        ]

    def __str__(self) -> str:
        return self.reference


class Attempt(models.Model):
    """One report by an automation about a case; append-only but for the answer that it was given."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="attempts", db_index=False)
    handoff = models.ForeignKey("Handoff", null=True, on_delete=models.PROTECT, related_name="attempts")
    automation = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    received_at = models.DateTimeField()
    data = ExactJSONField(default=dict)
    confidence = models.DecimalField(max_digits=12, decimal_places=10, null=True)
    error_type = models.CharField(max_length=100, blank=True)
    error_message = models.TextField(blank=True)
    request_reason = models.TextField(null=True)
    action_taken = ExactJSONField(null=True)
    proposed_outcome = models.CharField(max_length=64, blank=True)
    given_context = ExactJSONField(default=dict)
    callback_url = models.CharField(max_length=2048, blank=True)
    correlation_id = models.CharField(max_length=200, blank=True)
    content_digest = models.CharField(max_length=64)
    verdict = models.CharField(max_length=8, choices=Verdict.choices())
    triggers = ExactJSONField(default=list)
    idempotency_key = models.CharField(max_length=255, null=True)
    answer_status = models.PositiveSmallIntegerField(default=200)
    answer = ExactJSONField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["automation", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="one_attempt_per_idempotency_key",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["case", "received_at"], name="attempts_of_case"),
            models.Index(
                fields=["case", "received_at"], condition=~Q(error_type=""), name="failed_attempts_of_case"
            ),  # repeated failure
            models.Index(
                fields=["policy_version", "error_type", "received_at"],
                condition=~Q(error_type=""),
                name="failed_attempts_by_error",
            ),  # the same error over many cases
        ]

    def __str__(self) -> str:
        return str(self.id)

    def facts(self) -> AttemptFacts:
        """What the rules may know of it."""
        return AttemptFacts(
            reference=self.case.reference,
            data=self.data,
            confidence=None if self.confidence is None else Decimal(self.confidence),
            error_type=self.error_type,
            error_message=self.error_message,
            request_reason=self.request_reason,
            proposed_outcome=self.proposed_outcome,
            acted=self.action_taken is not None,
        )


def failure_times(case: Case, *, since: datetime | None) -> tuple[tuple[datetime, str], ...]:
    """(received_at, error_type) of the failed attempts of a case after `since`, oldest first."""
    failed = case.attempts.exclude(error_type="").order_by("received_at")
    if since is not None:
        failed = failed.filter(received_at__gt=since)
    return tuple(failed.values_list("received_at", "error_type"))
