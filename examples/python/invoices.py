#!/usr/bin/env python3
"""Issues invoices from several threads, with failures in between, and proves that no number is missing.

    GAPLESS_DATABASE_URL=postgres://… python3 invoices.py            numbers from gapless
    GAPLESS_DATABASE_URL=postgres://… python3 invoices.py --native   numbers from nextval(): see the holes

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

import psycopg2

URL = os.environ.get("GAPLESS_DATABASE_URL", "")
NATIVE = "--native" in sys.argv[1:]
WORKERS, ORDERS, BATCH, ATTEMPTS = 8, 24, 3, 100  # ORDERS for each worker, a multiple of 6: see issue()
TRY_AGAIN = ("40001", "40P01")  # serialization_failure, deadlock_detected

# The whole difference. A new name for each run: to delete a sequence is its owner's right, not an application's.
SEQUENCE = "example_python.native" if NATIVE else f"invoice-{uuid.uuid4()}"
NEXT = "nextval(%s)" if NATIVE else "gapless.next_gapless(%s)"
NEXT_BATCH = "nextval(%s) FROM generate_series(1, %s)" if NATIVE else "gapless.next_gapless_batch(%s, %s)"


class Declined(Exception):
    """The application's own error: the payment was refused, so there is no invoice."""


class Session:
    """One thread's connection, made anew when it is lost, and transactions that are tried again."""

    def __init__(self):
        self.conn, self.seen = psycopg2.connect(URL), Counter()

    def transaction(self, body):
        for attempt in range(1, ATTEMPTS + 1):
            if self.conn.closed:
                self.conn = psycopg2.connect(URL)
            committing = False
            try:
                with self.conn.cursor() as cur:  # psycopg2 sends BEGIN before the first statement
                    body(cur, attempt)
                committing = True
                return self.conn.commit()
            except Exception as error:
                code, lost = getattr(error, "pgcode", None), self.conn.closed != 0
                if not lost:
                    self.conn.rollback()  # the number goes back, too
                # Lost before COMMIT was sent: PostgreSQL has rolled back, so trying again is safe. Lost during COMMIT:
                # nobody knows. Then look the row up by a key of your own (here order_id); never just try again.
                if attempt == ATTEMPTS or not (code in TRY_AGAIN or (lost and not committing)):
                    raise
                self.seen["connections lost" if lost else f"retries after {code}"] += 1
                time.sleep(random.uniform(0, min(0.05, 0.001 * 2**attempt)))

    def issue(self, order):
        kind = order % 6

        def body(cur, attempt):
            if kind == 1:  # several numbers at once
                return cur.execute(f"""INSERT INTO example_python.example_invoice (order_id, line, number)
                    SELECT %s, row_number() OVER (), n FROM (SELECT {NEXT_BATCH}) AS b (n)""", (order, SEQUENCE, BATCH))
            if kind == 2:  # rolling back to a savepoint gives back the number, and the lock
                cur.execute("SAVEPOINT draft")
                insert(cur, order)
                cur.execute("ROLLBACK TO SAVEPOINT draft")
                self.seen["savepoints rolled back"] += 1
            if kind == 3:  # raises 40001 when a number was allocated after this transaction's snapshot
                cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            insert(cur, order)
            if kind == 4 and attempt == 1:  # an administrator ends this backend; the next statement notices
                kill(self.conn.info.backend_pid)
                cur.execute("SELECT 'not reached'")
            if kind == 5:
                raise Declined

        try:
            self.transaction(body)
        except Declined:
            self.seen["orders declined"] += 1


def insert(cur, order):
    # One statement allocates the number and stores it: the sequence stays locked from here to the COMMIT.
    cur.execute(f"INSERT INTO example_python.example_invoice (order_id, number) VALUES (%s, {NEXT})", (order, SEQUENCE))


def kill(pid):
    with closing(psycopg2.connect(URL)) as conn, conn.cursor() as cur:
        cur.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))  # waits for its end, so no COMMIT can slip through


def worker(index):
    session = Session()
    for order in range(index * ORDERS, (index + 1) * ORDERS):
        session.issue(order)
    session.conn.close()
    return session.seen


def show_nowait():
    with closing(psycopg2.connect(URL)) as holder, closing(psycopg2.connect(URL)) as other:
        holder.cursor().execute("SELECT gapless.next_gapless(%s)", (SEQUENCE,))
        try:
            other.cursor().execute("SELECT gapless.next_gapless(%s, nowait => true)", (SEQUENCE,))
        except psycopg2.Error as error:
            if error.pgcode != "55P03":  # lock_not_available; the message is for people, and may change
                raise
            print("nowait: SQLSTATE 55P03, another transaction holds the sequence")
        # Closed without a COMMIT, so that 1 is the next number again.


def main():
    with closing(psycopg2.connect(URL)) as conn, conn.cursor() as cur:
        cur.execute("SELECT gapless.last_gapless()")  # is it installed, and may we use it?
        # In a table of your own, make number UNIQUE. Here it is not, so that the check below has to find the doubles.
        cur.execute("""DROP SCHEMA IF EXISTS example_python CASCADE; CREATE SCHEMA example_python;
            CREATE SEQUENCE example_python.native;
            CREATE TABLE example_python.example_invoice (
                order_id int, line int DEFAULT 1, number bigint NOT NULL, PRIMARY KEY (order_id, line))""")
        conn.commit()
        if not NATIVE:
            show_nowait()
        with ThreadPoolExecutor(WORKERS) as threads:
            seen = sum(threads.map(worker, range(WORKERS)), Counter())
        print("seen:", ", ".join(f"{n} {what}" for what, n in sorted(seen.items())))
        cur.execute("""SELECT count(*), min(number), max(number), max(number) - count(DISTINCT number) AS holes,
            count(*) - count(DISTINCT number) AS doubles FROM example_python.example_invoice""")
        count, low, high, holes, doubles = cur.fetchone()
    expected = WORKERS * ORDERS // 6 * (4 + BATCH)  # of six orders, one is declined and one is a batch
    good = (count, low, high, holes, doubles) == (expected, 1, expected, 0, 0)
    print(f"count={count} min={low} max={high} holes={holes} doubles={doubles}")
    print(f"{'gapless' if good else 'NOT gapless'}: expected {expected} invoices, numbered 1 to {expected}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        if not URL:
            raise psycopg2.OperationalError("GAPLESS_DATABASE_URL is not set: postgres://user@host/database")
        sys.exit(main())
    except psycopg2.Error as error:
        print(str(error).strip(), file=sys.stderr)
        if error.pgcode in ("3F000", "42883"):  # no such schema, no such function
            print("Install gapless: psql \"$GAPLESS_DATABASE_URL\" -f sql/gapless.sql, "
                  "or: go run ./cmd/gapless migrate up", file=sys.stderr)
        if error.pgcode == "42501":  # insufficient_privilege
            print("The role needs SELECT gapless.grant_gapless('role') by gapless' owner, CREATE on this database, "
                  "and to own schema example_python if it is there", file=sys.stderr)
        sys.exit(2)
