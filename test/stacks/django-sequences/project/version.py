"""Checks the drop-in with one version of Django."""
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import checks
import django
from django.core.management import call_command
from django.db import Error, connection, connections, transaction

from sequences import get_last_value, get_next_value

django.setup()
checks.library("Django", django.get_version())
version = f"{django.VERSION[0]}.{django.VERSION[1]}"
original = os.environ.get("DJANGO_SEQUENCES")


def manage(*arguments, path=None, **options):
    connection.close()
    environment = {**os.environ, "PYTHONPATH": f"{path}:{os.environ['PYTHONPATH']}" if path else os.environ["PYTHONPATH"]}
    return subprocess.run([sys.executable, "-m", "django", *arguments], env=environment, capture_output=True, text=True,
                          **options)


def migrate(target=None):
    call_command("migrate", "sequences", *([target] if target else []), verbosity=0)


def sql(statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall() if cursor.description else None


# What django-sequences does for a next value.
UPSERT = """INSERT INTO sequences_sequence AS s VALUES (%s, 1)
    ON CONFLICT (name) DO UPDATE SET last = s.last + 1 RETURNING last"""


def refused(call, *arguments):
    return isinstance(checks.refused(call, *arguments), Error)


@contextmanager
def waiting_for(call, *arguments):
    """A migration waits for another's transaction, which has taken a value in the block's hands."""
    taken = threading.Event()

    def other():
        with transaction.atomic():
            call(*arguments)
            taken.set()
            waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            while sql(waits) == [(0,)]:
                sql("SELECT pg_sleep(0.05), pg_stat_clear_snapshot()")
        connections.close_all()

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait()
    yield
    thread.join()


sql("DROP TABLE IF EXISTS sequences_sequence, sequences_sequence_before_gapless, django_migrations, django_content_type")
sql("SELECT gapless.reset_gapless('%%stack%%')")
if original:
    with checks.tried(f"{version}: django-sequences itself has made the table and used it"):
        done = manage("migrate", "--verbosity", "0", path=f"{original}/src")
        checks.equal((done.returncode, done.stderr), (0, ""))
        done = manage("shell", "-c", "from sequences import get_next_value as n\nfor _ in range(3): n('invoice')",
                      path=f"{original}/src")
        checks.equal(done.returncode, 0)
else:
    migrate("0002")
    sql("INSERT INTO sequences_sequence VALUES ('invoice', 3)")
sql("INSERT INTO sequences_sequence VALUES ('case', 41), ('second', 59)")

with checks.tried(f"{version}: migrate adopts the table, after those who take a value from it"):
    with waiting_for(sql, UPSERT, "case"):
        migrate()
    checks.equal([get_last_value(name) for name in ("invoice", "case", "second", "new")], [3, 42, 59, None])
    checks.equal([get_next_value("invoice"), get_next_value("case"), get_next_value("second", 0, 60)], [4, 43, 0])
with checks.tried(f"{version}: the code of django-sequences then fails"):
    checks.equal(refused(sql, UPSERT, "invoice"), True)
with checks.tried(f"{version}: migrate sequences 0002 writes the values back, after those who take one from gapless"):
    get_next_value("new")
    with waiting_for(get_next_value, "case"):
        migrate("0002")
    checks.equal(sql("SELECT name, last FROM sequences_sequence ORDER BY name"),
                 [("case", 44), ("invoice", 4), ("new", 1), ("second", 0)])
with checks.tried(f"{version}: the drop-in then fails, and the code of django-sequences goes on"):
    checks.equal(refused(get_next_value, "invoice"), True)
    checks.equal(sql(UPSERT, "invoice"), [(5,)])
with checks.tried(f"{version}: forward again"):
    migrate()
    checks.equal([get_next_value(name) for name in ("invoice", "case", "new")], [6, 45, 2])
with checks.tried(f"{version}: back and forward leave what numbers a column, and what was closed before"):
    sql("DROP TABLE IF EXISTS bill")
    sql("CREATE TABLE bill (number bigint UNIQUE)")
    sql("SELECT gapless.attach_gapless('bill', 'number', name => $$ 'bill' $$)")
    sql("INSERT INTO bill DEFAULT VALUES")
    sql("SELECT gapless.close_gapless('case', 'the last one was filed')")
    migrate("0002")
    checks.equal(sql("SELECT count(*) FROM sequences_sequence WHERE name IN ('bill', 'case')"), [(0,)])
    sql("INSERT INTO bill DEFAULT VALUES")
    migrate()
    checks.equal(refused(get_next_value, "case"), True)
    checks.equal(sql("INSERT INTO bill DEFAULT VALUES RETURNING number"), [(3,)])
connection.close()

done = manage("test", "--noinput", "--verbosity", "0", "tests", cwd=Path(__file__).parent)
print(*[line for line in done.stdout.splitlines() if "\t" in line], sep="\n")
print(done.stderr, file=sys.stderr)
if original:
    suite = manage("test", "--noinput", "--verbosity", "2", "tests", cwd=original)
    lines = [line for line in suite.stdout.splitlines() if line.startswith(("ok\t", "FAIL\t"))]
    with checks.tried(f"{version}: the tests of django-sequences, but the one of its documented bug: nowait waits"):
        print(suite.stderr, file=sys.stderr)
        bad = [line for line in lines if line.startswith("FAIL")]
        checks.equal((len(lines), len(bad), "test_first_access_nowait" in bad[0]), (36, 1, True))
    sql(f"DROP DATABASE IF EXISTS test_{connection.settings_dict['NAME']} WITH (FORCE)")  # left by that one test
sys.exit(checks.failed or done.returncode)
