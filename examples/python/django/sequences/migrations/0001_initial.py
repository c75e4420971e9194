from django.db import migrations, models

from sequences.operations import install_gapless


class Migration(migrations.Migration):
    """The table of django-sequences: other apps' migrations may depend on this one, and fill the table."""

    initial = True
    operations = [
        migrations.RunPython(install_gapless, migrations.RunPython.noop),
        migrations.CreateModel(
            "Sequence",
            [
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("last", models.PositiveIntegerField()),
            ],
        ),
    ]
