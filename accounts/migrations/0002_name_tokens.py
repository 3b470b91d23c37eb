"""Tokens by their name; nothing changes in the database."""

from typing import Any

from django.db import migrations

ROWS: dict[str, Any] = {"ordering": ["name"], "verbose_name": "API token"}
HISTORY: dict[str, Any] = {
    "ordering": ("-history_date", "-history_id"),
    "get_latest_by": ("history_date", "history_id"),
    "verbose_name": "historical API token",
    "verbose_name_plural": "historical API tokens",
}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_create_people_and_tokens")]

    operations = [
        migrations.AlterModelOptions(name="apitoken", options=ROWS),
        migrations.AlterModelOptions(name="historicalapitoken", options=HISTORY),
    ]
