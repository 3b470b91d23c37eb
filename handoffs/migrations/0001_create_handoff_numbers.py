"""The sequence that numbers handoffs (#1042), from 1001 on so that numbers look like numbers from the first day."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL("CREATE SEQUENCE handoff_number START 1001", reverse_sql="DROP SEQUENCE handoff_number")
    ]
