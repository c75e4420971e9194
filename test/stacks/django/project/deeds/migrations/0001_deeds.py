from django.db import migrations, models


def attach(table, name, options=""):
    return migrations.RunSQL(
        f"SELECT gapless.attach_gapless('{table}', 'number', name => $$ '{name}' $${options})",
        f"SELECT gapless.detach_gapless('{table}', 'number')",
    )


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_gapless")]
    operations = [
        migrations.CreateModel(
            "Bill",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("order", models.IntegerField(unique=True)),
                ("customer", models.TextField()),
                ("number", models.BigIntegerField(unique=True, db_default=None, editable=False)),
            ],
        ),
        migrations.CreateModel(
            "Deed",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.TextField()),
                ("number", models.BigIntegerField(unique=True, null=True, db_default=None, editable=False)),
            ],
        ),
        attach("deeds_bill", "bill"),
        attach("deeds_deed", "deed", ", at_commit => true"),
    ]
