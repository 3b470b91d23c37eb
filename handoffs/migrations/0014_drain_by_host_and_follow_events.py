"""Deliveries by host and by run, endpoints that fail and catch up, steps undone one by one, and a feed in commit order.

`recorded_in` is the transaction that wrote a row of the trail. It is no field of the model, so that no statement ever
names it: the database fills it in. The feed of events reads only rows of transactions older than every running one.
"""

import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models

import handoffs.choices

EVENTS = handoffs.choices.Event.choices()
KINDS = handoffs.choices.NoticeKind.choices()
ADD_RECORDED_IN = "ALTER TABLE handoffs_historicalhandoff ADD COLUMN recorded_in xid8 NOT NULL DEFAULT pg_current_xact_id()"
INDEX_RECORDED_IN = "CREATE INDEX audit_in_commit_order ON handoffs_historicalhandoff (recorded_in, history_id)"


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0005_move_with_edited_calendars")]

    operations = [
        migrations.RemoveConstraint(model_name="delivery", name="one_message_per_event"),
        migrations.AddField(
            model_name="delivery",
            name="attempts_before_replay",
            field=models.PositiveSmallIntegerField(
                default=0, help_text="Tries that do not count any more: the schedule began anew after them"
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="correlation_id",
            field=models.CharField(blank=True, default="", help_text="Of the run that it speaks to", max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="delivery",
            name="host",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower(
                    django.db.models.functions.comparison.Coalesce(
                        models.Func(models.F("url"), models.Value("://([^/?#]+)"), function="substring"),
                        models.Value(""),
                    )
                ),
                help_text="Host and port of the address: what is slow or dead together",
                output_field=models.CharField(max_length=2048),
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="catching_up_since",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="On again, and what it missed is being sent", null=True
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="failing_since",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="Every try since then failed", null=True
            ),
        ),
        migrations.AddField(
            model_name="endpoint",
            name="rotated_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="Since when two secrets sign", null=True
            ),
        ),
        migrations.AddField(
            model_name="historicalendpoint",
            name="rotated_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="Since when two secrets sign", null=True
            ),
        ),
        migrations.AlterField(
            model_name="historicalendpoint", name="history_change_reason", field=models.TextField(null=True)
        ),
        migrations.AddField(
            model_name="recovery",
            name="steps",
            field=models.JSONField(
                default=list, help_text="What was undone, in order: attempt, status, detail, at"
            ),
        ),
        migrations.AlterField(
            model_name="historicalhandoff", name="event", field=models.CharField(choices=EVENTS, max_length=32)
        ),
        migrations.AlterField(
            model_name="notification", name="kind", field=models.CharField(choices=KINDS, max_length=16)
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["host", "next_attempt_at"],
                name="deliveries_due_by_host",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery", index=models.Index(fields=["-created_at"], name="deliveries_by_age")
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "-created_at"], name="deliveries_of_endpoint"),
        ),
        migrations.AddIndex(
            model_name="recovery",
            index=models.Index(
                condition=models.Q(("overdue_noted_at__isnull", False), ("received_at__isnull", True)),
                fields=["receipt_due_at"],
                name="receipts_overdue",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                fields=("handoff", "sequence", "url", "recovery", "correlation_id"),
                name="one_message_per_event",
                nulls_distinct=False,
            ),
        ),
        migrations.RunSQL(
            [ADD_RECORDED_IN, INDEX_RECORDED_IN],
            ["ALTER TABLE handoffs_historicalhandoff DROP COLUMN recorded_in"],
        ),
    ]
