"""Creates an account with roles (the first administrator's, say). The password comes from an environment variable."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capacity.access.roles import Role
from capacity.access.services import PersonRefused, create_person


class Command(BaseCommand):
    help = "Create an account: create_person USERNAME --roles chair,finance --password-env VARIABLE"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--roles", required=True, help=f"comma-separated: {', '.join(Role)}")
        parser.add_argument("--password-env", required=True, help="name of the variable that holds the password")
        parser.add_argument("--display-name", default="")
        parser.add_argument("--team", default="", help="key of the research team whose requests are theirs")

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get(options["password_env"], "")
        if not password:
            raise CommandError(f"The variable {options['password_env']} is empty: put the password there.")
        try:
            person = create_person(
                username=options["username"],
                password=password,
                roles=_roles(options["roles"]),
                display_name=options["display_name"],
                team_key=options["team"],
            )
        except PersonRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{person.username} can sign in now.")


def _roles(text: str) -> list[Role]:
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in set(Role)]
    if unknown or not names:
        raise CommandError(f"Unknown role {', '.join(unknown) or '(none given)'}: one of {', '.join(Role)}.")
    return [Role(name) for name in names]
