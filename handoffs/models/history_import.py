"""Files of past handoffs on their way in: what was sent, how far it has come, and what was wrong with it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from handoffs.choices import ImportState
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.workflow import Workflow

UNFINISHED_STATES = (ImportState.CHECKING, ImportState.IMPORTING)


class HistoryImport(models.Model):
    """One file. `problems` are the first [line, reason] pairs of `bad_count`; `next_part` is the one to work on."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="history_imports")
    file_name = models.CharField(max_length=255)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    skip_bad = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=ImportState.choices(), default=ImportState.CHECKING)
    next_part = models.PositiveIntegerField(default=0)
    rows_count = models.PositiveIntegerField(default=0)
    checked_count = models.PositiveIntegerField(default=0)
    bad_count = models.PositiveIntegerField(default=0)
    imported_count = models.PositiveIntegerField(default=0)
    problems = ExactJSONField(default=list)
    warnings = ExactJSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-started_at"]
        indexes: ClassVar = [
            models.Index(fields=["started_at"], condition=Q(state__in=UNFINISHED_STATES), name="imports_to_go_on_with")
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.state})"

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED_STATES

    @property
    def done_count(self) -> int:
        """Rows that are through the step that it is in."""
        return self.checked_count if self.state == ImportState.CHECKING else self.imported_count


class ImportPart(models.Model):
    """Some rows of a file as [line, {column: value}], kept until they are imported; `bad_lines` are left out."""

    history_import = models.ForeignKey(HistoryImport, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    rows = ExactJSONField()
    bad_lines = ExactJSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["history_import", "number"], name="number_per_import_part")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of {self.history_import_id}"
