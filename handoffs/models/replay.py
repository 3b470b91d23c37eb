"""Replays: which attempts run through which policy version, how far they have come, and what came of each attempt."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from handoffs.choices import UNFINISHED_REPLAYS, ReplayChange, ReplaySource, ReplayState, Verdict
from handoffs.models.case import MAX_REFERENCE_CHARACTERS
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.workflow import PolicyVersion, Workflow


class Replay(models.Model):
    """One run. The documents are what the versions said when it began: a draft may change meanwhile, or be let go.

    `done_count` attempts are in the table; whoever holds the lease goes on from there.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="replays", db_index=False)
    title = models.CharField(max_length=200)
    version = models.ForeignKey(PolicyVersion, null=True, on_delete=models.SET_NULL, related_name="replays")
    version_number = models.PositiveIntegerField()
    document = ExactJSONField()
    document_digest = models.CharField(max_length=64)
    against = models.ForeignKey(PolicyVersion, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    against_number = models.PositiveIntegerField(null=True)
    against_document = ExactJSONField(null=True)
    fully_rolled_out = models.BooleanField(default=False, help_text="Judge every case, whatever the stage says")
    source = models.CharField(max_length=8, choices=ReplaySource.choices())
    from_at = models.DateTimeField(null=True)
    until_at = models.DateTimeField(null=True)
    file_name = models.CharField(max_length=255, blank=True)
    has_times = models.BooleanField(default=True)
    stay_seconds = models.PositiveIntegerField(help_text="How long a handoff that only the replay opened stays open")

    state = models.CharField(max_length=9, choices=ReplayState.choices(), default=ReplayState.QUEUED)
    total_count = models.PositiveIntegerField()
    done_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, help_text="[line, reason] of lines that were left out")
    problems_count = models.PositiveIntegerField(default=0)
    summary = ExactJSONField(null=True)
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            models.Index(fields=["workflow", "-created_at"], name="replays_of_workflow"),
            models.Index(
                fields=["created_at"], condition=Q(state__in=UNFINISHED_REPLAYS), name="replays_to_run"
            ),  # the sweep
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED_REPLAYS


class ReplayChunk(models.Model):
    """What some attempts are, in the order of their time, compressed: ids of stored ones, rows of an uploaded file."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["replay", "number"], name="chunk_number_per_replay")]

    def __str__(self) -> str:
        return f"{self.replay_id} chunk {self.number}"


class ReplayedAttempt(models.Model):
    """What became of one attempt under the version, and under the one compared with (`was_`)."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    position = models.PositiveIntegerField()
    attempt_id = models.UUIDField(null=True, help_text="Of a stored one")
    handoff_id = models.UUIDField(null=True, help_text="That it belonged to then")
    reference = models.CharField(max_length=MAX_REFERENCE_CHARACTERS)
    at = models.DateTimeField()
    error_type = models.CharField(max_length=100, blank=True)
    verdict = models.CharField(max_length=8, choices=Verdict.choices())
    opens = models.CharField(max_length=MAX_REFERENCE_CHARACTERS, blank=True, help_text="On which case, if it does")
    role = models.CharField(max_length=150, blank=True, help_text="With whom it is, empty for nobody")
    priority = models.PositiveSmallIntegerField(default=0)
    trigger = models.CharField(max_length=64, blank=True)
    fired = ArrayField(models.CharField(max_length=64), default=list)
    unknown = ArrayField(models.CharField(max_length=64), default=list)
    lacking = ArrayField(models.CharField(max_length=255), default=list)
    suggested = models.CharField(max_length=64, blank=True)
    ends_at = models.DateTimeField(null=True)
    end_resolves = models.BooleanField(default=True)
    was_verdict = models.CharField(max_length=8, blank=True)
    was_opens = models.CharField(max_length=MAX_REFERENCE_CHARACTERS, blank=True)
    was_role = models.CharField(max_length=150, blank=True)
    was_trigger = models.CharField(max_length=64, blank=True)
    was_fired = ArrayField(models.CharField(max_length=64), default=list)
    change = models.CharField(max_length=10, choices=ReplayChange.choices(), blank=True)
    proposed = models.CharField(max_length=64, blank=True, help_text="What the automation proposed")
    decided = models.CharField(max_length=64, blank=True, help_text="What a person decided then")
    person_needed = models.BooleanField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["replay", "position"], name="attempt_position_per_replay")
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.verdict}"
