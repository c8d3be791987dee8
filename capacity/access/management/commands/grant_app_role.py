"""Gives the application's database role what it needs and no more. Run as the owner after every migrate."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from capacity.access.grants import grant_statements


class Command(BaseCommand):
    help = (
        "Grant the application's database role read and write, except on audit, sealed and plan tables (insert only)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        app_role = settings.DATABASE_APP_ROLE
        if not app_role or app_role == settings.DATABASE_OWNER_ROLE:
            self.stdout.write(
                "One database role is both owner and application: nothing to grant. "
                "Give DATABASE_OWNER_URL a role of its own to keep them apart."
            )
            return
        with connection.cursor() as cursor:
            for statement in grant_statements(role=app_role, models=apps.get_models(include_auto_created=True)):
                cursor.execute(statement)
        self.stdout.write(f"Rights of {app_role} are set.")
