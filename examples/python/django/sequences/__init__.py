"""django-sequences over gapless: the same functions, whose values come from gapless's functions in PostgreSQL.

Copy this folder into your project (cp -rL, so that gapless.sql comes along), uninstall django-sequences, and migrate.
"""
from django.db import connections, router

__all__ = ["get_next_value", "get_next_values", "get_last_value", "delete", "Sequence"]


def _call(statement, arguments, route, using):
    if using is None:
        from .models import Sequence as model  # a model can be imported once the apps are loaded

        using = route(model)
    with connections[using].cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchone()


def _check_reset(initial_value, reset_value):
    if reset_value is not None and reset_value <= initial_value:
        raise ValueError(f"reset_value is {reset_value}, but has to be above initial_value, {initial_value}")


def get_next_value(sequence_name="default", initial_value=1, reset_value=None, *, nowait=False, using=None):
    """The next value, in the transaction of the connection: save it in the same one.

    nowait raises OperationalError, SQLSTATE 55P03, where another transaction holds the sequence; the first time, too.
    """
    _check_reset(initial_value, reset_value)
    return _call(
        "SELECT gapless.next_gapless(%s::text, %s::bigint, %s::bigint, %s)",
        [sequence_name, initial_value, reset_value, bool(nowait)],
        router.db_for_write,
        using,
    )[0]


def get_next_values(batch_size, sequence_name="default", initial_value=1, *, nowait=False, using=None):
    """The next batch_size values, as a range. An empty one neither makes nor locks the sequence."""
    first, last = _call(
        "SELECT min(value), max(value) FROM gapless.next_gapless_batch("
        "%s::text, %s::bigint, %s::bigint, nowait => %s) AS value",
        [sequence_name, batch_size, initial_value, bool(nowait)],
        router.db_for_write,
        using,
    )
    return range(0) if first is None else range(first, last + 1)


def get_last_value(sequence_name="default", *, using=None):
    """The newest value that this transaction sees, without a lock; None if there is none."""
    return _call("SELECT gapless.last_gapless(%s::text)", [sequence_name], router.db_for_read, using)[0]


def delete(sequence_name="default", *, using=None):
    """Forgets the sequence, and says whether there was one. The role needs EXECUTE on gapless.delete_gapless."""
    return _call("SELECT gapless.delete_gapless(%s::text)", [sequence_name], router.db_for_write, using)[0]


class Sequence:
    """A sequence and its parameters; also an iterator that does not end."""

    def __init__(self, sequence_name="default", initial_value=1, reset_value=None, *, using=None):
        _check_reset(initial_value, reset_value)
        self.sequence_name, self.using = sequence_name, using
        self.initial_value, self.reset_value = initial_value, reset_value

    def get_next_value(self, *, nowait=False):
        return get_next_value(
            self.sequence_name, self.initial_value, self.reset_value, nowait=nowait, using=self.using
        )

    def get_next_values(self, batch_size, *, nowait=False):
        return get_next_values(batch_size, self.sequence_name, self.initial_value, nowait=nowait, using=self.using)

    def get_last_value(self):
        return get_last_value(self.sequence_name, using=self.using)

    def delete(self):
        return delete(self.sequence_name, using=self.using)

    def __iter__(self):
        return self

    __next__ = get_next_value
