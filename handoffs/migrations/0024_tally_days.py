"""Tallies of days that are over, and the triggers that mark a day in which something changes afterwards."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

MOMENTS = ("opened_at", "accepted_at", "taken_at", "resolved_at")
OVER = "date_trunc('day', now(), 'UTC')"

FUNCTIONS = f"""
-- Marks the days of these moments that are over, once per transaction: it never waits, and nobody waits for it.
CREATE FUNCTION handoffs_touch_days(moments timestamptz[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO handoffs_touchedday (day, transaction_number)
    SELECT DISTINCT date_trunc('day', moment, 'UTC'), pg_current_xact_id()::text::bigint
    FROM unnest(moments) AS moment WHERE moment < {OVER}
    ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION handoffs_touch_days_of_fact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM handoffs_touch_days(ARRAY[
        {", ".join(f"{row}.{moment}" for row in ("OLD", "NEW") for moment in MOMENTS)}
    ]);
    RETURN NULL;
END $$;

CREATE FUNCTION handoffs_touch_days_of_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM handoffs_touch_days(ARRAY[OLD.first_attempted_at, NEW.first_attempted_at]);
    RETURN NULL;
END $$;
"""


def _when(*rows: str) -> str:
    """What is of today needs no mark, so that live work pays for one comparison."""
    return f"least({', '.join(f'{row}.{moment}' for row in rows for moment in MOMENTS)}) < {OVER}"


def _when_case(*rows: str) -> str:
    return f"least({', '.join(f'{row}.first_attempted_at' for row in rows)}) < {OVER}"


TRIGGERS = f"""
CREATE TRIGGER new_fact_touches_days AFTER INSERT ON handoffs_handofffact
    FOR EACH ROW WHEN ({_when("NEW")}) EXECUTE FUNCTION handoffs_touch_days_of_fact();
CREATE TRIGGER fact_touches_days AFTER UPDATE ON handoffs_handofffact
    FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW AND {_when("OLD", "NEW")})
    EXECUTE FUNCTION handoffs_touch_days_of_fact();
CREATE TRIGGER gone_fact_touches_days AFTER DELETE ON handoffs_handofffact
    FOR EACH ROW WHEN ({_when("OLD")}) EXECUTE FUNCTION handoffs_touch_days_of_fact();
CREATE TRIGGER new_case_touches_days AFTER INSERT ON handoffs_case
    FOR EACH ROW WHEN ({_when_case("NEW")}) EXECUTE FUNCTION handoffs_touch_days_of_case();
CREATE TRIGGER case_touches_days AFTER UPDATE OF first_attempted_at ON handoffs_case
    FOR EACH ROW WHEN (OLD.first_attempted_at IS DISTINCT FROM NEW.first_attempted_at AND {_when_case("OLD", "NEW")})
    EXECUTE FUNCTION handoffs_touch_days_of_case();
CREATE TRIGGER gone_case_touches_days AFTER DELETE ON handoffs_case
    FOR EACH ROW WHEN ({_when_case("OLD")}) EXECUTE FUNCTION handoffs_touch_days_of_case();
"""

STORED = "".join(
    f"ALTER TABLE handoffs_daytally ALTER COLUMN {column} SET STORAGE EXTERNAL;\n"
    for column in ("accept_us", "resolve_us", "active_us", "deliver_us", "apply_us")
)
"""Numbers sorted by size do not get smaller by packing, and are read faster without."""

UNDO = """
DROP TRIGGER new_fact_touches_days ON handoffs_handofffact;
DROP TRIGGER fact_touches_days ON handoffs_handofffact;
DROP TRIGGER gone_fact_touches_days ON handoffs_handofffact;
DROP TRIGGER new_case_touches_days ON handoffs_case;
DROP TRIGGER case_touches_days ON handoffs_case;
DROP TRIGGER gone_case_touches_days ON handoffs_case;
DROP FUNCTION handoffs_touch_days_of_fact();
DROP FUNCTION handoffs_touch_days_of_case();
DROP FUNCTION handoffs_touch_days(timestamptz[]);
"""


class Migration(migrations.Migration):

    dependencies = [('handoffs', '0023_plan_decision_facts_once')]

    operations = [
        migrations.CreateModel(
            name='TalliedDay',
            fields=[
                ('day', models.DateTimeField(primary_key=True, serialize=False)),
                ('tallied_at', models.DateTimeField()),
                ('good_until', models.DateTimeField(help_text='When the first receipt that is still to come is late', null=True)),
                ('definitions', models.CharField(max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name='HourTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('hour', models.DateTimeField()),
                ('day', models.DateTimeField(db_index=True)),
                ('numbers', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), help_text='In the order of `tallies.NAMES`', size=None)),
                ('workflow', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='handoffs.workflow')),
            ],
        ),
        migrations.CreateModel(
            name='TouchedDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateTimeField()),
                ('transaction_number', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'transaction_number'), name='day_touched_once_per_transaction')],
            },
        ),
        migrations.CreateModel(
            name='DayTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateTimeField(db_index=True)),
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
                'indexes': [models.Index(fields=['by', 'day'], name='day_tallies_of_a_breakdown')],
            },
        ),
        migrations.RunSQL(STORED, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS + TRIGGERS, UNDO),
    ]
