"""Django app registration."""

from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "capacity.decisions"
    label = "decisions"
    verbose_name = "Decisions"
