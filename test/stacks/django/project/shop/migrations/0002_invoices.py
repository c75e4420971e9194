from django.db import migrations, models

import shop.fields


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
                ("number", shop.fields.NumberField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["number"], condition=models.Q(number__isnull=False), name="contract_number"
                    )
                ]
            },
        ),
    ]
