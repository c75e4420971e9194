from django.db import models


class Bill(models.Model):
    order = models.IntegerField(unique=True)
    customer = models.TextField()
    number = models.BigIntegerField(unique=True, db_default=None, editable=False)


class Deed(models.Model):
    """Numbered at commit."""

    title = models.TextField()
    number = models.BigIntegerField(null=True, db_default=None, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], condition=models.Q(number__isnull=False), name="deed_number")
        ]
