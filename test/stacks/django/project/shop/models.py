from django.db import models

from .fields import NumberField


class Invoice(models.Model):
    order = models.IntegerField(unique=True)
    customer = models.TextField()
    number = NumberField(unique=True)


class Contract(models.Model):
    """Numbered at commit."""

    title = models.TextField()
    number = NumberField(unique=True, null=True)
