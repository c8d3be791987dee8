"""Django app registration."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "capacity.access"
    label = "access"
    verbose_name = "Access"
