
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('handoffs', '0020_name_the_plurals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(choices=[('queue', 'Queue'), ('cases', 'Cases')], max_length=8)),
                ('name', models.CharField(max_length=60)),
                ('query', models.CharField(max_length=2000)),
                ('is_default', models.BooleanField(default=False, help_text='Opened where the list is asked for without filters')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': [django.db.models.functions.text.Lower('name')],
                'constraints': [models.UniqueConstraint(models.F('person'), models.F('page'), django.db.models.functions.text.Lower('name'), name='one_view_per_name_and_page'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('person', 'page'), name='one_default_view_per_page')],
            },
        ),
    ]
