from django.db import connection
from django.test import TransactionTestCase


class NumberedTestCase(TransactionTestCase):
    """Forgets the numbers after each test, before Django truncates the tables."""

    def tearDown(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT gapless.reset_gapless(%s)", [r"test\_%"])
        super().tearDown()
