"""Django app registration. At start the audit log begins to listen to sign-ins, and unlisted fields raise in DEBUG."""

from django.apps import AppConfig
from django.conf import settings


class AccessConfig(AppConfig):
    name = "capacity.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from capacity.access import audit, visibility

        audit.listen()
        # In production an unlisted field is hidden; while developing it stops whoever forgot to list it.
        visibility.be_strict(settings.DEBUG)
