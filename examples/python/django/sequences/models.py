"""The model by which routers choose a database. It has no table, and no migration or command knows it."""
from django.apps import apps as installed
from django.apps.registry import Apps
from django.db import models


class Sequence(models.Model):
    class Meta:
        app_label = installed.get_containing_app_config(__name__).label
        apps = Apps()
        managed = False
