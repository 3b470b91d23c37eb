"""Tallies of whole months, added up from those of their days."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

STORED = "".join(
    f"ALTER TABLE handoffs_monthtally ALTER COLUMN {column} SET STORAGE EXTERNAL;\n"
    for column in ("accept_us", "resolve_us", "active_us", "deliver_us", "apply_us")
)
"""As those of days: what is sorted by size does not get smaller by packing."""


class Migration(migrations.Migration):

    dependencies = [('handoffs', '0029_check_states_by_condition')]

    operations = [
        migrations.CreateModel(
            name='TalliedMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateTimeField()),
                ('by', models.CharField(blank=True, max_length=16)),
                ('due_at', models.DateTimeField(help_text='When it is to be added up; empty while it is right', null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('month', 'by'), name='month_tallied_once_by_a_breakdown')],
            },
        ),
        migrations.CreateModel(
            name='MonthTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateTimeField()),
                ('by', models.CharField(blank=True, max_length=16)),
                ('key', models.CharField(blank=True, max_length=64)),
                ('numbers', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='In the order of `tallies.NAMES`', size=None)),
                ('accept_us', models.BinaryField()),
                ('resolve_us', models.BinaryField()),
                ('active_us', models.BinaryField()),
                ('deliver_us', models.BinaryField()),
                ('apply_us', models.BinaryField()),
                ('workflow', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='handoffs.workflow')),
            ],
            options={
                'indexes': [models.Index(fields=['by', 'month'], name='month_tallies_of_a_breakdown')],
            },
        ),
        migrations.RunSQL(STORED, migrations.RunSQL.noop),
    ]
