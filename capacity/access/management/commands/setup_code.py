"""Prints the setup code of this installation, which the page of the first account asks for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capacity.access.first_person import nobody_can_sign_in, setup_code


class Command(BaseCommand):
    help = "Print the code that the page of the first account (/welcome/) asks for, as long as nobody has an account."

    def handle(self, *args: Any, **options: Any) -> None:
        if not nobody_can_sign_in():
            raise CommandError("Somebody has an account already; further people are added by an administrator.")
        self.stdout.write(setup_code())
