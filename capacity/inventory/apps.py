"""Django app registration."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "capacity.inventory"
    label = "inventory"
    verbose_name = "Inventory"
