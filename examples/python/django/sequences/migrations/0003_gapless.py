from django.db import migrations

from sequences.operations import HandOver, install_gapless


class Migration(migrations.Migration):
    """Goes over to gapless. `migrate sequences 0002` goes back, before django-sequences is installed again."""

    dependencies = [("sequences", "0002_alter_sequence_last")]
    operations = [migrations.RunPython(install_gapless, migrations.RunPython.noop), HandOver("Sequence")]
