"""An import through a connector: foreign files to rows of our tables, all or none, in one batch.

The connector reads (capacity/imports/connectors, pure); here its names are looked up, its rows written and its findings
kept. Rows of measurement stream into their table, so that a million of them need no more memory than a thousand.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports import batches, rules
from capacity.imports.aliases import TABLE_OF_KIND, aliases_of
from capacity.imports.cells import CellError, Column, Value
from capacity.imports.changes import Actor, RowChange
from capacity.imports.connectors import contract
from capacity.imports.connectors.contract import Connector, Line, Names, Settings, Source
from capacity.imports.connectors.options import Given, names_of, read_options
from capacity.imports.connectors.registry import CONNECTORS, recognise
from capacity.imports.described import resource_of
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Issue, Judged, Row, Sheet, read_cell

_FIRST_DAY = date(1990, 1, 1)
_HEAD = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ConnectorOutcome(Judged):
    """What an import through a connector did. counts: table → added, changed, unchanged. facts: told with the result.

    changes: the first changed rows of measurements, all of other tables, with the cells the importer may see.
    """

    applied: bool
    counts: Mapping[str, Mapping[str, int]]
    facts: tuple[str, ...] = ()
    batch_id: int | None = None
    proposal_id: int | None = None
    changes: tuple[RowChange, ...] = ()


def path_source(path: Path) -> Source:
    """A file on disk."""
    return Source(name=path.name, open=lambda: path.open("rb"))


def connectors_for(source: Source) -> list[str]:
    """The names of the connectors that know the format of the file."""
    with source.open() as stream:
        head = stream.read(_HEAD)
    return [found.connector for found in recognise(file_name=source.name, head=head)]


def import_from(
    *, connector: str, sources: Sequence[Source], options: Sequence[str], actor: Actor, dry_run: bool = False
) -> ConnectorOutcome:
    """Read the files with the connector and write its rows, or none of them when there is any error.

    options: each `name=value` or `name:FOREIGN=key`. One batch is kept, of a refused import too; a dry run leaves no
    trace. Raises KeyError for a connector nobody knows.
    """
    chosen = CONNECTORS[connector]
    given = read_options(chosen, options)
    settings = settings_of(chosen, given, actor.viewer)
    run = _Run(connector=chosen, settings=settings, actor=actor, dry_run=dry_run)
    found = run.outcome
    found.issues.extend(given.issues)
    files = [_described(source) for source in sources]
    if not found.has_errors:
        run.write(sources, files)
    if found.has_errors and not dry_run:
        batches.keep_refusal(findings=found, actor=actor, files=files)
    return ConnectorOutcome(
        applied=not found.has_errors and not dry_run and found.proposal_id is None,
        counts=found.counts,
        issues=tuple(sorted(found.issues, key=lambda issue: (issue.severity, issue.file, issue.row or 0))),
        facts=(*run.told.notes, *(f"{number:,} {what}" for what, number in run.told.counts.items() if number)),
        batch_id=found.batch_id,
        proposal_id=found.proposal_id,
        changes=tuple(rules.seen_change(run.known[change.table], actor.viewer, change) for change in found.changes),
    )


def settings_of(connector: Connector, given: Given, viewer: Viewer | None) -> Settings:
    """The options with the names and exchange rates our tables hold; what is wrong goes to `given`."""
    known = tables()
    names: dict[str, Names] = {}
    for option in connector.options:
        if option.kind != "names":
            continue
        table = known.get(option.about)
        keys = frozenset(table.model._default_manager.values_list("key", flat=True)) if table else frozenset()
        may_see = viewer is None or table is None or sight(viewer, resource_of(table), "key") is Sight.FULL
        alias = aliases_of(option.name).find if option.name in TABLE_OF_KIND else None
        names[option.name] = names_of(given, option, keys=keys, alias=alias, may_see=may_see)
    needs_rates = any(option.kind == "rates" for option in connector.options)
    return Settings(values=given.values, names=names, rates=_rates(given) if needs_rates else {})


def _rates(given: Given) -> contract.Rates:
    """The FX rates of our table, and those given: these hold on every day."""
    found: dict[str, list[tuple[date, Decimal]]] = {}
    table = tables().get("fx_rates")
    if table is not None:
        rows = table.model._default_manager.order_by("as_of_date").values_list("currency", "as_of_date", "usd_per_unit")
        for currency, day, rate in rows:
            found.setdefault(currency, []).append((day, rate))
    return {**found, **{currency: [(_FIRST_DAY, rate)] for currency, rate in given.rates.items()}}


@dataclass(kw_only=True)
class _Run:
    """One import while it runs."""

    connector: Connector
    settings: Settings
    actor: Actor
    dry_run: bool
    told: contract.Findings = field(init=False)
    outcome: batches.Findings = field(default_factory=batches.Findings)
    known: Mapping[str, Table] = field(default_factory=tables)
    _is_told: bool = False
    _by_name: dict[str, dict[str, Column]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.told = contract.Findings(leave_odd_out=self.settings.text("odd_rows") == "leave_out")

    def write(self, sources: Sequence[Source], files: Sequence[Mapping[str, Any]]) -> None:
        lines = self.connector.read(sources, self.settings, self.told)
        name = self.connector.tables[0]
        if len(self.connector.tables) == 1 and self.known[name].is_log:
            sheets = {name: self._stream(name, lines, [source.name for source in sources])}
        else:
            sheets = self._kept(lines)
            self.outcome.issues.extend(self._told_now())
        if sheets and not self.outcome.has_errors:
            batches.write_sheets(
                sheets=sheets,
                findings=self.outcome,
                actor=self.actor,
                kind="import",
                files=files,
                dry_run=self.dry_run,
            )
        # A file that is wrong as a whole is not read to its end.
        self.outcome.issues.extend(self._told_now())

    def _told_now(self) -> list[Issue]:
        """What was odd about the files, given once."""
        issues = [] if self._is_told else self.told.close()
        self._is_told = True
        return issues

    def _stream(self, name: str, lines: Iterator[Line], files: Sequence[str]) -> list[Sheet]:
        """Measurements are read while they are written; what was odd about them is told when the last was read."""
        first = next(lines, None)
        if first is None:
            self.outcome.issues.extend(self._told_now())
            self.outcome.counts[name] = {"added": 0, "changed": 0, "unchanged": 0}
            return []
        late: list[Issue] = []
        columns = tuple(first.cells)

        def rows() -> Iterator[Row]:
            for line in itertools.chain([first], lines):
                row = self._row(line)
                if row is not None:
                    yield row
            late.extend(self._told_now())

        rest = [Sheet(file=file, columns=columns) for file in files if file != first.file]
        # One sheet holds the rows of all files: what was odd is known only behind the last of them.
        return [*rest, Sheet(file=first.file, columns=columns, rows=rows(), late=late)]

    def _kept(self, lines: Iterator[Line]) -> dict[str, list[Sheet]]:
        found: dict[str, list[Row]] = {}
        columns: dict[str, dict[str, None]] = {}
        for line in lines:
            row = self._row(line)
            if row is not None:
                found.setdefault(line.table, []).append(row)
                columns.setdefault(line.table, {}).update(dict.fromkeys(line.cells))
        return {
            name: [
                Sheet(file=file, columns=tuple(columns[name]), rows=tuple(row for row in rows if row.file == file))
                for file in dict.fromkeys(row.file for row in rows)
            ]
            for name, rows in found.items()
        }

    def _row(self, line: Line) -> Row | None:
        """The line as typed values; None when a cell cannot be read, which is then told with the foreign row."""
        table = self.known[line.table]
        values: dict[str, Value] = {}
        is_whole = True
        for name, cell in line.cells.items():
            try:
                values[name] = read_cell(self._columns(table)[name], cell.strip(), is_key=name in table.key)
            except CellError as error:
                self.told.odd(line.file, error.code, error.message, row=line.number, column=name)
                is_whole = False
        return Row(file=line.file, number=line.number or 0, values=values) if is_whole else None

    def _columns(self, table: Table) -> Mapping[str, Column]:
        if table.name not in self._by_name:
            self._by_name[table.name] = {column.name: column for column in table.columns}
        return self._by_name[table.name]


def _described(source: Source) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    with source.open() as stream:
        for part in _parts(stream):
            digest.update(part)
            size += len(part)
    return {"name": source.name, "bytes": size, "sha256": digest.hexdigest()}


def _parts(stream: Any) -> Iterator[bytes]:
    while part := stream.read(1024 * 1024):
        yield part
