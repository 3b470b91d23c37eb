"""Names of deliveries and recoveries in the plural; nothing changes in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0019_find_work_and_precedents")]

    operations = [
        migrations.AlterModelOptions(name="delivery", options={"verbose_name_plural": "deliveries"}),
        migrations.AlterModelOptions(name="recovery", options={"verbose_name_plural": "recoveries"}),
    ]
