"""What the checks in Python share."""

import os
import signal
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

url = os.environ["GAPLESS_DATABASE_URL"]
gapless_sql = (Path(__file__).parents[2] / "sql/gapless.sql").read_text(encoding="utf-8")  # one statement
failed = False

signal.alarm(300)


def library(name, version):
    print("library", name, version, sep="\t", flush=True)


@contextmanager
def tried(what):
    """Prints ok, or what its block raised."""
    global failed
    try:
        yield
        print("ok", what, sep="\t", flush=True)
    except Exception as error:
        failed = True
        print("FAIL", what, " ".join(repr(error).split())[:1000], sep="\t", flush=True)
        traceback.print_exc(limit=2, chain=False)


def equal(seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{seen!r}, not {wanted!r}")


def refused(function, *args, **kwargs):
    """The error that a call raises."""
    try:
        value = function(*args, **kwargs)
    except Exception as error:
        return error
    raise AssertionError(f"not refused, but {value!r}")


def connection_to_itself(connection):
    """What libpq needs, to reach a psycopg2 connection's server from itself: a dict."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT coalesce(host(inet_server_addr()), split_part(current_setting('unix_socket_directories'), ',', 1)),
                current_setting('port'), current_database(), current_user
        """)
        dsn = dict(zip(("host", "port", "dbname", "user"), cursor.fetchone()))
    if connection.info.password:
        dsn["password"] = connection.info.password
    return dsn


def end():
    sys.exit(failed)
