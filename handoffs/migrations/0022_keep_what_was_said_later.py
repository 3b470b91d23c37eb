from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("handoffs", "0021_save_views_of_lists")]

    operations = [
        migrations.AddField(
            model_name="recovery",
            name="later_facts",
            field=models.JSONField(
                db_default=[], default=list, help_text="What was said after the receipt: status, detail, at"
            ),
        ),
        migrations.RunSQL(
            """
            UPDATE handoffs_recovery SET later_facts = jsonb_path_query_array(jsonb_build_array(
                CASE WHEN reversed_at IS NOT NULL THEN jsonb_build_object(
                    'status', 'reversed', 'detail', detail, 'at', to_jsonb(reversed_at)) END,
                CASE WHEN not_needed_at IS NOT NULL THEN jsonb_build_object(
                    'status', 'not_needed', 'detail', detail, 'at', to_jsonb(not_needed_at)) END
            ), '$[*] ? (@ != null)')
            WHERE reversed_at IS NOT NULL OR not_needed_at IS NOT NULL
            """,
            migrations.RunSQL.noop,
        ),
    ]
