from django.db import models
from django.db.models import F


class NumberField(models.BigIntegerField):
    """A column that gapless numbers: NULL in an INSERT, which gives it back, and unchanged in an UPDATE."""

    db_returning = True

    def __init__(self, *args, **kwargs):
        kwargs.update(editable=False, blank=True)
        super().__init__(*args, **kwargs)

    def pre_save(self, instance, add):
        return None if add else F(self.attname)
