"""What people are told: one row per handoff, step, person and channel, and the messages that carry it outside."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from handoffs.choices import Channel, MessageState, NoticeKind
from handoffs.models.fields import new_id
from handoffs.models.handoff import Handoff


class NotificationChannel(models.Model):
    """A way to reach a role or a person beside the desk and e-mail: any address that apprise speaks."""

    title = models.CharField(max_length=100)
    address = models.CharField(
        max_length=1000, help_text="An apprise URL, such as slack://token-a/token-b/token-c or mailto://…; kept secret"
    )
    role = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Tell it what the role hears",
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Or what one person hears",
    )
    is_enabled = models.BooleanField(default=True)
    is_masked = models.BooleanField(default=True, help_text="Say only that there is something, and where; no contents")
    history = HistoricalRecords(excluded_fields=["address"])

    class Meta:
        ordering: ClassVar = ["title"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(role__isnull=True, person__isnull=False) | Q(role__isnull=False, person__isnull=True),
                name="channel_of_a_role_or_a_person",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """Refuse a channel of nobody, or of both."""
        if (self.role_id is None) == (self.person_id is None):
            raise ValidationError("Choose either a role or a person.")


class NoticeSettings(models.Model):
    """How a person likes to be told. Without a row: by e-mail, at any hour."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="notice_settings"
    )
    by_email = models.BooleanField(default=True)
    quiet_from = models.TimeField(null=True, blank=True, help_text="In the person's own time zone")
    quiet_until = models.TimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="quiet_hours_begin_and_end",
            )
        ]

    def __str__(self) -> str:
        return f"notice settings of {self.person_id}"


class AbsenceQuerySet(models.QuerySet["Absence"]):
    """Adjectives that filter absences."""

    def at(self, now: datetime) -> "AbsenceQuerySet":
        return self.filter(starts_at__lte=now, ends_at__gt=now)

    def not_over(self, now: datetime) -> "AbsenceQuerySet":
        return self.filter(ends_at__gt=now)

    def to_hand_over(self, now: datetime) -> "AbsenceQuerySet":
        return self.filter(starts_at__lte=now, handed_over_at=None)


class Absence(models.Model):
    """When a person is away, and who covers; what they held is handed over when it begins."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cover = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="covers"
    )
    handed_over_at = models.DateTimeField(null=True, editable=False)
    history = HistoricalRecords()

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["starts_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="absence_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(cover__isnull=True) | ~Q(cover=models.F("person")), name="nobody_covers_themselves"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person", "ends_at"], name="absences_of_person"),
            models.Index(fields=["starts_at"], condition=Q(handed_over_at__isnull=True), name="absences_to_hand_over"),
        ]

    def __str__(self) -> str:
        return f"{self.person} away until {self.ends_at:%Y-%m-%d %H:%M}"


class MessageQuerySet(models.QuerySet["Message"]):
    """Adjectives that filter messages."""

    def due(self, now: datetime) -> "MessageQuerySet":
        return self.filter(state=MessageState.QUEUED, next_attempt_at__lte=now)


class Message(models.Model):
    """One e-mail or chat message to one recipient, about one handoff or, as a digest, about many.

    The row is the outbox: a worker leases it, sends outside any transaction, and writes down what came of it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.CharField(max_length=8, choices=Channel.choices())
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    address = models.ForeignKey(NotificationChannel, null=True, on_delete=models.CASCADE, related_name="+")
    recipient = models.CharField(max_length=320, help_text="An e-mail address, or the title of a channel")
    handoff = models.ForeignKey(Handoff, null=True, on_delete=models.CASCADE, related_name="messages")
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField(blank=True)
    notices_count = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=MessageState.choices(), default=MessageState.QUEUED)
    next_attempt_at = models.DateTimeField(null=True)
    attempts_made = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(state=MessageState.QUEUED) | Q(next_attempt_at__isnull=False),
                name="queued_message_has_a_next_attempt",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], condition=Q(state=MessageState.QUEUED), name="messages_due"),
            models.Index(fields=["-created_at"], name="messages_by_age"),
            models.Index(fields=["person", "channel", "-created_at"], name="messages_to_person"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipient} ({self.state})"

    @property
    def is_digest(self) -> bool:
        return self.handoff_id is None


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Adjectives that filter notices."""

    def unread(self) -> "NotificationQuerySet":
        return self.filter(channel=Channel.IN_APP, read_at=None, superseded_at=None)

    def unsent(self) -> "NotificationQuerySet":
        return self.filter(send_at__isnull=False, message=None, superseded_at=None)

    def due(self, now: datetime) -> "NotificationQuerySet":
        return self.unsent().filter(send_at__lte=now)


class Notification(models.Model):
    """That one person (or a channel of a role) is told of one step of one handoff, by one way.

    In the desk it is there at once and waits to be read. For the outside `send_at` is when it may go, until a
    `message` carries it. `step` is the ladder's key, with the number of the reopening behind it where there was one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    handoff = models.ForeignKey(Handoff, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    step = models.CharField(max_length=80)
    kind = models.CharField(max_length=16, choices=NoticeKind.choices())
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    channel = models.CharField(max_length=8, choices=Channel.choices())
    address = models.ForeignKey(NotificationChannel, null=True, on_delete=models.CASCADE, related_name="+")
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)
    send_at = models.DateTimeField(null=True)
    message = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="notifications")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["handoff", "step", "person", "channel", "address"],
                nulls_distinct=False,
                name="one_notice_per_step_and_channel",
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=False) | Q(address__isnull=False), name="notice_has_a_recipient"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["person", "-created_at"], condition=Q(channel=Channel.IN_APP), name="notices_of_person"
            ),
            models.Index(
                fields=["person"],
                condition=Q(channel=Channel.IN_APP, read_at__isnull=True, superseded_at__isnull=True),
                name="notices_unread",
            ),
            models.Index(
                fields=["send_at"],
                condition=Q(send_at__isnull=False, message__isnull=True, superseded_at__isnull=True),
                name="notices_to_send",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.channel})"
