"""What django-sequences documents, of the drop-in."""
import inspect
import itertools
import threading

from django.core.management import call_command
from django.db import DataError, OperationalError, ProgrammingError, connection, connections, transaction
from django.test import TestCase, TransactionTestCase, override_settings

import sequences
from sequences import Sequence, delete, get_last_value, get_next_value, get_next_values


def sqlstate(error):
    return error.__cause__.diag.sqlstate


class ToOther:
    def db_for_read(self, model, **hints):
        return "other" if model._meta.app_label == "sequences" else None

    db_for_write = db_for_read


class Values:
    def shortDescription(self):
        return f"{super().shortDescription()}, {self.where}"

    def test_values(self):
        """get_next_value(), get_last_value() and delete()"""
        self.assertIsNone(get_last_value())
        self.assertEqual([get_next_value(), get_next_value(), get_next_value("case")], [1, 2, 1])
        self.assertEqual((get_last_value(), get_last_value("case")), (2, 1))
        self.assertIs(delete(), True)
        self.assertIs(delete(), False)
        self.assertEqual((get_last_value(), get_next_value()), (None, 1))

    def test_initial_value(self):
        """initial_value counts for the first value"""
        self.assertEqual([get_next_value("case", 1000), get_next_value("case", 1), get_next_value("case")],
                         [1000, 1001, 1002])

    def test_reset_value(self):
        """reset_value: begins anew"""
        self.assertEqual([get_next_value("day", 0, 3) for _ in range(5)], [0, 1, 2, 0, 1])
        self.assertEqual(get_next_value("day", 5, 2 + 5), 2)
        self.assertEqual(get_next_value("day", 1, 3), 1)
        for make in get_next_value, Sequence:
            with self.assertRaises(ValueError):
                make("day", 5, 5)

    def test_batch(self):
        """get_next_values() gives a range"""
        self.assertEqual((get_next_values(0, "case"), get_last_value("case")), (range(0), None))
        self.assertEqual(get_next_values(3, "case", 10), range(10, 13))
        self.assertEqual(get_next_values(0, "case"), range(0))
        self.assertEqual(get_next_values(batch_size=2, sequence_name="case", nowait=True), range(13, 15))
        self.assertEqual(get_next_value("case"), 15)

    def test_class(self):
        """Sequence"""
        case = Sequence("case", initial_value=5, reset_value=8)
        self.assertEqual(list(itertools.islice(case, 4)), [5, 6, 7, 5])
        self.assertEqual((next(case), case.get_next_value(nowait=True), case.get_last_value()), (6, 7, 7))
        self.assertEqual(case.get_next_values(2), range(8, 10))
        self.assertIs(case.delete(), True)
        self.assertIsNone(case.get_last_value())


class AutocommitTests(Values, TransactionTestCase):
    where = "in autocommit"


class TransactionTests(Values, TestCase):
    where = "in a transaction"


class RoleTests(TestCase):
    def test_role(self):
        """a role with grant_gapless takes values, and may delete with EXECUTE on delete_gapless"""
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE stack_sequences; SELECT gapless.grant_gapless('stack_sequences');"
                           "SET LOCAL ROLE stack_sequences")
            self.assertEqual((get_next_value(), get_next_values(2), get_last_value()), (1, range(2, 4), 3))
            with self.assertRaises(ProgrammingError) as caught, transaction.atomic():
                delete()
            self.assertEqual(sqlstate(caught.exception), "42501")
            cursor.execute("RESET ROLE; GRANT EXECUTE ON FUNCTION gapless.delete_gapless TO stack_sequences;"
                           "SET LOCAL ROLE stack_sequences")
            self.assertIs(delete(), True)


class SignatureTests(TestCase):
    def test_signatures(self):
        """the signatures are those of django-sequences 3.0"""
        for call, signature in {
            get_next_value: "(sequence_name='default', initial_value=1, reset_value=None, *, nowait=False, using=None)",
            get_next_values: "(batch_size, sequence_name='default', initial_value=1, *, nowait=False, using=None)",
            get_last_value: "(sequence_name='default', *, using=None)",
            delete: "(sequence_name='default', *, using=None)",
            Sequence: "(sequence_name='default', initial_value=1, reset_value=None, *, using=None)",
            Sequence.get_next_value: "(self, *, nowait=False)",
            Sequence.get_next_values: "(self, batch_size, *, nowait=False)",
            Sequence.get_last_value: "(self)",
            Sequence.delete: "(self)",
        }.items():
            self.assertEqual(str(inspect.signature(call)), signature, call)
        self.assertEqual({name for name in sequences.__all__}, {
            "get_next_value", "get_next_values", "get_last_value", "delete", "Sequence"})

    def test_bad_arguments(self):
        """a negative batch: DataError"""
        with self.assertRaises(DataError), transaction.atomic():
            get_next_values(-1)

    def test_makemigrations(self):
        """makemigrations --check finds no change"""
        call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


class UsingTests(TransactionTestCase):
    databases = {"default", "other"}

    def test_using(self):
        """using: each database has its own values"""
        self.assertEqual([get_next_value("case", using=alias) for alias in ("default", "other", "other")], [1, 1, 2])
        self.assertEqual((get_last_value("case"), Sequence("case", using="other").get_last_value()), (1, 2))

    @override_settings(DATABASE_ROUTERS=["tests.ToOther"])
    def test_router(self):
        """without using, the router of app sequences decides"""
        self.assertEqual(get_next_value("case"), 1)
        self.assertEqual((get_last_value("case"), get_last_value("case", using="default")), (1, None))


class ConcurrencyTests(TransactionTestCase):
    def run_beside(self, call, end):
        """Calls in another thread, while this one holds the sequence; then ends this transaction."""
        seen = []

        def other():
            try:
                seen.append(call())
            except Exception as error:
                seen.append(error)
            connections.close_all()

        thread = threading.Thread(target=other)
        with transaction.atomic():
            get_next_value()
            thread.start()
            thread.join(0.6)
            waited = thread.is_alive()
            if end == "rollback":
                transaction.set_rollback(True)
        thread.join(10)
        return waited, seen[0]

    def test_wait(self):
        """a caller waits for the holder's end; a rollback gives the value back"""
        self.assertEqual(self.run_beside(get_next_value, "rollback"), (True, 1))
        self.assertEqual(self.run_beside(get_next_value, "commit"), (True, 3))

    def test_nowait(self):
        """nowait: OperationalError, 55P03, the first time, too"""
        for _ in "first", "later":
            waited, error = self.run_beside(lambda: get_next_value(nowait=True), "commit")
            self.assertIsInstance(error, OperationalError)
            self.assertEqual((waited, sqlstate(error)), (False, "55P03"))

    def test_distinct(self):
        """distinct sequences do not wait for each other"""
        self.assertEqual(self.run_beside(lambda: get_next_value("case"), "commit"), (False, 1))
