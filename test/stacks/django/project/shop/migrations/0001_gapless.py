from pathlib import Path

from django.db import migrations

SQL = Path(__file__).with_name("gapless.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
