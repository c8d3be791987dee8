"""How a command that imports tells what came out, and how it ends: 0 done, 2 refused.

What belongs here: the words both import commands write. What an import does is services.py and connector_imports.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from capacity.imports.connector_imports import ConnectorOutcome
from capacity.imports.services import ImportOutcome

REFUSED = 2


@contextmanager
def database_at_hand() -> Iterator[None]:
    """CommandError where the database is not."""
    try:
        yield
    except OperationalError as error:
        raise CommandError(f"The database could not take the import now; try again. ({error})") from None


def end_with(
    command: BaseCommand,
    outcome: ImportOutcome | ConnectorOutcome,
    *,
    is_dry_run: bool,
    most_shown: int,
    facts: Sequence[str] = (),
    if_empty: str = "",
) -> None:
    """Writes issues, facts and counts (or `if_empty`); exits with REFUSED where there are errors."""
    for issue in outcome.issues[:most_shown]:
        word = "error" if issue.severity == "E" else "warning"
        command.stderr.write(f"{word} [{issue.code}] {issue}")
    if len(outcome.issues) > most_shown:
        command.stderr.write(f"… and {len(outcome.issues) - most_shown:,} more.")
    for fact in facts:
        command.stdout.write(f"  {fact}")
    if outcome.errors:
        command.stderr.write(f"Refused: {len(outcome.errors):,} errors. Nothing was written.")
        sys.exit(REFUSED)
    for table, counts in outcome.counts.items():
        command.stdout.write(
            f"{table}: {counts['added']} added, {counts['changed']} changed, {counts['unchanged']} unchanged"
        )
    if if_empty and not outcome.counts:
        command.stdout.write(if_empty)
    command.stdout.write("Dry run: nothing was written." if is_dry_run else f"Applied as import {outcome.batch_id}.")
