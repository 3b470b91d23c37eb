"""A workflow, the versions of its policy, and the endpoints that hear of its handoffs."""

import base64
import secrets
from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from handoffs.choices import DEFAULT_WEBHOOK_TYPES, PolicyStatus, WebhookType
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.rules.key_order import in_order, order_of


def new_webhook_secret() -> str:
    """A signing secret in the form of Standard Webhooks: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def default_webhook_types() -> list[str]:
    return [kind.value for kind in DEFAULT_WEBHOOK_TYPES]


class Workflow(models.Model):
    """A business process that an automation runs, such as invoice matching."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    live_version = models.ForeignKey(
        "PolicyVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    allowed_hosts = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Hosts that a callback URL may name, such as erp.example or 127.0.0.1:9000",
    )
    callback_secret = models.CharField(
        max_length=100, default=new_webhook_secret, help_text="Signs what goes to callback URLs (whsec_…)"
    )
    created_at = models.DateTimeField()
    candidate = models.ForeignKey(
        "CandidateRun", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    stage_checked_at = models.DateTimeField(null=True, editable=False)
    history = HistoricalRecords(excluded_fields=["callback_secret", "candidate", "stage_checked_at"])

    class Meta:
        ordering: ClassVar = ["key"]
        permissions: ClassVar = [("manage_workflow", "See metrics and tune policies of one's roles' workflows")]

    def __str__(self) -> str:
        return self.title


class PolicyVersion(models.Model):
    """One version of a workflow's policy; its document never changes once it was published."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="policy_versions")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=8, choices=PolicyStatus.choices(), default=PolicyStatus.DRAFT)
    document = ExactJSONField()
    key_order = models.JSONField(null=True, editable=False, help_text="In which order the document's keys were written")
    role_names = ArrayField(models.CharField(max_length=150), default=list, help_text="Every role it names")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True)
    published_by_clock = models.BooleanField(default=False, db_default=False)
    publish_reason = models.TextField(blank=True)
    retired_at = models.DateTimeField(null=True)
    history = HistoricalRecords(excluded_fields=["document", "key_order"])

    class Meta:
        ordering: ClassVar = ["workflow", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workflow", "number"], name="policy_number_per_workflow"),
            models.UniqueConstraint(
                fields=["workflow"], condition=Q(status=PolicyStatus.LIVE), name="one_live_policy_per_workflow"
            ),
            models.UniqueConstraint(
                fields=["workflow"], condition=Q(status=PolicyStatus.DRAFT), name="one_draft_policy_per_workflow"
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="published_policy_is_immutable",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__document__df=pgtrigger.F("new__document"))
                & ~pgtrigger.Q(old__status=PolicyStatus.DRAFT.value),
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} version {self.number}"

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **options: Any) -> "PolicyVersion":
        version: PolicyVersion = super().from_db(db, field_names, values, **options)
        if {"document", "key_order"} <= set(field_names):
            version.document = in_order(version.document, version.key_order)
        return version

    def save(self, *args: Any, **options: Any) -> None:
        """The columns as given; the order of keys goes wherever the document goes."""
        self.key_order = order_of(self.document) if "document" in self.__dict__ else self.key_order
        fields = options.get("update_fields")
        if fields is not None and "document" in fields:
            options["update_fields"] = {*fields, "key_order"}
        super().save(*args, **options)

    @property
    def publisher_name(self) -> str:
        """Who published it: a person, the clock that stepped a stage back, or the shell."""
        if self.published_by_clock:
            return "the clock"
        return self.published_by.display_name if self.published_by else "the shell"


class Endpoint(models.Model):
    """An address of an automation that hears of every handoff of a workflow."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="endpoints")
    url = models.URLField(max_length=2048)
    secret = models.CharField(max_length=100, default=new_webhook_secret, help_text="whsec_…")
    previous_secret = models.CharField(max_length=100, blank=True, help_text="Also signs, while the secret is rotated")
    event_types = ArrayField(
        models.CharField(max_length=32, choices=WebhookType.choices()), default=default_webhook_types
    )
    created_at = models.DateTimeField()
    switched_off_at = models.DateTimeField(null=True, blank=True)
    switched_off_reason = models.CharField(max_length=300, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="Since when two secrets sign")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False, help_text="Every try since then failed")
    catching_up_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="On again, and what it missed is being sent"
    )
    history = HistoricalRecords(
        excluded_fields=["secret", "previous_secret", "failing_since", "catching_up_since"],
        history_change_reason_field=models.TextField(null=True),
    )

    class Meta:
        ordering: ClassVar = ["workflow", "url"]

    def __str__(self) -> str:
        return self.url
