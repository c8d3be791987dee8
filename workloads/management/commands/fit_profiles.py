"""Fit throughput profiles from operating points. Exit 0: written (or a clean dry run). Exit 2: the rows were refused."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from capacity.imports.edits import Actor
from workloads.services import fit_profiles

REFUSED = 2


class Command(BaseCommand):
    help = "Turn measured operating points into throughput profiles, by least squares over two or more points each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor(user=None, viewer=None, source="fit", note="Fitted from operating points")
        done = fit_profiles(actor=actor, dry_run=options["dry_run"])
        for name, reason in done.refused:
            self.stdout.write(f"not fitted: {name}: {reason}")
        for name in done.flagged:
            self.stdout.write(f"poor fit: {name}")
        changes = done.outcome.changes if done.outcome else ()
        kinds = [change.kind for change in changes]
        self.stdout.write(", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "unchanged")))
        if done.outcome is not None and done.outcome.errors:
            for issue in done.outcome.errors:
                self.stderr.write(str(issue))
            sys.exit(REFUSED)
