"""The times of an hour, sorted, for days that a week or a window cuts; and no times without a word."""

from django.db import migrations, models

TIMES = ("accept_us", "resolve_us", "active_us", "deliver_us", "apply_us")


class Migration(migrations.Migration):

    dependencies = [('handoffs', '0030_tally_months')]

    operations = [
        *(
            migrations.AddField('hourtally', column, models.BinaryField(db_default=b''))
            for column in TIMES
        ),
        *(
            migrations.AlterField(model, column, models.BinaryField(db_default=b''))
            for model in ('daytally', 'monthtally')
            for column in TIMES
        ),
    ]
