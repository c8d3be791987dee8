"""Bring CSV files and workbooks into the tables, or undo an import. Exit 0: done. Exit 2: refused, nothing written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capacity.imports.command_report import REFUSED, database_at_hand, end_with
from capacity.imports.edits import Actor, UndoRefused, undo_batch
from capacity.imports.mapping import remembered_form
from capacity.imports.models import ImportBatch
from capacity.imports.reading import Choice, Choose, SourceFile, by_name, read_source_files
from capacity.imports.services import import_files
from capacity.imports.tables import tables

MOST_SHOWN = 100


class Command(BaseCommand):
    help = "Import .csv and .xlsx files named after their tables: all rows of all files, or none and a list of every issue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="*", type=Path, metavar="FILE_OR_DIR")
        parser.add_argument("--columns", action="store_true", help="list the tables with their columns, and stop")
        parser.add_argument("--source", default="files", help="where the files come from; kept with the import")
        parser.add_argument(
            "--mapping",
            action="store_true",
            help="read the files as was chosen on the imports page for this --source: headings, units, dates",
        )
        parser.add_argument("--undo", type=int, metavar="BATCH", help="put the rows of an import back, and stop")
        parser.add_argument("--note", default="", help="why; kept with the import")
        parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["columns"]:
            self._list_columns()
            return
        if options["undo"] is not None:
            self._undo(options["undo"], source=options["source"][:80], note=options["note"])
            return
        if not options["paths"]:
            raise CommandError("Name at least one file or folder (or --columns for the list of tables).")
        try:
            files = read_source_files(options["paths"])
        except OSError as error:
            raise CommandError(str(error)) from None
        with database_at_hand():
            source = options["source"][:80]
            choose = self._remembered(source) if options["mapping"] else by_name
            actor = Actor(user=None, source=source, note=options["note"])
            outcome = import_files(files=files, actor=actor, dry_run=options["dry_run"], choose=choose)
        end_with(self, outcome, is_dry_run=options["dry_run"], most_shown=MOST_SHOWN)

    def _remembered(self, source: str) -> Choose:
        """Reads each file as the last one of the source for its table was read. CommandError when nothing was kept."""
        known = tables()
        forms = {name: remembered_form(source=source, table=table) for name, table in known.items()}
        if not any(forms.values()):
            raise CommandError(f'No mapping is kept for the source "{source}". Choose one on the imports page first.')

        def choose(file: SourceFile, sheet: str, is_only: bool) -> Choice:
            choice = by_name(file, sheet, is_only)
            return Choice(table=choice.table, form=forms.get(choice.table))

        return choose

    def _undo(self, batch_id: int, *, source: str, note: str) -> None:
        try:
            outcome = undo_batch(batch_id=batch_id, actor=Actor(user=None, source=source, note=note))
        except ImportBatch.DoesNotExist:
            raise CommandError(f"There is no import {batch_id}.") from None
        except UndoRefused as refused:
            for reason in refused.reasons:
                self.stderr.write(reason)
            self.stderr.write("Refused: nothing was written.")
            sys.exit(REFUSED)
        self.stdout.write(f"Import {batch_id} is undone by import {outcome.batch_id}: {len(outcome.changes)} rows.")

    def _list_columns(self) -> None:
        """Every table: its key columns with *, columns that new rows need with !."""
        for table in tables().values():
            marked = [
                column.name + ("*" if column.name in table.key else "!" if column.required else "")
                for column in sorted(table.columns, key=lambda column: column.name not in table.key)
            ]
            self.stdout.write(f"{table.name}.csv: {', '.join(marked)}")
        self.stdout.write("* tells rows apart, ! is needed in new rows. Lists are separated by ; inside a cell.")
