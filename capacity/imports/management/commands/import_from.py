"""Bring foreign files in through a connector. Exit 0: applied (or a clean dry run). Exit 2: refused, nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from capacity.imports.cells import nearest
from capacity.imports.changes import Actor
from capacity.imports.command_report import database_at_hand, end_with
from capacity.imports.connector_imports import connectors_for, import_from, path_source
from capacity.imports.connectors.contract import ODD_ROWS, Source
from capacity.imports.connectors.registry import CONNECTORS

MOST_SHOWN = 60
RECOGNISE = "auto"


class Command(BaseCommand):
    help = "Import files of other systems: cloud bills, job accounts, gateway logs, metrics, price lists, traces."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "connector", nargs="?", metavar="CONNECTOR", help=f"its name, or {RECOGNISE} to go by the file's form"
        )
        parser.add_argument("paths", nargs="*", type=Path, metavar="FILE")
        parser.add_argument("--list", action="store_true", help="list the connectors with their options, and stop")
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE", help="what the files do not say; repeatable"
        )
        parser.add_argument("--source", default="", help="where the files come from; kept with the import")
        parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list(options["connector"])
            return
        if not options["connector"] or not options["paths"]:
            raise CommandError("Name a connector and at least one file (or --list for the connectors).")
        sources = [self._source(path) for path in options["paths"]]
        name = self._connector(options["connector"], sources)
        actor = Actor(user=None, source=(options["source"] or name)[:80])
        with database_at_hand():
            outcome = import_from(
                connector=name, sources=sources, options=options["option"], actor=actor, dry_run=options["dry_run"]
            )
        end_with(
            self,
            outcome,
            is_dry_run=options["dry_run"],
            most_shown=MOST_SHOWN,
            facts=outcome.facts,
            if_empty="The files hold no row for any table.",
        )

    def _source(self, path: Path) -> Source:
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        return path_source(path)

    def _connector(self, name: str, sources: list[Source]) -> str:
        if name in CONNECTORS:
            return name
        if name != RECOGNISE:
            raise CommandError(f'There is no connector "{name}".{nearest(name, CONNECTORS)} See --list.')
        found = {connector for source in sources for connector in connectors_for(source)}
        if len(found) == 1:
            return found.pop()
        what = f"fit {', '.join(sorted(found))}" if found else "have a form that no connector knows"
        raise CommandError(f"The files {what}. Name one connector, and its files alone.")

    def _list(self, only: str | None) -> None:
        for name, connector in CONNECTORS.items():
            if only and name != only:
                continue
            self.stdout.write(f"{name}: {connector.label} → {', '.join(connector.tables)}")
            self.stdout.write(f"    {connector.help}")
            for option in (*connector.options, ODD_ROWS):
                words = " (needed)" if option.required else f" (default {option.default})" if option.default else ""
                choices = f" One of {', '.join(option.choices)}." if option.choices else ""
                self.stdout.write(f"    --option {option.name}=…{words}  {option.help}{choices}")
