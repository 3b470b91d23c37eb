from django.db import migrations


class Migration(migrations.Migration):
    """Reports of an outage are attempts of their own cases; the case that stands for it had counted them as well."""

    dependencies = [("handoffs", "0024_tally_days")]

    operations = [
        migrations.RunSQL(
            """
            UPDATE handoffs_case AS one SET attempts_count = 0
            WHERE attempts_count > 0 AND reference LIKE 'outage:%'
              AND NOT EXISTS (SELECT FROM handoffs_attempt AS attempt WHERE attempt.case_id = one.id)
            """,
            migrations.RunSQL.noop,
        ),
    ]
