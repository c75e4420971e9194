from django.apps import AppConfig
from django.db import connections, router
from django.db.models.signals import post_migrate


def forget_after_flush(sender, using, **kwargs):
    """TransactionTestCase flushes the test database: there the table of django-sequences was emptied, too."""
    flushed = "plan" not in kwargs  # migrate gives one
    name = str(connections[using].settings_dict["NAME"])
    if flushed and name.startswith("test_") and router.allow_migrate(using, sender.label):
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT gapless.reset_gapless(%s)", [r"test\_%"])


class SequencesConfig(AppConfig):
    name = "sequences"

    def ready(self):
        post_migrate.connect(forget_after_flush, sender=self)
