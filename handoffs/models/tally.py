"""Days counted once and kept, and months added up from them: what the metrics read instead of every fact.

The sweep writes tallies (`actions/tallies`). Triggers of the database leave a `TouchedDay` in the transaction that
changes anything in a day that is over; from that moment on the day is read from its facts until it is counted again.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from handoffs.models.workflow import Workflow


class TalliedDay(models.Model):
    """A day (of UTC, by the moment at which it begins) whose tallies are there.

    `definitions` is the digest of what was counted: tallies of other definitions than today's are none.
    """

    day = models.DateTimeField(primary_key=True)
    tallied_at = models.DateTimeField()
    good_until = models.DateTimeField(null=True, help_text="When the first receipt that is still to come is late")
    definitions = models.CharField(max_length=16)

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class TouchedDay(models.Model):
    """A day that was over when a transaction changed something in it. One row per transaction: nobody waits for it."""

    day = models.DateTimeField()
    transaction_number = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "transaction_number"], name="day_touched_once_per_transaction")
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


class TalliedMonth(models.Model):
    """A month (of UTC) whose tallies by one breakdown are added up from those of its days, or due to be.

    They are right where nothing is due; a day of it that is counted again makes them due.
    """

    month = models.DateTimeField()
    by = models.CharField(max_length=16, blank=True)
    due_at = models.DateTimeField(null=True, help_text="When it is to be added up; empty while it is right")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["month", "by"], name="month_tallied_once_by_a_breakdown")
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.by}"


class Times(models.Model):
    """Columns of times: each holds them sorted, as `ranks.packed` writes them, under the name that it has in a fact."""

    accept_us = models.BinaryField(db_default=b"")
    resolve_us = models.BinaryField(db_default=b"")
    active_us = models.BinaryField(db_default=b"")
    deliver_us = models.BinaryField(db_default=b"")
    apply_us = models.BinaryField(db_default=b"")

    class Meta:
        abstract = True


class HourTally(Times):
    """The tally of one hour and workflow: what bars are drawn from, as hours fit into any zone's days."""

    hour = models.DateTimeField()
    day = models.DateTimeField(db_index=True)
    workflow = models.ForeignKey(
        Workflow, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    numbers = ArrayField(models.BigIntegerField(), help_text="In the order of `tallies.NAMES`")

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}"


class Tally(Times):
    """The counts, sums and times of a stretch of time and workflow, or of the part with `key` in the breakdown `by`."""

    workflow = models.ForeignKey(
        Workflow, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    by = models.CharField(max_length=16, blank=True)
    key = models.CharField(max_length=64, blank=True)
    numbers = ArrayField(models.BigIntegerField(), help_text="In the order of `tallies.NAMES`")

    class Meta:
        abstract = True


class DayTally(Tally):
    """The tally of a day."""

    day = models.DateTimeField(db_index=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["by", "day"], name="day_tallies_of_a_breakdown")]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.by} {self.key}"


class MonthTally(Tally):
    """The tally of a month: what those of its days come to together."""

    month = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["by", "month"], name="month_tallies_of_a_breakdown")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.by} {self.key}"
