from django.db import migrations, models
from django.db.models import F

from handoffs.choices import State


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0025_count_no_attempts_on_outages")]

    operations = [
        migrations.AddIndex(
            model_name="handoff",
            index=models.Index(
                "role",
                F("due_at").asc(nulls_last=True),
                F("priority").desc(),
                "opened_at",
                condition=models.Q(("state", State.PENDING)),
                name="pending_by_role_and_due",
            ),
        ),
    ]
