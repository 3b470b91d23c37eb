"""The way back to automation: recoveries, the outbox of deliveries, and each try to deliver."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Lower

from handoffs.choices import DeliveryState, RecoveryAction, RecoveryState, WebhookType
from handoffs.models.case import Attempt
from handoffs.models.decision import Decision
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.handoff import Handoff
from handoffs.models.workflow import Endpoint


class Recovery(models.Model):
    """One decision on its way back to one caller, until that caller's receipt closes it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    handoff = models.ForeignKey(Handoff, on_delete=models.PROTECT, related_name="recoveries")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="recoveries", db_index=False)
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="+", db_index=False)
    automation = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    callback_url = models.CharField(max_length=2048, blank=True)
    correlation_id = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=16, choices=RecoveryAction.choices())
    state = models.CharField(max_length=12, choices=RecoveryState.choices(), default=RecoveryState.AWAITING)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    receipt_due_at = models.DateTimeField(null=True)
    overdue_noted_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)
    reversed_at = models.DateTimeField(null=True)
    detail = models.TextField(blank=True)
    steps = models.JSONField(default=list, help_text="What was undone, in order: attempt, status, detail, at")
    not_needed_at = models.DateTimeField(null=True, help_text="The automation said that it had not needed a person")
    later_facts = models.JSONField(
        default=list, db_default=[], help_text="What was said after the receipt: status, detail, at"
    )

    class Meta:
        verbose_name_plural = "recoveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["decision", "automation", "callback_url", "correlation_id"], name="one_recovery_per_caller"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["receipt_due_at"],
                condition=Q(received_at__isnull=True, overdue_noted_at__isnull=True),
                name="receipts_due",
            ),
            models.Index(
                fields=["receipt_due_at"],
                condition=Q(received_at__isnull=True, overdue_noted_at__isnull=False),
                name="receipts_overdue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.state})"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> "DeliveryQuerySet":
        return self.filter(state=DeliveryState.QUEUED, next_attempt_at__lte=now)


def webhook_id_of(delivery_id: uuid.UUID) -> str:
    """The message id of a delivery, from what the database calls it."""
    return f"msg_{delivery_id.hex}"


class Delivery(models.Model):
    """One message in the outbox. A worker owns it while `leased_until` is ahead and `lease_token` is its own.

    `next_attempt_at` moves to the end of the lease when it is leased, so one index finds both what is due and what
    a dead worker left behind.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    handoff = models.ForeignKey(Handoff, on_delete=models.PROTECT, related_name="deliveries")
    recovery = models.ForeignKey(Recovery, null=True, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, null=True, on_delete=models.SET_NULL, related_name="deliveries")
    url = models.CharField(max_length=2048)
    host = models.GeneratedField(
        expression=Lower(Coalesce(Func(F("url"), Value("://([^/?#]+)"), function="substring"), Value(""))),
        output_field=models.CharField(max_length=2048),
        db_persist=True,
        help_text="Host and port of the address: what is slow or dead together",
    )
    correlation_id = models.CharField(max_length=200, blank=True, help_text="Of the run that it speaks to")
    event_type = models.CharField(max_length=32, choices=WebhookType.choices())
    sequence = models.PositiveIntegerField()
    payload = ExactJSONField()
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices(), default=DeliveryState.QUEUED)
    next_attempt_at = models.DateTimeField(null=True)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    attempts_before_replay = models.PositiveSmallIntegerField(
        default=0, help_text="Tries that do not count any more: the schedule began anew after them"
    )
    lease_token = models.UUIDField(null=True)
    delivered_at = models.DateTimeField(null=True)
    parked_at = models.DateTimeField(null=True)
    parked_reason = models.CharField(max_length=300, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["handoff", "sequence", "url", "recovery", "correlation_id"],
                nulls_distinct=False,
                name="one_message_per_event",
            ),
            models.CheckConstraint(
                condition=~Q(state=DeliveryState.QUEUED) | Q(next_attempt_at__isnull=False),
                name="queued_has_a_next_attempt",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(state=DeliveryState.QUEUED), name="deliveries_due"),
            models.Index(
                fields=["host", "next_attempt_at"],
                condition=Q(state=DeliveryState.QUEUED),
                name="deliveries_due_by_host",
            ),
            models.Index(fields=["-created_at"], name="deliveries_by_age"),
            models.Index(fields=["endpoint", "-created_at"], name="deliveries_of_endpoint"),
            models.Index(fields=["-parked_at"], condition=Q(state=DeliveryState.PARKED), name="deliveries_parked"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.url} ({self.state})"

    @property
    def webhook_id(self) -> str:
        """The Standard Webhooks message id: the same for every try."""
        return webhook_id_of(self.id)


class DeliveryTry(models.Model):
    """One try to deliver: what was answered, and how long it took."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    finished_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    response_snippet = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["delivery", "number"]

    def __str__(self) -> str:
        return f"{self.number}: {self.status or self.error}"


class SweepHeartbeat(models.Model):
    """When the sweep last went through cleanly: one row, which `/readyz` reads."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    swept_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_heartbeat")]

    def __str__(self) -> str:
        return self.swept_at.isoformat()
