from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0003_tell_people")]

    operations = [
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("error_type", ""), _negated=True),
                fields=["policy_version", "error_type", "received_at"],
                name="failed_attempts_by_error",
            ),
        ),
    ]
