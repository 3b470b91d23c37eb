from django.db import migrations, models

from handoffs.choices import State


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0017_write_facts_of_many_at_once")]

    operations = [
        migrations.AddIndex(
            model_name="handoff",
            index=models.Index(
                condition=models.Q(("offered_to__isnull", False), ("state", State.PENDING)),
                fields=["offered_to"],
                name="offers_to_one",
            ),
        ),
        migrations.AddIndex(
            model_name="handoff",
            index=models.Index(
                condition=models.Q(("state", State.RESOLVED)),
                fields=["workflow", "primary_trigger", "-opened_at"],
                name="precedents_of_trigger",
            ),
        ),
    ]
