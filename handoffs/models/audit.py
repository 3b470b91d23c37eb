"""What every row of a handoff's audit trail carries beside its state: event, actor, reason, place in the chain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import pgtrigger
from django.db import models
from simple_history.models import HistoricalRecords

from handoffs.choices import ActorKind, Event
from handoffs.models.fields import ExactJSONField
from handoffs.rules.canonical import sha256_of

GENESIS_DIGEST = "0" * 64
SNAPSHOT_COLUMNS = (
    "state",
    "role_id",
    "holder_id",
    "priority",
    "escalation_level",
    "context_revision_number",
    "accept_by",
    "resolve_by",
    "cut_off_at",
)


DIGESTED_COLUMNS = (
    "id",
    "sequence",
    "history_date",
    "event",
    "actor_kind",
    "actor_name",
    "history_user_id",
    "reason",
    "details",
    "previous_digest",
    *SNAPSHOT_COLUMNS,
)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did it: a person, an automation, or the clock."""

    kind: ActorKind
    name: str
    user: Any = None

    @classmethod
    def of(cls, user: Any) -> "Actor":
        kind = ActorKind.AUTOMATION if user.is_automation else ActorKind.PERSON
        return cls(kind=kind, name=user.display_name, user=user)


CLOCK = Actor(kind=ActorKind.CLOCK, name="the clock")


def digest_of(row: Mapping[str, Any]) -> str:
    """Hex SHA-256 over what a row says in its DIGESTED_COLUMNS, and so over all rows before it."""
    return sha256_of(said_by(row))


def said_by(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the digest of a row covers."""
    return {
        "handoff": str(row["id"]),
        "sequence": row["sequence"],
        "at": _words(row["history_date"]),
        "event": str(row["event"]),
        "actor": [str(row["actor_kind"]), row["actor_name"], row["history_user_id"]],
        "reason": row["reason"],
        "details": row["details"],
        "snapshot": {column: _words(row[column]) for column in SNAPSHOT_COLUMNS},
        "previous": row["previous_digest"],
    }


class AuditRow(models.Model):
    """Columns that the history table has beside the handoff's own; rows form a chain of digests per handoff."""

    sequence = models.PositiveIntegerField()
    event = models.CharField(max_length=32, choices=Event.choices())
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices())
    actor_name = models.CharField(max_length=300)
    reason = models.TextField(blank=True)
    details = ExactJSONField(default=dict)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    class Meta:
        abstract = True

    def said(self) -> dict[str, Any]:
        """What its digest covers."""
        return said_by({column: getattr(self, column) for column in DIGESTED_COLUMNS})

    def computed_digest(self) -> str:
        """Hex SHA-256 over the previous digest and everything that this row says."""
        return digest_of({column: getattr(self, column) for column in DIGESTED_COLUMNS})


class AuditTrail(HistoricalRecords):
    """simple-history whose table is a chain: numbered without gaps, and append-only by trigger."""

    def get_meta_options(self, model: Any) -> dict[str, Any]:
        options = super().get_meta_options(model)
        options["ordering"] = ("sequence",)
        options["get_latest_by"] = ("sequence",)
        options["constraints"] = [
            models.UniqueConstraint(fields=["id", "sequence"], name="audit_sequence_per_handoff"),
            models.CheckConstraint(condition=~models.Q(actor_name=""), name="audit_actor_is_never_empty"),
        ]
        options["triggers"] = [
            pgtrigger.Protect(name="audit_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
        return options


_PLAIN = (str, int)  # no union: one that is written in place is made anew at each of a hundred thousand calls


def _words(value: Any) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return value
    return value.astimezone(UTC).isoformat(timespec="microseconds") if hasattr(value, "astimezone") else str(value)
