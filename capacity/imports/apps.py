"""Django app registration."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "capacity.imports"
    label = "imports"
    verbose_name = "Imports"

    def ready(self) -> None:
        from django.utils.module_loading import autodiscover_modules

        # Each app says in its importers.py which of its tables files may bring.
        autodiscover_modules("importers")

        from capacity.imports.batches import register_proposer
        from capacity.imports.proposals import propose

        register_proposer(propose)
