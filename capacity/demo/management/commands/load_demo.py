"""Load the demo world. Safe to repeat: the second time nothing changes."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capacity.demo.accounts import ACCOUNTS
from capacity.demo.services import DemoRefused, load_demo


class Command(BaseCommand):
    help = "Load the demo world: real public figures composed into a small lab, with accounts for every role."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=date.fromisoformat, help="a day of the demo's first week; default today")
        parser.add_argument("--password", help="password of the demo accounts; default DEMO_PASSWORD, else a new one")

    def handle(self, *args: Any, **options: Any) -> None:
        given = options["password"] or os.environ.get("DEMO_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        self.stdout.write("Composing the demo world …")
        self.stdout.flush()
        try:
            now = datetime.now(tz=UTC)
            load = load_demo(as_of=options["as_of"] or now.date(), password=password, now=now)
        except DemoRefused as error:
            raise CommandError(str(error)) from None
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
