from django.db import migrations, models

import shop.fields


def attach(table, name, options=""):
    return migrations.RunSQL(
        f"SELECT gapless.attach_gapless('{table}', 'number', name => $$ '{name}' $${options})",
        f"SELECT gapless.detach_gapless('{table}', 'number')",
    )


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_gapless")]
    operations = [
        migrations.CreateModel(
            "Invoice",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("order", models.IntegerField(unique=True)),
                ("customer", models.TextField()),
                ("number", shop.fields.NumberField(unique=True)),
            ],
        ),
        migrations.CreateModel(
            "Contract",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.TextField()),
                ("number", shop.fields.NumberField(null=True, unique=True)),
            ],
        ),
        attach("shop_invoice", "invoice"),
        attach("shop_contract", "contract", ", at_commit => true"),
    ]
