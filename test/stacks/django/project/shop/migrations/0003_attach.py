from django.db import migrations


def attach(table, name, options=""):
    return migrations.RunSQL(
        f"SELECT gapless.attach_gapless('{table}', 'number', name => $$ '{name}' $${options})",
        f"SELECT gapless.detach_gapless('{table}', 'number')",
    )


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_invoices")]
    operations = [
        attach("shop_invoice", "invoice"),
        attach("shop_contract", "contract", ", at_commit => true"),
    ]
