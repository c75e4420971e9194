"""What docs/testing.md says of Django."""
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from shop.models import Contract, Invoice

from .cases import NumberedTestCase


class InvoiceTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.first = Invoice.objects.create(order=1, customer="ACME")

    def test_numbers_begin_with_1(self):
        """TestCase: each test's numbers go on after those of setUpTestData()"""
        self.assertEqual((self.first.number, Invoice.objects.create(order=2, customer="Bolt").number), (1, 2))

    def test_numbers_are_given_back(self):
        """TestCase: the next test gets the same numbers"""
        self.assertEqual(Invoice.objects.create(order=2, customer="Bolt").number, 2)

    def test_number_at_commit(self):
        """TestCase: check_constraints() numbers what is numbered at commit"""
        contract = Contract.objects.create(title="lease")
        self.assertIsNone(contract.number)
        connection.check_constraints()
        contract.refresh_from_db(fields=["number"])
        self.assertEqual(contract.number, 1)

    def test_on_commit(self):
        """TestCase: captureOnCommitCallbacks() calls on_commit() with the number, after check_constraints()"""
        seen = []
        with self.captureOnCommitCallbacks(execute=True):
            contract = Contract.objects.create(title="lease")
            transaction.on_commit(lambda: seen.append(Contract.objects.get(pk=contract.pk).number))
            connection.check_constraints()
        self.assertEqual(seen, [1])

    def test_on_commit_too_early(self):
        """TestCase: without check_constraints() on_commit() still sees None"""
        seen = []
        with self.captureOnCommitCallbacks(execute=True):
            contract = Contract.objects.create(title="lease")
            transaction.on_commit(lambda: seen.append(Contract.objects.get(pk=contract.pk).number))
        self.assertEqual(seen, [None])

    def test_audit(self):
        """TestCase: the audit finds nothing in what the test has done"""
        with connection.cursor() as cursor:
            cursor.execute("SELECT sequence, kind FROM gapless.audit_gapless() WHERE NOT explained")
            self.assertEqual(cursor.fetchall(), [])


class CommittedInvoiceTests(NumberedTestCase):
    def test_issue(self):
        """TransactionTestCase: with reset_gapless() in tearDown() each test begins with 1"""
        self.assertEqual(Invoice.objects.create(order=1, customer="ACME").number, 1)

    def test_issue_again(self):
        """TransactionTestCase: so does the next one"""
        self.assertEqual(Invoice.objects.create(order=1, customer="ACME").number, 1)

    def test_number_at_commit(self):
        """TransactionTestCase: what is numbered at commit has its number after atomic()"""
        contract = Contract.objects.create(title="lease")
        contract.refresh_from_db(fields=["number"])
        self.assertEqual(contract.number, 1)


class FlushTests(TransactionTestCase):
    def test_flush(self):
        """flush is refused (23001) while a table has numbered rows, and works when none has"""
        call_command("flush", interactive=False, verbosity=0)
        Invoice.objects.create(order=1, customer="ACME")
        with self.assertRaises(CommandError) as caught:
            call_command("flush", interactive=False, verbosity=0)
        refused = caught.exception.__cause__
        self.assertIsInstance(refused, IntegrityError)
        self.assertEqual(refused.__cause__.diag.sqlstate, "23001")
        with connection.cursor() as cursor:
            cursor.execute("SELECT gapless.reset_gapless(%s)", [r"test\_%"])
        call_command("flush", interactive=False, verbosity=0)
        self.assertEqual(Invoice.objects.create(order=1, customer="ACME").number, 1)
        with connection.cursor() as cursor:
            cursor.execute("SELECT gapless.reset_gapless(%s)", [r"test\_%"])
