import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import handoffs.choices
import handoffs.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("handoffs", "0011_import_history"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CandidateRun",
            fields=[
                ("id", models.UUIDField(default=handoffs.models.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField(help_text="The number of the draft")),
                ("document", handoffs.models.fields.ExactJSONField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("promoted_at", models.DateTimeField(null=True)),
                ("started_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("workflow", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="candidate_runs", to="handoffs.workflow")),
            ],
            options={"ordering": ["-started_at"]},
        ),
        migrations.CreateModel(
            name="CandidateResult",
            fields=[
                ("attempt", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="candidate_result", serialize=False, to="handoffs.attempt")),
                ("live_verdict", models.CharField(max_length=8)),
                ("live_trigger", models.CharField(blank=True, max_length=64)),
                ("live_role", models.CharField(blank=True, max_length=150)),
                ("verdict", models.CharField(blank=True, max_length=8)),
                ("trigger", models.CharField(blank=True, max_length=64)),
                ("role", models.CharField(blank=True, max_length=150)),
                ("differs", models.BooleanField()),
                ("error", models.CharField(blank=True, help_text="Why the candidate could not judge it", max_length=300)),
                ("run", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="results", to="handoffs.candidaterun")),
            ],
        ),
        migrations.CreateModel(
            name="SecondLook",
            fields=[
                ("handoff", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="second_look", serialize=False, to="handoffs.handoff")),
                ("created_at", models.DateTimeField()),
                ("first", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="second_look", to="handoffs.decision")),
            ],
        ),
        migrations.CreateModel(
            name="ShadowProposal",
            fields=[
                ("handoff", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="proposal", serialize=False, to="handoffs.handoff")),
                ("outcome", models.CharField(blank=True, help_text="Empty where it proposed nothing", max_length=64)),
                ("is_suggested", models.BooleanField(default=False, help_text="By the policy's rules, as the automation said nothing")),
                ("held", handoffs.models.fields.ExactJSONField(default=dict, help_text="What was taken out of the context package")),
                ("document_ids", models.JSONField(default=list)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="handoff",
            name="mode",
            field=models.CharField(choices=[("live", "Live"), ("shadow", "Shadow"), ("second_look", "Second look")], db_default="live", default=handoffs.choices.Mode["LIVE"], max_length=12),
        ),
        migrations.AddField(
            model_name="historicalpolicyversion",
            name="published_by_clock",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="published_by_clock",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="workflow",
            name="stage_checked_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workflow",
            name="candidate",
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="handoffs.candidaterun"),
        ),
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(choices=handoffs.choices.NoticeKind.choices(), max_length=16),
        ),
        migrations.AddIndex(
            model_name="handoff",
            index=models.Index(condition=models.Q(("mode", handoffs.choices.Mode["LIVE"]), _negated=True), fields=["workflow", "mode", "-opened_at"], name="handoffs_without_effect"),
        ),
        migrations.AddConstraint(
            model_name="candidaterun",
            constraint=models.UniqueConstraint(condition=models.Q(("ended_at__isnull", True)), fields=("workflow",), name="one_candidate_at_a_time"),
        ),
        migrations.AddIndex(
            model_name="candidateresult",
            index=models.Index(fields=["run", "differs"], name="results_of_candidate"),
        ),
    ]
