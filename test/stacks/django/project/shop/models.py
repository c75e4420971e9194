from django.db import models

from .fields import NumberField


class Invoice(models.Model):
    order = models.IntegerField(unique=True)
    customer = models.TextField()
    number = NumberField(unique=True)


class Contract(models.Model):
    """Numbered at commit."""

    title = models.TextField()
    number = NumberField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number"], condition=models.Q(number__isnull=False), name="contract_number")
        ]
