"""Django app registration."""

from django.apps import AppConfig


class AllocationConfig(AppConfig):
    name = "capacity.allocation"
    label = "allocation"
    verbose_name = "Allocation"
