"""What is compared without effect: held-back proposals, candidate versions beside the live one, second looks."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from handoffs.models.case import Attempt
from handoffs.models.decision import Decision
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.handoff import Handoff
from handoffs.models.workflow import Workflow


class ShadowProposal(models.Model):
    """The automation's own answer to a handoff in shadow, apart from the handoff so that no page reads it by chance."""

    handoff = models.OneToOneField(Handoff, primary_key=True, on_delete=models.CASCADE, related_name="proposal")
    outcome = models.CharField(max_length=64, blank=True, help_text="Empty where it proposed nothing")
    is_suggested = models.BooleanField(default=False, help_text="By the policy's rules, as the automation said nothing")
    held = ExactJSONField(default=dict, help_text="What was taken out of the context package")
    document_ids = models.JSONField(default=list)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"proposal for {self.handoff_id}"


class CandidateRun(models.Model):
    """A policy version that judges every attempt beside the live one; its document is frozen when it starts."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="candidate_runs")
    number = models.PositiveIntegerField(help_text="The number of the draft")
    document = ExactJSONField()
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    promoted_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workflow"], condition=Q(ended_at__isnull=True), name="one_candidate_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"candidate version {self.number} of {self.workflow_id}"


class CandidateResult(models.Model):
    """What the candidate would have answered to one attempt, and what the live version answered."""

    attempt = models.OneToOneField(Attempt, primary_key=True, on_delete=models.CASCADE, related_name="candidate_result")
    run = models.ForeignKey(CandidateRun, on_delete=models.CASCADE, related_name="results", db_index=False)
    live_verdict = models.CharField(max_length=8)
    live_trigger = models.CharField(max_length=64, blank=True)
    live_role = models.CharField(max_length=150, blank=True)
    verdict = models.CharField(max_length=8, blank=True)
    trigger = models.CharField(max_length=64, blank=True)
    role = models.CharField(max_length=150, blank=True)
    differs = models.BooleanField()
    error = models.CharField(max_length=300, blank=True, help_text="Why the candidate could not judge it")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["run", "differs"], name="results_of_candidate")]

    def __str__(self) -> str:
        return f"{self.live_verdict} / {self.verdict}"


class SecondLook(models.Model):
    """That another person decides again what was decided, without seeing the first decision; it has no effect."""

    handoff = models.OneToOneField(Handoff, primary_key=True, on_delete=models.CASCADE, related_name="second_look")
    first = models.OneToOneField(Decision, on_delete=models.PROTECT, related_name="second_look")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"second look at {self.first_id}"
