"""Load the demo world through the same import as anybody's files. Taking it out again is removal.py's.

The first load fixes the start week: a later load in another week changes nothing, so that a running demo does not
move its dates. Rows that were there before and are not the demo's are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db import transaction
from django.db.models import Q

from capacity.access.audit import record_event
from capacity.access.models import AuditEvent, User
from capacity.allocation.services import request_run
from capacity.demo.accounts import ACCOUNTS, GRANTED_BY, make_accounts
from capacity.demo.builder import demo_tables, name_decisions
from capacity.demo.decisions import record_demo_decisions
from capacity.demo.moves import keep_moves, keep_requests
from capacity.demo.pipeline import keep_states, move_demo_deals
from capacity.imports import clock
from capacity.imports.references import ReferenceIndex
from capacity.imports.services import ImportOutcome, import_files, source_file
from capacity.imports.tables import tables
from capacity.imports.tabular import read_table
from capacity.lib.horizon import Week

SOURCE = "demo"
LOADED = "demo.loaded"
REMOVED = "demo.removed"


class DemoRefused(Exception):
    """The demo cannot be loaded or removed; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class DemoLoad:
    """What a load did. `monday` is the start of the demo's first week."""

    monday: date
    new_accounts: int
    outcome: ImportOutcome


def loaded_monday() -> date | None:
    """The start week of the demo that is loaded, or None."""
    last = AuditEvent.objects.filter(action__in=[LOADED, REMOVED]).order_by("-id").first()
    return date.fromisoformat(last.subject) if last is not None and last.action == LOADED else None


def load_demo(*, as_of: date, password: str, now: datetime) -> DemoLoad:
    """Accounts and tables of the demo world, all or nothing, and a plan asked for. Raises DemoRefused.

    as_of: a day of the first week (the first load decides). now: when a changed world's plan is asked for.
    """
    monday = Week.containing(as_of).monday
    before = loaded_monday()
    if before is not None:
        monday = before
    contents = demo_tables(monday=monday)
    with transaction.atomic():
        if before is None:
            _refuse_foreign_rows(contents)
            _refuse_foreign_accounts()
        new_accounts = make_accounts(password=password)
        contents = name_decisions(contents, numbers=record_demo_decisions(monday=monday))
        if before is not None:
            contents = keep_requests(keep_moves(keep_states(contents)))
        files = [source_file(name=name, content=content) for name, content in contents.items()]
        # A world of a week to come takes that week for today.
        with clock.at(max(now, datetime.combine(monday, time.min, tzinfo=UTC))):
            outcome = import_files(files=files, source=SOURCE)
        if outcome.errors:
            raise DemoRefused("The demo world was refused: " + "; ".join(str(issue) for issue in outcome.errors[:5]))
        if before is None:
            move_demo_deals(monday=monday)
            # A file that comes twice changes nothing: the demo shows one.
            import_files(files=[file for file in files if file.name == "suppliers.csv"], source=f"{SOURCE}, sent again")
            record_event(action=LOADED, subject=monday.isoformat(), detail=outcome.counts)
        if any(counts["added"] or counts["changed"] for counts in outcome.counts.values()):
            request_run(reason="demo loaded", requested_by=SOURCE, settle=False, now=now)
    return DemoLoad(monday=monday, new_accounts=new_accounts, outcome=outcome)


def _refuse_foreign_rows(contents: Mapping[str, bytes]) -> None:
    for name, found in rows_present(contents).items():
        if found:
            key = ", ".join(str(part) for part in next(iter(found)))
            raise DemoRefused(
                f"The table {name} already has the row {key}, which is not the demo's. Load the demo into a database "
                "of its own, or rename that row."
            )


def _refuse_foreign_accounts() -> None:
    names = [account.username for account in ACCOUNTS]
    taken = User.objects.filter(username__in=names).exclude(are_demo_accounts()).values_list("username", flat=True)
    if taken:
        raise DemoRefused(f"The account {taken[0]} exists and is not the demo's. Rename it first.")


def are_demo_accounts() -> Q:
    return Q(
        username__in=[account.username for account in ACCOUNTS],
        pk__in=User.objects.filter(role_grants__granted_by=GRANTED_BY).values("pk"),
    )


def rows_present(contents: Mapping[str, bytes]) -> dict[str, dict[tuple[object, ...], int]]:
    """Table → those rows of the demo that the database holds (natural key → primary key), in import order."""
    known = tables()
    references = ReferenceIndex(tables=known)
    present: dict[str, dict[tuple[object, ...], int]] = {}
    for name, table in known.items():
        content = contents.get(f"{name}.csv")
        if content is None:
            continue
        sheet = read_table(file=f"{name}.csv", content=content, columns=table.columns, key=table.key)
        wanted = {tuple(row.values[column] for column in table.key) for row in sheet.rows}
        present[name] = {key: pk for key, pk in references.keys(table, table.key).items() if key in wanted}
    return present
