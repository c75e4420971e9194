import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import psycopg2
import psycopg2.extras

sys.path.append(str(Path(__file__).parents[1]))
from checks import end, equal, gapless_sql, library, refused, tried, url

library("psycopg2", psycopg2.__version__.split()[0])
library("psycopg", psycopg.__version__)

TABLES = """
    CREATE SCHEMA {0};
    CREATE TABLE invoices (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer text   NOT NULL,
        number   bigint NOT NULL UNIQUE
    );
    CREATE TABLE contracts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint UNIQUE);
    SELECT gapless.attach_gapless('invoices', 'number');
    SELECT gapless.attach_gapless('contracts', 'number', at_commit => true);
"""
INSERT = "INSERT INTO invoices (customer) VALUES (%s) RETURNING number"
DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$"
UPSERT = """
    INSERT INTO invoices (customer, number) VALUES (%s, %s)
    ON CONFLICT (number) DO UPDATE SET customer = excluded.customer, number = excluded.number
    RETURNING customer, number
"""


def numbers(cursor):
    return [number for number, in cursor.fetchall()]


def both(name, module, sqlstate, repeatable_read):
    """What is the same in both."""
    connect = partial(module.connect, url, options=f"-c search_path={name}")
    conn = connect()
    cur = conn.cursor()
    with tried(f"{name}: execute() takes sql/gapless.sql; twice, too"):
        cur.execute(gapless_sql)
        cur.execute(gapless_sql)
        conn.commit()
    cur.execute(TABLES.format(name))
    conn.commit()
    with tried(f"{name}: INSERT … RETURNING"):
        cur.execute(INSERT, ("ACME",))
        equal(cur.fetchone(), (1,))
        conn.commit()
    with tried(f"{name}: an upsert of a new row, and of a loaded one, number and all"):
        cur.execute(UPSERT, ("new", None))
        equal(cur.fetchone(), ("new", 2))
        cur.execute(UPSERT, ("again", 2))
        equal(cur.fetchone(), ("again", 2))
        conn.commit()
    with tried(f"{name}: an UPDATE that writes the number back"):
        cur.execute("UPDATE invoices SET customer = %s, number = %s WHERE id = 1", ("Acme Ltd", 1))
        equal(cur.rowcount, 1)
        conn.commit()
    with tried(f"{name}: a rollback leaves no hole"):
        cur.execute(INSERT, ("lost",))
        equal(cur.fetchone(), (3,))
        conn.rollback()
        cur.execute(INSERT, ("kept",))
        equal(cur.fetchone(), (3,))
        conn.commit()
    with tried(f"{name}: at commit: None before, the number after"):
        cur.execute("INSERT INTO contracts DEFAULT VALUES RETURNING id, number")
        key, number = cur.fetchone()
        equal(number, None)
        conn.commit()
        cur.execute("SELECT number FROM contracts WHERE id = %s", (key,))
        equal(cur.fetchone(), (1,))
        conn.commit()
    with tried(f"{name}: to write a number: errors.GeneratedAlways, {sqlstate} 428C9, a ProgrammingError"):
        error = refused(cur.execute, "INSERT INTO invoices (customer, number) VALUES ('mine', 4711)")
        equal((type(error), getattr(error, sqlstate)), (module.errors.GeneratedAlways, "428C9"))
        equal(isinstance(error, module.ProgrammingError), True)
        conn.rollback()
    with tried(f"{name}: to delete a numbered row: errors.RestrictViolation, {sqlstate} 23001, an IntegrityError"):
        error = refused(cur.execute, "DELETE FROM invoices WHERE number = 1")
        equal((type(error), getattr(error, sqlstate)), (module.errors.RestrictViolation, "23001"))
        equal(isinstance(error, module.IntegrityError), True)
        conn.rollback()
    with tried(f"{name}: a deadlock: errors.DeadlockDetected, {sqlstate} 40P01, an OperationalError"):
        error = refused(cur.execute, DEADLOCK)
        equal((type(error), getattr(error, sqlstate)), (module.errors.DeadlockDetected, "40P01"))
        equal(isinstance(error, module.OperationalError), True)
        conn.rollback()

    def in_transaction(work):
        with connect() as conn:
            conn.isolation_level = repeatable_read
            while True:
                try:
                    with conn.cursor() as cur:
                        value = work(cur)
                    conn.commit()
                    return value
                except (module.errors.SerializationFailure, module.errors.DeadlockDetected):
                    conn.rollback()
                    retries.append(1)

    def work(cur):
        cur.execute("SELECT 1")
        cur.execute(INSERT, ("worker",))
        return cur.fetchone()[0]

    retries = []
    with tried(f"{name}: REPEATABLE READ: errors.SerializationFailure, retried, brings all rows, without a hole"):
        with ThreadPoolExecutor(4) as threads:
            equal(sorted(threads.map(in_transaction, [work] * 40)), list(range(4, 44)))
        equal(len(retries) > 0, True)
    return conn, cur


conn, cur = both("psycopg2", psycopg2, "pgcode", psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ)
with tried("psycopg2: execute_values(…, fetch=True) has the numbers, in order, over pages"):
    customers = [(str(i),) for i in range(250)]
    insert = "INSERT INTO invoices (customer) VALUES %s RETURNING number"
    rows = psycopg2.extras.execute_values(cur, insert, customers, fetch=True)
    equal([number for number, in rows], list(range(44, 294)))
    conn.commit()
with tried("psycopg2: executemany() numbers them, and has no result"):
    cur.executemany(INSERT, [("a",), ("b",)])
    equal(type(refused(cur.fetchall)), psycopg2.ProgrammingError)
    conn.commit()
    cur.execute("SELECT number FROM invoices WHERE customer IN ('a', 'b') ORDER BY id")
    equal(numbers(cur), [294, 295])
with tried("psycopg2: callproc() finds a function by its dotted name"):
    cur.callproc("gapless.next_gapless", ("case",))
    equal(cur.fetchone(), (1,))
    conn.rollback()
conn.close()

conn, cur = both("psycopg", psycopg, "sqlstate", psycopg.IsolationLevel.REPEATABLE_READ)
with tried("psycopg: sql/gapless.sql as a prepared statement"):
    conn.execute(gapless_sql, prepare=True)
    conn.commit()
with tried("psycopg: executemany(…, returning=True) has the numbers, in order"):
    cur.executemany(INSERT, [(str(i),) for i in range(50)], returning=True)
    seen = [cur.fetchone()[0]]
    while cur.nextset():
        seen.append(cur.fetchone()[0])
    equal(seen, list(range(44, 94)))
    conn.commit()
with tried("psycopg: a pipeline"):
    with conn.pipeline():
        cursors = [conn.execute(INSERT, (str(i),)) for i in range(50)]
        equal([number for c in cursors for number in numbers(c)], list(range(94, 144)))
    conn.commit()
with tried("psycopg: COPY"):
    with cur.copy("COPY invoices (customer) FROM STDIN") as copy:
        for customer in "a", "b":
            copy.write_row((customer,))
    conn.commit()
    cur.execute("SELECT number FROM invoices WHERE customer IN ('a', 'b') ORDER BY id")
    equal(numbers(cur), [144, 145])
    conn.commit()
with tried("psycopg: connection.transaction() in another is a savepoint, and its rollback leaves no hole"):
    with conn.transaction():
        with conn.transaction():
            equal(conn.execute(INSERT, ("lost",)).fetchone(), (146,))
            raise psycopg.Rollback
        equal(conn.execute(INSERT, ("kept",)).fetchone(), (146,))
with tried("the audit finds nothing"):
    equal(conn.execute("SELECT count(*) FROM gapless.audit_gapless() WHERE NOT explained").fetchone(), (0,))
end()
