#!/usr/bin/env python3
"""A client of the histories from a stack that has none of ours: plain SQL, psycopg2 and libpq.

    client.py URL

reads transactions from stdin, one a line, as JSON. It prints a line for the answer to each of their steps, when it has it, and
one for the transaction's outcome as this client knows it.
"""
import json
import sys

import psycopg2

STATEMENTS = {
    "issue": """INSERT INTO public.entry (sequence, key, kind, value)
        SELECT %(name)s, %(key)s, 'issue', v
        FROM gapless.next_gapless_batch(%(name)s, %(size)s, %(initial)s, %(reset)s, %(nowait)s) AS v
        RETURNING value""",
    "one": """INSERT INTO public.entry (sequence, key, kind, value)
        SELECT %(name)s, %(key)s, 'issue', v
        FROM gapless.next_gapless(%(name)s, initial => %(initial)s, reset => %(reset)s, nowait => %(nowait)s) AS v
        RETURNING value""",
    "adopt": """INSERT INTO public.entry (sequence, key, kind, value)
        SELECT %(name)s, %(key)s, 'adopt', %(target)s
        FROM gapless.adopt_gapless(%(name)s, %(target)s)
        RETURNING value""",
    "delete": """INSERT INTO public.entry (sequence, key, kind)
        SELECT %(name)s, %(key)s, 'delete'
        FROM gapless.delete_gapless(%(name)s) AS existed
        WHERE existed
        RETURNING 0""",
    "at INSERT": "INSERT INTO public.numbered (key) SELECT %(key)s FROM generate_series(1, %(size)s) RETURNING value",
    "as text": "INSERT INTO public.numbered_as_text (key) SELECT %(key)s FROM generate_series(1, %(size)s) RETURNING substr(value, 4)::bigint",
    "as draft": "SELECT public.issue_drafts(%(key)s, %(size)s)",
    "at COMMIT": "INSERT INTO public.numbered_at_commit (key) SELECT %(key)s FROM generate_series(1, %(size)s) RETURNING 0",
    "moving": """INSERT INTO public.moving (key, series)
        SELECT %(key)s, right(%(name)s, 1)::int FROM generate_series(1, %(size)s)
        RETURNING value""",
    "live": """INSERT INTO public.entry (sequence, key, kind, value)
        SELECT %(name)s, %(key)s, 'live', v
        FROM gapless.go_live_gapless(%(name)s, 'the tests are over') AS v
        RETURNING value""",
    "archive": "SELECT public.leave(%(name)s, %(key)s)",
    "move": "SELECT public.move(%(name)s, %(key)s)",
    "look": "SELECT v FROM gapless.last_gapless(%(name)s) AS v WHERE v IS NOT NULL",
}

connection = None


def answer(**fields):
    print(json.dumps(fields), flush=True)


def connect():
    global connection
    if connection is None or connection.closed:
        connection = psycopg2.connect(sys.argv[1])
        connection.autocommit = True  # BEGIN and COMMIT are ours to send
    return connection.cursor()


def take(cursor, step, key):
    name = step["kind"]
    if name == "issue":
        name = step["column"] or ("one" if step["size"] == 1 else name)
    try:
        cursor.execute(STATEMENTS[name], dict(step, key=key))
    except psycopg2.Error as error:
        if error.pgcode != "55000" or error.diag.constraint_name not in ("adopt_forward", "gapless_live"):
            raise
        answer(values=[], ok=False)
        return error
    rows = cursor.fetchall()
    answer(values=[row[0] for row in rows if row[0] is not None], ok=bool(rows))
    return None


def failed(error):
    if connection and not connection.closed:
        try:
            connection.cursor().execute("ROLLBACK")
        except psycopg2.Error:
            connection.close()  # it has gone, and the server rolls back
    answer(outcome="rolled back", error=str(error), code=error.pgcode)


def run(transaction):
    try:
        cursor = connect()
        cursor.execute("BEGIN ISOLATION LEVEL " + transaction["isolation"])
        for step in transaction["steps"]:
            if step["first"]:
                cursor.execute("SAVEPOINT undone")
            refused = take(cursor, step, transaction["key"])
            if refused and not step["undone"]:
                raise refused
            if step["last"]:
                cursor.execute("ROLLBACK TO SAVEPOINT undone")
        if transaction["ending"] == "roll back":
            cursor.execute("ROLLBACK")
            return answer(outcome="rolled back")
    except psycopg2.Error as error:
        return failed(error)
    try:
        cursor.execute("COMMIT /* " + transaction["ending"] + " */")
    except psycopg2.Error as error:
        if connection.closed:
            return answer(outcome="unknown")
        return failed(error)
    answer(outcome="committed" if cursor.statusmessage == "COMMIT" else "rolled back")


for line in sys.stdin:
    run(json.loads(line))
