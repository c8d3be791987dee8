"""Take the demo world out of the tables and close its accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from capacity.demo.services import DemoRefused, remove_demo


class Command(BaseCommand):
    help = "Remove the demo's rows and close its accounts. Plans, reviews and the audit log stay."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = remove_demo(now=datetime.now(tz=UTC))
        except DemoRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Removed {sum(counts.values())} rows of the demo.")
