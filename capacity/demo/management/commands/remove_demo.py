"""Take the demo world out for good. Without --yes it only says what would go."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from capacity.demo.removal import remove_demo
from capacity.demo.services import DemoRefused


class Command(BaseCommand):
    help = (
        "Remove the demo's rows and accounts, and the plans, reviews, decisions and actions made while it was there. "
        "The audit log stays. Runs as the database's owner: CAPACITY_DB_ROLE=owner manage.py remove_demo --yes"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do it; without this nothing is changed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            removal = remove_demo(now=datetime.now(tz=UTC), is_sure=options["yes"])
        except DemoRefused as error:
            raise CommandError(str(error)) from None
        except ProgrammingError as error:
            raise CommandError(
                f"The application's role may not remove records: run this with CAPACITY_DB_ROLE=owner. ({error})"
            ) from None
        for name, count in removal.rows.items():
            self.stdout.write(f"  {name.replace('_', ' ')}: {count}")
        if not options["yes"]:
            self.stdout.write("This would be removed, for good. Nothing was changed; add --yes to do it.")
            return
        # The launcher announces the demo's accounts as long as their password is kept.
        with contextlib.suppress(OSError):
            (settings.DATA_DIR / "demo_password").unlink(missing_ok=True)
        self.stdout.write(f"The demo is removed: {sum(removal.rows.values())} rows.")
        if removal.closed:
            self.stdout.write(f"Closed, because the audit log names them: {', '.join(removal.closed)}.")
