"""What the reviewer is shown: frozen revisions of the context package, and the documents."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models

from handoffs.models.case import Attempt
from handoffs.models.fields import ExactJSONField, new_id
from handoffs.models.handoff import Handoff
from handoffs.models.workflow import Workflow


class ContextRevision(models.Model):
    """One frozen state of a handoff's context package with its digest (`sha256:…`)."""

    handoff = models.ForeignKey(Handoff, on_delete=models.PROTECT, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="+", db_index=False)
    package = ExactJSONField()
    digest = models.CharField(max_length=71)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["handoff", "number"], name="revision_number_per_handoff")
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="revisions_are_frozen", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.handoff_id} revision {self.number}"


class Document(models.Model):
    """A file that an automation uploaded; its bytes are a row of their own."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.PROTECT, related_name="documents")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    name = models.CharField(max_length=255)
    title = models.CharField(max_length=200, blank=True)
    content_type = models.CharField(max_length=100)
    size_bytes = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField(null=True, help_text="Unless an attempt names it by then")
    handoffs = models.ManyToManyField(Handoff, related_name="documents")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"], condition=models.Q(expires_at__isnull=False), name="unreferenced_documents"
            )
        ]

    def __str__(self) -> str:
        return self.title or self.name


class DocumentContent(models.Model):
    """The bytes of a document, apart so that no list ever reads them."""

    document = models.OneToOneField(Document, primary_key=True, on_delete=models.CASCADE, related_name="content")
    body = models.BinaryField()

    def __str__(self) -> str:
        return str(self.document_id)


class Note(models.Model):
    """A remark on a handoff, for whoever works it next."""

    handoff = models.ForeignKey(Handoff, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering: ClassVar = ["written_at"]

    def __str__(self) -> str:
        return self.text[:80]
