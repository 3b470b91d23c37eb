"""Replays, the attempts they run on, and what became of each of them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import handoffs.choices
import handoffs.models.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('handoffs', '0014_drain_by_host_and_follow_events'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Replay',
            fields=[
                ('id', models.UUIDField(default=handoffs.models.fields.new_id, editable=False, primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('version_number', models.PositiveIntegerField()),
                ('document', handoffs.models.fields.ExactJSONField()),
                ('document_digest', models.CharField(max_length=64)),
                ('against_number', models.PositiveIntegerField(null=True)),
                ('against_document', handoffs.models.fields.ExactJSONField(null=True)),
                ('fully_rolled_out', models.BooleanField(default=False, help_text='Judge every case, whatever the stage says')),
                ('source', models.CharField(choices=[('stored', 'Stored'), ('upload', 'Upload')], max_length=8)),
                ('from_at', models.DateTimeField(null=True)),
                ('until_at', models.DateTimeField(null=True)),
                ('file_name', models.CharField(blank=True, max_length=255)),
                ('has_times', models.BooleanField(default=True)),
                ('stay_seconds', models.PositiveIntegerField(help_text='How long a handoff that only the replay opened stays open')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('cancelled', 'Cancelled'), ('failed', 'Failed')], default=handoffs.choices.ReplayState['QUEUED'], max_length=9)),
                ('total_count', models.PositiveIntegerField()),
                ('done_count', models.PositiveIntegerField(default=0)),
                ('problems', models.JSONField(default=list, help_text='[line, reason] of lines that were left out')),
                ('problems_count', models.PositiveIntegerField(default=0)),
                ('summary', handoffs.models.fields.ExactJSONField(null=True)),
                ('error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
                ('lease_token', models.UUIDField(null=True)),
                ('against', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='handoffs.policyversion')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replays', to='handoffs.policyversion')),
                ('workflow', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='replays', to='handoffs.workflow')),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='ReplayChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('body', models.BinaryField()),
                ('replay', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='handoffs.replay')),
            ],
        ),
        migrations.CreateModel(
            name='ReplayedAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('attempt_id', models.UUIDField(help_text='Of a stored one', null=True)),
                ('handoff_id', models.UUIDField(help_text='That it belonged to then', null=True)),
                ('reference', models.CharField(max_length=200)),
                ('at', models.DateTimeField()),
                ('error_type', models.CharField(blank=True, max_length=100)),
                ('verdict', models.CharField(choices=[('proceed', 'Proceed'), ('retry', 'Retry'), ('handoff', 'Handoff'), ('wait', 'Wait'), ('stop', 'Stop')], max_length=8)),
                ('opens', models.CharField(blank=True, help_text='On which case, if it does', max_length=200)),
                ('role', models.CharField(blank=True, help_text='With whom it is, empty for nobody', max_length=150)),
                ('priority', models.PositiveSmallIntegerField(default=0)),
                ('trigger', models.CharField(blank=True, max_length=64)),
                ('fired', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('unknown', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('lacking', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255), default=list, size=None)),
                ('suggested', models.CharField(blank=True, max_length=64)),
                ('ends_at', models.DateTimeField(null=True)),
                ('end_resolves', models.BooleanField(default=True)),
                ('was_verdict', models.CharField(blank=True, max_length=8)),
                ('was_opens', models.CharField(blank=True, max_length=200)),
                ('was_role', models.CharField(blank=True, max_length=150)),
                ('was_trigger', models.CharField(blank=True, max_length=64)),
                ('was_fired', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('change', models.CharField(blank=True, choices=[('same', 'Same'), ('newly', 'Newly'), ('no_longer', 'No longer'), ('other_role', 'Other role')], max_length=10)),
                ('proposed', models.CharField(blank=True, help_text='What the automation proposed', max_length=64)),
                ('decided', models.CharField(blank=True, help_text='What a person decided then', max_length=64)),
                ('person_needed', models.BooleanField(null=True)),
                ('replay', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='handoffs.replay')),
            ],
        ),
        migrations.AddIndex(
            model_name='replay',
            index=models.Index(fields=['workflow', '-created_at'], name='replays_of_workflow'),
        ),
        migrations.AddIndex(
            model_name='replay',
            index=models.Index(condition=models.Q(('state__in', (handoffs.choices.ReplayState['QUEUED'], handoffs.choices.ReplayState['RUNNING']))), fields=['created_at'], name='replays_to_run'),
        ),
        migrations.AddConstraint(
            model_name='replaychunk',
            constraint=models.UniqueConstraint(fields=('replay', 'number'), name='chunk_number_per_replay'),
        ),
        migrations.AddConstraint(
            model_name='replayedattempt',
            constraint=models.UniqueConstraint(fields=('replay', 'position'), name='attempt_position_per_replay'),
        ),
    ]
