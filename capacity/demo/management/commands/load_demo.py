"""Load the demo world. Safe to repeat: the second time nothing changes."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from capacity.access.models import User
from capacity.demo.accounts import ACCOUNTS, make_accounts
from capacity.demo.services import DemoRefused, load_demo, loaded_monday


class Command(BaseCommand):
    help = "Load the demo world: real public figures composed into a small lab, with accounts for every role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=date.fromisoformat, help="a day of the demo's first week; default today")
        parser.add_argument("--password", help="password of the demo accounts; default DEMO_PASSWORD, else a new one")

        parser.add_argument(
            "--only-empty", action="store_true", help="refuse (code 3) when people other than the demo's are there"
        )
        parser.add_argument("--accounts-only", action="store_true", help="only set the demo accounts' password")

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["password"] or os.environ.get("DEMO_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        if options["accounts_only"]:
            make_accounts(password=password)
            return
        if options["only_empty"] and loaded_monday() is None and User.objects.filter(is_active=True).exists():
            raise CommandError("This database has accounts already: no demo world is loaded into it.", returncode=3)
        if options["only_empty"] and loaded_monday() is not None:
            # A restored database: rows that somebody changed in it stay as they are.
            make_accounts(password=password)
            self.stdout.write("The demo world is there already.")
            return
        self.stdout.write("Composing the demo world …")
        self.stdout.flush()
        try:
            now = datetime.now(tz=UTC)
            load = load_demo(as_of=options["as_of"] or now.date(), password=password, now=now)
        except DemoRefused as error:
            raise CommandError(str(error)) from None
        except OperationalError as error:
            raise CommandError(f"The database could not take the demo now; try again. ({error})") from None
        for name, counts in load.outcome.counts.items():
            self.stdout.write(
                f"  {name}: {counts['added']} added, {counts['changed']} changed, {counts['unchanged']} unchanged"
            )
        for issue in load.outcome.warnings:
            self.stdout.write(f"  warning: {issue}")
        total = {
            word: sum(counts[word] for counts in load.outcome.counts.values())
            for word in ("added", "changed", "unchanged")
        }
        self.stdout.write(
            f"Demo world from {load.monday}: {total['added']} rows added, {total['changed']} changed, "
            f"{total['unchanged']} unchanged, {load.new_accounts} accounts added."
        )
        self.stdout.write(f"Accounts: {', '.join(account.username for account in ACCOUNTS)}.")
        if not given:
            self.stdout.write(f"Password of all of them: {password}")
