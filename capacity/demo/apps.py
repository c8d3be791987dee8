"""Django app registration."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "capacity.demo"
    label = "demo"
    verbose_name = "Demo"
