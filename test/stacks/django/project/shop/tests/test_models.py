"""What docs/stacks/python.md says of models, for each of the two ways to declare the column."""
import threading

import django
from django.db import DatabaseError, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.forms import modelform_factory

from shop.models import Contract, Invoice

from .cases import NumberedTestCase


def sqlstate(error):
    return error.__cause__.diag.sqlstate


class Described:
    def shortDescription(self):
        return f"{super().shortDescription()}, {type(self).declared}"

    def numbers(self, model):
        return list(model.objects.order_by("pk").values_list("number", flat=True))


class EarlyTests(Described):
    def create(self, order=1, **kwargs):
        return self.model.objects.create(order=order, customer="ACME", **kwargs)

    def test_create(self):
        """create() and save() give the number"""
        self.assertEqual([self.create(1).number, self.create(2).number], [1, 2])
        invoice = self.model(order=3, customer="Bolt")
        invoice.save()
        self.assertEqual(invoice.number, 3)
        self.assertEqual(self.numbers(self.model), [1, 2, 3])

    def test_bulk_create(self):
        """bulk_create() gives the numbers in order"""
        made = self.model.objects.bulk_create([self.model(order=n, customer="ACME") for n in range(250)], 100)
        self.assertEqual([invoice.number for invoice in made], list(range(1, 251)))
        self.assertEqual([invoice.order for invoice in self.model.objects.order_by("number")], list(range(250)))

    def test_save(self):
        """save() of a new and of a loaded object leaves the number"""
        invoice = self.create()
        invoice.customer = "Bolt"
        invoice.save()
        loaded = self.model.objects.get()
        loaded.customer = "Cog"
        loaded.save()
        loaded.save(update_fields=["customer", "number"])
        invoice.refresh_from_db()
        self.assertEqual((invoice.customer, invoice.number), ("Cog", 1))

    def test_bulk_update(self):
        """bulk_update() and update() of other columns leave the numbers"""
        made = self.model.objects.bulk_create([self.model(order=n, customer="ACME") for n in range(3)])
        for invoice in made:
            invoice.customer = "Bolt"
        self.model.objects.bulk_update(made, ["customer"])
        self.model.objects.update(customer="Cog")
        self.assertEqual(self.numbers(self.model), [1, 2, 3])

    def test_update_or_create(self):
        """update_or_create() and get_or_create() of a new and of an old object"""
        for customer in "Bolt", "Cog":
            invoice, created = self.model.objects.update_or_create(order=1, defaults={"customer": customer})
            self.assertEqual((invoice.number, created), (1, customer == "Bolt"))
        self.assertEqual(self.model.objects.get_or_create(order=1)[0].number, 1)
        self.assertEqual(self.model.objects.get_or_create(order=2, defaults={"customer": "ACME"})[0].number, 2)

    def test_upsert(self):
        """bulk_create() with update_conflicts takes no number for rows that are there"""
        if django.VERSION < (4, 1):
            self.skipTest("not in this version")
        self.create(1)
        self.model.objects.bulk_create(
            [self.model(order=n, customer="Bolt") for n in range(1, 4)],
            update_conflicts=True, update_fields=["customer"], unique_fields=["order"],
        )
        self.model.objects.bulk_create(
            self.model.objects.all(),
            update_conflicts=True, update_fields=["customer", "number"], unique_fields=["id"],
        )
        self.assertEqual(list(self.model.objects.order_by("order").values_list("customer", "number")),
                         [("Bolt", 1), ("Bolt", 2), ("Bolt", 3)])

    def test_ignore_conflicts(self):
        """bulk_create() with ignore_conflicts takes no number for rows that are there"""
        self.create(1)
        self.model.objects.bulk_create(
            [self.model(order=n, customer="Bolt") for n in range(1, 4)], ignore_conflicts=True
        )
        self.assertEqual(self.numbers(self.model), [1, 2, 3])

    def test_clean(self):
        """full_clean() of a new and of a loaded object; a ModelForm does not show the number"""
        new = self.model(order=1, customer="ACME")
        new.full_clean()
        new.save()
        new.full_clean()
        self.model.objects.get().full_clean()
        form = modelform_factory(self.model, fields="__all__")({"order": 2, "customer": "Bolt"})
        self.assertEqual(list(form.fields), ["order", "customer"])
        self.assertEqual(form.save().number, 2)

    def test_rollback(self):
        """a rollback and a savepoint that is rolled back give their numbers back"""
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            self.create(1)
            1 / 0
        with transaction.atomic():
            with self.assertRaises(IntegrityError), transaction.atomic():
                self.create(1)
                self.create(1)
            self.create(2)
        self.assertEqual(self.numbers(self.model), [1])

    def test_delete(self):
        """delete() of a numbered row: IntegrityError, 23001"""
        with self.assertRaises(IntegrityError) as caught:
            self.create().delete()
        self.assertEqual(sqlstate(caught.exception), "23001")

    def test_update_of_the_number(self):
        """update() of the number: ProgrammingError, 428C9"""
        self.create()
        with self.assertRaises(ProgrammingError) as caught:
            self.model.objects.update(number=17)
        self.assertEqual(sqlstate(caught.exception), "428C9")

    def test_serialization_failure(self):
        """at REPEATABLE READ a busy series is an OperationalError, 40001, and a new try numbers the row"""
        taken, caught = threading.Event(), []

        def other():
            with transaction.atomic():
                self.create(1)
                taken.set()
            connection.close()

        def attempt():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                self.model.objects.count()  # takes the snapshot
                if not caught:
                    thread = threading.Thread(target=other)
                    thread.start()
                    thread.join()
                return self.create(2)

        while True:
            try:
                invoice = attempt()
                break
            except OperationalError as error:
                if sqlstate(error) not in ("40001", "40P01"):
                    raise
                caught.append(sqlstate(error))
        self.assertEqual((invoice.number, caught), (2, ["40001"]))


class AtCommitTests(Described):
    def test_on_commit(self):
        """at commit: None before, and the number in on_commit()"""
        seen = []
        with transaction.atomic():
            made = self.model.objects.create(title="lease")
            transaction.on_commit(lambda: made.refresh_from_db(fields=["number"]))
            transaction.on_commit(lambda: seen.append(made.number))
            self.assertIsNone(made.number)
        self.assertEqual(seen, [1])

    def test_autocommit(self):
        """at commit: without atomic(), refresh_from_db() after save() gives it"""
        made = self.model.objects.create(title="lease")
        made.refresh_from_db(fields=["number"])
        self.assertEqual(made.number, 1)

    def test_save_before_commit(self):
        """at commit: a second save() before the commit"""
        with transaction.atomic():
            made = self.model.objects.create(title="lease")
            made.title = "sale"
            made.save()
        self.assertEqual(list(self.model.objects.values_list("title", "number")), [("sale", 1)])

    def test_bulk_create(self):
        """at commit: bulk_create() is numbered in order"""
        self.model.objects.bulk_create([self.model(title=str(n)) for n in range(1, 4)])
        self.assertEqual(list(self.model.objects.order_by("number").values_list("title", "number")),
                         [("1", 1), ("2", 2), ("3", 3)])


class NumberFieldTests(EarlyTests, NumberedTestCase):
    declared, model = "NumberField", Invoice

    def test_stale_save(self):
        """save() of an object that was never read leaves the number"""
        invoice = self.create()
        stale = self.model(pk=invoice.pk, order=1, customer="Bolt")
        stale.save()
        stale.refresh_from_db()
        self.assertEqual((stale.customer, stale.number), ("Bolt", 1))

    def test_number_by_hand(self):
        """a number that is given to create() is not written"""
        self.assertEqual(self.create(number=17).number, 1)


class NumberFieldAtCommitTests(AtCommitTests, NumberedTestCase):
    declared, model = "NumberField", Contract

    def test_stale_save(self):
        """at commit: save() of an object that has not read its number leaves it"""
        made = self.model.objects.create(title="lease")
        made.title = "sale"
        made.save()
        self.assertEqual(list(self.model.objects.values_list("title", "number")), [("sale", 1)])


if django.VERSION >= (5,):
    from deeds.models import Bill, Deed

    class DbDefaultTests(EarlyTests, NumberedTestCase):
        declared, model = "db_default", Bill

        def test_stale_save(self):
            """save() of an object that was never read: 428C9"""
            invoice = self.create()
            with self.assertRaises(DatabaseError) as caught:
                self.model(pk=invoice.pk, order=1, customer="Bolt").save()
            self.assertEqual(sqlstate(caught.exception), "428C9")

        def test_number_by_hand(self):
            """a number that is given to create(): ProgrammingError, 428C9"""
            with self.assertRaises(ProgrammingError) as caught:
                self.create(number=17)
            self.assertEqual(sqlstate(caught.exception), "428C9")

    class DbDefaultAtCommitTests(AtCommitTests, NumberedTestCase):
        declared, model = "db_default", Deed

        def test_stale_save(self):
            """at commit: save() of an object that has not read its number: ProgrammingError, 428C9"""
            made = self.model.objects.create(title="lease")
            with self.assertRaises(ProgrammingError) as caught:
                made.save()
            self.assertEqual(sqlstate(caught.exception), "428C9")


class FunctionTests(NumberedTestCase):
    def test_call(self):
        """next_gapless by cursor.execute(); with psycopg 3, callproc() does not find it"""
        with connection.cursor() as cursor:
            cursor.execute("SELECT gapless.next_gapless(%s)", ["case"])
            self.assertEqual(cursor.fetchone(), (1,))
            if connection.Database.__name__ == "psycopg":
                with self.assertRaises(ProgrammingError):
                    cursor.callproc("gapless.next_gapless", ["case"])
            else:
                cursor.callproc("gapless.next_gapless", ["case"])
                self.assertEqual(cursor.fetchone(), (2,))
