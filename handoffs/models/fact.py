"""One narrow row per handoff with everything that the metrics count; the database itself keeps it true.

Triggers on handoffs, decisions and recoveries write these rows in the transaction of the change (see the migration
`0017_write_facts_of_many_at_once`), so a figure never lags behind its handoffs. Nothing else writes here.
"""

from typing import ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from accounts.models import User
from handoffs.models.handoff import Handoff
from handoffs.models.workflow import Workflow


class HandoffFact(models.Model):
    """What the metrics know of a handoff. Durations are whole microseconds (`_us`).

    `accepted_at` is the first acceptance, `taken_at` the acceptance (or resolution) since its clock last started, which
    is what the target counts. `resolved_at` is there only while it is resolved. Outcome, decider and way back are those
    of the last final decision; `has_failed` and `was_reversed` remember earlier ones too.
    """

    handoff = models.OneToOneField(
        Handoff, primary_key=True, on_delete=models.CASCADE, related_name="fact", db_constraint=False
    )
    workflow = models.ForeignKey(
        Workflow, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    opened_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True, help_text="While it waits for a person: when it is late")
    receipt_due_at = models.DateTimeField(null=True, help_text="Of the first receipt that has not come")
    accept_us = models.BigIntegerField(null=True)
    resolve_us = models.BigIntegerField(null=True)
    active_us = models.BigIntegerField(null=True, help_text="To the resolution, without the time it was returned")
    deliver_us = models.BigIntegerField(null=True, help_text="From the decision until every caller had it")
    apply_us = models.BigIntegerField(null=True, help_text="From the decision until every caller had applied it")
    banked_us = models.BigIntegerField(default=0, help_text="Returned time before the last reopening")
    decided_by = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    role = models.ForeignKey(Group, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    policy_number = models.PositiveIntegerField()
    priority = models.PositiveSmallIntegerField()
    is_live = models.BooleanField(default=True, help_text="Its decision has an effect: it is no shadow")
    is_open = models.BooleanField(default=True)
    accepted_in_time = models.BooleanField(null=True, help_text="Null where there was no target")
    resolved_in_time = models.BooleanField(null=True, help_text="Null where there was no target")
    was_returned = models.BooleanField(default=False)
    was_reopened = models.BooleanField(default=False)
    has_failed = models.BooleanField(default=False, help_text="A receipt said so, of whichever decision")
    was_reversed = models.BooleanField(default=False)
    not_needed = models.BooleanField(
        default=False, help_text="A reviewer or the automation said that it needed no person"
    )
    by_clock = models.BooleanField(default=False)
    context_sufficed = models.BooleanField(null=True)
    is_carried = models.BooleanField(default=False, help_text="The decision has to go back to a caller")
    is_parked = models.BooleanField(default=False)
    receipt_late = models.BooleanField(default=False, help_text="A receipt came late, or was missed when it was due")
    trigger = models.CharField(max_length=64)
    outcome = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["opened_at", "handoff"], name="facts_opened"),
            models.Index(
                fields=["accepted_at", "handoff"], condition=Q(accepted_at__isnull=False), name="facts_accepted"
            ),
            models.Index(fields=["taken_at", "handoff"], condition=Q(taken_at__isnull=False), name="facts_taken"),
            models.Index(
                fields=["resolved_at", "handoff"], condition=Q(resolved_at__isnull=False), name="facts_resolved"
            ),
            models.Index(fields=["opened_at", "handoff"], condition=Q(is_open=True), name="facts_open"),
        ]

    def __str__(self) -> str:
        return str(self.handoff_id)
