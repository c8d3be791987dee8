"""Django app registration."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "capacity.imports"
    label = "imports"
    verbose_name = "Imports"
