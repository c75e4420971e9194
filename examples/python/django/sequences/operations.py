"""What the migrations do."""
from pathlib import Path

from django.db.migrations.operations import DeleteModel


def install_gapless(apps, schema_editor):
    """Installs gapless where it is not there yet."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('gapless.sequences') IS NULL")
        if cursor.fetchone()[0]:
            cursor.execute(Path(__file__).with_name("gapless.sql").read_text(encoding="utf-8"))


class HandOver(DeleteModel):
    """Lets gapless go on where the table is; and going back, the table where gapless is.

    The side that is left refuses: the table is renamed, or gapless's sequences are closed. So an instance of the
    application that still runs the other code fails, instead of issuing a number twice.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._run(app_label, schema_editor, from_state, [
            "LOCK TABLE {table} IN EXCLUSIVE MODE",  # waits for those that just take a number
            """SELECT gapless.open_gapless(name, 'taken over from django-sequences')
                FROM {table} JOIN gapless.sequences USING (name) WHERE closed""",
            "SELECT gapless.adopt_gapless(name, last) FROM {table}",
            "ALTER TABLE {table} RENAME TO {kept}",
        ])

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self._run(app_label, schema_editor, to_state, [
            "ALTER TABLE {kept} RENAME TO {table}",
            "DELETE FROM {table}",
            # To close one waits for those that just take a number. What numbers a column, or is closed, stays.
            """INSERT INTO {table} (name, last)
                SELECT name, last FROM (
                    SELECT name, gapless.close_gapless(name, 'handed back to django-sequences') AS last
                    FROM gapless.sequences WHERE attached_column IS NULL AND NOT closed
                ) AS s WHERE last IS NOT NULL""",
        ])

    def _run(self, app_label, schema_editor, state, statements):
        model = state.apps.get_model(app_label, self.name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            table = model._meta.db_table
            names = {"table": table, "kept": f"{table}_before_gapless"}
            names = {key: schema_editor.quote_name(name) for key, name in names.items()}
            for statement in statements:
                schema_editor.execute(statement.format(**names))

    def describe(self):
        return "Hand the sequences over to gapless"
