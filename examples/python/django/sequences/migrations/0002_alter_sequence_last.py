from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sequences", "0001_initial")]
    operations = [migrations.AlterField("sequence", "last", models.PositiveBigIntegerField())]
