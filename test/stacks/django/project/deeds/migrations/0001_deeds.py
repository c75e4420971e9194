from django.db import migrations, models


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
                ("number", models.BigIntegerField(null=True, db_default=None, editable=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["number"], condition=models.Q(number__isnull=False), name="deed_number"
                    )
                ]
            },
        ),
    ]
