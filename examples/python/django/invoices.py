#!/usr/bin/env python3
"""Issues invoices from several threads of Django, with failures in between, and proves that no number is missing.

    GAPLESS_DATABASE_URL=postgres://… python3 invoices.py            numbers from gapless
    GAPLESS_DATABASE_URL=postgres://… python3 invoices.py --native   numbers from nextval(): see the holes

A project in one file. In yours, the settings, the model and the migration are in files of their own.
Exits with 0 when every number is there exactly once, 1 when one is not, 2 when it could not run.
"""
import os
import random
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import parse_qsl, unquote, urlsplit

import django
from django.conf import settings
from django.db import Error, connection, models, transaction
from django.db.models import Count, F, Func, Max, Min, Value

URL = urlsplit(os.environ.get("GAPLESS_DATABASE_URL", ""))
NATIVE = "--native" in sys.argv[1:]
WORKERS, ORDERS, BATCH, ATTEMPTS = 8, 24, 3, 100  # ORDERS for each worker, a multiple of 6: see issue()
TRY_AGAIN = ("40001", "40P01")  # serialization_failure, deadlock_detected

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": URL.path[1:],
            "USER": unquote(URL.username or ""),
            "PASSWORD": unquote(URL.password or ""),
            "HOST": URL.hostname or "",
            "PORT": URL.port or "",
            "OPTIONS": {**dict(parse_qsl(URL.query)), "options": "-c search_path=example_django"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()


class NumberField(models.BigIntegerField):
    """Given by the database: an INSERT sends NULL and reads the number back, an UPDATE leaves it as it is."""

    db_returning = True

    def pre_save(self, instance, add):
        if add and NATIVE:
            return Func(Value("native"), function="nextval")
        return None if add else F(self.attname)


class Invoice(models.Model):
    order = models.IntegerField()
    line = models.IntegerField(default=1)
    customer = models.TextField(default="ACME")
    # In a model of yours, unique=True. Here it is not with nextval(), so that the check below has to find the doubles.
    number = NumberField(editable=False, blank=True, unique=not NATIVE)

    class Meta:
        app_label = "example"
        db_table = "invoice"


class Declined(Exception):
    """The application's own error: the payment was refused, so there is no invoice."""


def sqlstate(error):
    return error.__cause__.diag.sqlstate  # of psycopg2 and psycopg 3


def in_transaction(body, seen):
    """Calls body in a transaction, which is tried again."""
    for attempt in range(1, ATTEMPTS + 1):
        committing = False
        try:
            with transaction.atomic():
                used = connection.connection
                body(attempt)
                committing = True
            return
        except Error as error:
            code, lost = sqlstate(error), connection.connection is not used  # atomic() has made a new one
            # Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT: nobody
            # knows. Then look the row up by a key of your own (here order); never just try again.
            if attempt == ATTEMPTS or not (code in TRY_AGAIN or (lost and not committing)):
                raise
            seen["connections lost" if lost else f"retries after {code}"] += 1
            time.sleep(random.uniform(0, min(0.05, 0.001 * 2**attempt)))


def issue(order, seen):
    kind = order % 6

    def body(attempt):
        if kind == 1:  # several numbers at once
            lines = Invoice.objects.bulk_create(Invoice(order=order, line=line) for line in range(1, BATCH + 1))
            if not NATIVE:
                assert [line.number - lines[0].number for line in lines] == list(range(BATCH))
            return
        if kind == 2:  # rolling back to a savepoint gives back the number, and the lock
            try:
                with transaction.atomic():
                    Invoice.objects.create(order=order)
                    raise Declined
            except Declined:
                seen["savepoints rolled back"] += 1
        if kind == 3:  # raises 40001 when a number was issued after this transaction's snapshot
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        invoice = Invoice.objects.create(order=order)
        if kind == 4 and attempt == 1:  # an administrator ends this backend; the next statement notices
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                kill(cursor.fetchone()[0])
        invoice.customer = f"customer of {invoice.number}"
        invoice.save()
        if kind == 5:
            raise Declined

    try:
        in_transaction(body, seen)
    except Declined:
        seen["orders declined"] += 1


def kill(pid):
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])  # waits for its end, so no COMMIT can slip through


def worker(index):
    seen = Counter()
    for order in range(index * ORDERS, (index + 1) * ORDERS):
        issue(order, seen)
    connection.close()  # each thread has its own
    return seen


def migrate():
    """What a migration does: CreateModel, and RunSQL with attach_gapless."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT gapless.last_gapless()")  # is it installed, and may we use it?
        cursor.execute("DROP SCHEMA IF EXISTS example_django CASCADE")
        cursor.execute("CREATE SCHEMA example_django")
        cursor.execute("CREATE SEQUENCE native")
    with connection.schema_editor() as editor:
        editor.create_model(Invoice)
        if not NATIVE:  # a new series for each run, since the table of the last run has taken its numbers with it
            editor.execute("SELECT gapless.attach_gapless('invoice', 'number', name => quote_literal(%s))", [
                f"invoice-{uuid.uuid4()}"])


def main():
    migrate()
    with ThreadPoolExecutor(WORKERS) as threads:
        seen = sum(threads.map(worker, range(WORKERS)), Counter())
    print("seen:", ", ".join(f"{n} {what}" for what, n in sorted(seen.items())))
    found = Invoice.objects.aggregate(
        count=Count("*"), low=Min("number"), high=Max("number"), distinct=Count("number", distinct=True)
    )
    count, low, high = found["count"], found["low"], found["high"]
    holes, doubles = high - found["distinct"], count - found["distinct"]
    expected = WORKERS * ORDERS // 6 * (4 + BATCH)  # of six orders, one is declined and one is a batch
    good = (count, low, high, holes, doubles) == (expected, 1, expected, 0, 0)
    print(f"count={count} min={low} max={high} holes={holes} doubles={doubles}")
    print(f"{'gapless' if good else 'NOT gapless'}: expected {expected} invoices, numbered 1 to {expected}")
    return 0 if good else 1


if __name__ == "__main__":
    if not URL.path[1:]:
        print("GAPLESS_DATABASE_URL is not set: postgres://user@host/database", file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main())
    except Error as error:
        print(str(error).strip(), file=sys.stderr)
        if sqlstate(error) in ("3F000", "42883"):  # no such schema, no such function
            print("Install gapless: psql \"$GAPLESS_DATABASE_URL\" -f sql/gapless.sql", file=sys.stderr)
        if sqlstate(error) == "42501":  # insufficient_privilege
            print("The role must own schema gapless, or have what it needs to attach a column", file=sys.stderr)
        sys.exit(2)
