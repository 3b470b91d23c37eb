"""People, service accounts and API tokens; knows nothing of handoffs."""

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, Group
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.functional import cached_property
from simple_history.models import HistoricalRecords

from accounts.granted import Granted, granted_to

TOKEN_PREFIX = "hd_"  # noqa: S105 - what every secret begins with, no secret
PREFIX_SHOWN_CHARACTERS = 10

Role = Group
"""A role is a Django group: handoffs are routed to roles, never to named people."""


class User(AbstractUser):
    """Somebody who signs in (a person) or posts through the API (an automation's service account)."""

    class Kind(models.TextChoices):
        PERSON = "person"
        AUTOMATION = "automation"

    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.PERSON)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name, such as Europe/Berlin")
    history = HistoricalRecords(
        excluded_fields=["password", "last_login"], m2m_fields=[AbstractUser._meta.get_field("groups")]
    )

    workflow_scope: frozenset[str] | None = None
    """Keys of the workflows that the request's token allows; None where no token limits it. Set by authentication."""

    managed_workflow_ids: frozenset[uuid.UUID] | None = None
    """Workflows that the person manages, once somebody asked for them; None before."""

    @cached_property
    def granted(self) -> Granted:
        """The person's roles and permissions, read once per object where nobody read them with the person."""
        return granted_to(self.pk)

    @cached_property
    def roles(self) -> dict[int, str]:
        """Names of the person's roles by id, read once per object."""
        return {key: name for key, name, _ in self.granted if key is not None}

    @cached_property
    def permissions(self) -> frozenset[str]:
        """What is granted to the person and to their roles, as in `handoffs.manage_workflow`; read with the roles."""
        return frozenset(one for _, _, named in self.granted for one in named or ())

    @property
    def role_ids(self) -> frozenset[int]:
        """Ids of the person's roles."""
        return frozenset(self.roles)

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username

    @property
    def is_automation(self) -> bool:
        return self.kind == self.Kind.AUTOMATION


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self, now: datetime) -> "ApiTokenQuerySet":
        return self.filter(revoked_at=None, user__is_active=True).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )


class ApiToken(models.Model):
    """A bearer token: shown once, stored as a SHA-256 of 256 random bits, scoped to workflows, revocable."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=PREFIX_SHOWN_CHARACTERS, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    workflows = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Keys of the workflows it may touch. A person's token without any may touch what the person may.",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    history = HistoricalRecords(excluded_fields=["digest", "last_used_at"])

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(secret: str) -> str:
        """Hex SHA-256; a fast hash is enough because the secret has 256 random bits."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def issue(
        cls, user: User, *, name: str, now: datetime, workflows: list[str] | None = None
    ) -> tuple["ApiToken", str]:
        """Create a token; the second value is the secret, which cannot be had again."""
        token = cls(user=user, name=name, workflows=workflows or [])
        secret = token.take_new_secret(now=now)
        token.save()
        return token, secret

    def take_new_secret(self, *, now: datetime) -> str:
        """Give an unsaved token its secret and return it; only its hash is kept."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.prefix, self.digest, self.created_at = secret[:PREFIX_SHOWN_CHARACTERS], self.digest_of(secret), now
        return secret
