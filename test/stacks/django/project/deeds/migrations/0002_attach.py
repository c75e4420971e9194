from django.db import migrations


def attach(table, name, options=""):
    return migrations.RunSQL(
        f"SELECT gapless.attach_gapless('{table}', 'number', name => $$ '{name}' $${options})",
        f"SELECT gapless.detach_gapless('{table}', 'number')",
    )


class Migration(migrations.Migration):
    dependencies = [("deeds", "0001_deeds")]
    operations = [
        attach("deeds_bill", "bill"),
        attach("deeds_deed", "deed", ", at_commit => true"),
    ]
