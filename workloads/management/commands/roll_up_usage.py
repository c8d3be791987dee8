"""Sum hours of usage into days: all of them, or those of one import or of the last days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from workloads.services import roll_up_usage


class Command(BaseCommand):
    help = "Sum hours of usage into days. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--batch", type=int, help="the days that this import touched")
        which.add_argument("--last-days", type=int, help="the days from this many days ago until today")

    def handle(self, *args: Any, **options: Any) -> None:
        days = None
        if options["last_days"] is not None:
            today = timezone.now().date()
            days = [today - timedelta(days=back) for back in range(options["last_days"] + 1)]
        done = roll_up_usage(batch_id=options["batch"], days=days)
        self.stdout.write(f"{done.written} days written, {done.unchanged} unchanged, {done.removed} removed")
