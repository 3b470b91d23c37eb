"""Rows that stand for the desk's own: one for a bare insert, five for what a handoff needs."""

from typing import ClassVar

from django.db import models


class Bare(models.Model):
    """A row that bears a JSON document, as an attempt does."""

    reference = models.CharField(max_length=200)
    data = models.JSONField(default=dict)
    state = models.CharField(max_length=20, default="pending")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.reference


class Row(Bare):
    """The one INSERT."""


class CaseRow(Bare):
    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["reference"], name="floor_reference")]


class AttemptRow(Bare):
    case = models.ForeignKey(CaseRow, on_delete=models.CASCADE)


class HandoffRow(Bare):
    case = models.ForeignKey(CaseRow, on_delete=models.CASCADE)


class RevisionRow(Bare):
    handoff = models.ForeignKey(HandoffRow, on_delete=models.CASCADE)


class AuditRow(Bare):
    handoff = models.ForeignKey(HandoffRow, on_delete=models.CASCADE)


ROWS = (Row, CaseRow, AttemptRow, HandoffRow, RevisionRow, AuditRow)
