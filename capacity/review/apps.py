"""Django app registration."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "capacity.review"
    label = "review"
    verbose_name = "Review"
