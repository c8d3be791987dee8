"""An import through a connector: foreign files to rows of our tables, all or none, in one batch.

The connector reads (capacity/imports/connectors, pure); here its names are looked up, its rows written and its findings
kept. Rows of measurement stream into their table, so that a million of them need no more memory than a thousand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports import batches, rules
from capacity.imports.aliases import TABLE_OF_KIND, aliases_of
from capacity.imports.changes import Actor
from capacity.imports.connectors import contract
from capacity.imports.connectors.contract import Connector, Line, Names, Settings, Source
from capacity.imports.connectors.options import Given, names_of, read_options
from capacity.imports.connectors.registry import CONNECTORS, recognise
from capacity.imports.described import resource_of
from capacity.imports.log_writing import AT_ONCE, LogWriter, row_of_cells
from capacity.imports.references import ReferenceIndex
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import ERROR, WARNING, Issue, Row, Sheet

_FIRST_DAY = date(1990, 1, 1)
_HEAD = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class ConnectorOutcome:
    """What an import through a connector did. counts: table → added, changed, unchanged. facts: told with the result."""

    applied: bool
    counts: Mapping[str, Mapping[str, int]]
    issues: tuple[Issue, ...]
    facts: tuple[str, ...] = ()
    batch_id: int | None = None

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == ERROR)

    @property
    def warnings(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == WARNING)


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
    run.findings.issues.extend(given.issues)
    files = [_described(source) for source in sources]
    if not run.findings.refused:
        run.write(sources, files)
    if run.findings.refused and not dry_run:
        run.outcome.issues = run.findings.close()
        batches.keep_refusal(findings=run.outcome, actor=actor, files=files)
    return ConnectorOutcome(
        applied=not run.findings.refused and not dry_run,
        counts=run.outcome.counts,
        issues=tuple(sorted(run.findings.close(), key=lambda issue: (issue.severity, issue.file, issue.row or 0))),
        facts=(*run.findings.notes, *(f"{number:,} {what}" for what, number in run.findings.counts.items() if number)),
        batch_id=run.outcome.batch_id,
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
    findings: contract.Findings = field(init=False)
    outcome: batches.Findings = field(default_factory=batches.Findings)
    known: Mapping[str, Table] = field(default_factory=tables)
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.findings = contract.Findings(leave_odd_out=self.settings.text("odd_rows") == "leave_out")

    def write(self, sources: Sequence[Source], files: Sequence[Mapping[str, Any]]) -> None:
        for name in self.connector.tables:
            refused = rules.table_refusal(self.known[name], self.actor.viewer)
            if refused:
                self.findings.say(sources[0].name if sources else "", "not_allowed", refused)
                return
        try:
            with transaction.atomic():
                batches.take_turn(self.connector.tables)
                batch = batches.open_batch(self.actor, "import", files)
                self._rows(sources, batch)
                self.outcome.issues = self.findings.close()
                if self.dry_run or self.findings.refused:
                    raise batches.TakeBack
                batches.close_batch(batch, self.outcome, self.actor)
                self.outcome.batch_id = batch.pk
        except batches.TakeBack:
            pass

    def _rows(self, sources: Sequence[Source], batch: Any) -> None:
        references = ReferenceIndex(tables=self.known)
        writers: dict[str, LogWriter] = {}
        waiting: dict[str, list[Row]] = {}
        for line in self.connector.read(sources, self.settings, self.findings):
            row = self._row(line)
            if row is None:
                continue
            found = waiting.setdefault(line.table, [])
            found.append(row)
            if self.known[line.table].is_log and len(found) >= AT_ONCE:
                self._write_log(writers, references, line.table, found, batch.pk)
                found.clear()
        for name, rows in waiting.items():
            if self.known[name].is_log:
                self._write_log(writers, references, name, rows, batch.pk)
        kept = {name: rows for name, rows in waiting.items() if rows and not self.known[name].is_log}
        if kept and not self.findings.refused:
            self._write_kept(kept, batch)
        for name, writer in writers.items():
            self.outcome.counts[name] = writer.counts()

    def _row(self, line: Line) -> Row | None:
        """The line as typed values; None when a cell cannot be read, which is then told with the foreign row."""
        table = self.known[line.table]
        row, issues = row_of_cells(table=table, cells=line.cells, file=line.file, number=line.number or 0)
        for issue in issues:
            self.findings.odd(issue.file, issue.code, issue.message, row=issue.row, column=issue.column)
        return None if issues else row

    def _write_log(
        self, writers: dict[str, LogWriter], references: ReferenceIndex, name: str, rows: list[Row], batch_id: int
    ) -> None:
        writer = writers.get(name)
        if writer is None:
            writer = LogWriter(
                table=self.known[name], references=references, batch_id=batch_id, viewer=self.actor.viewer
            )
            writers[name] = writer
        writer.write(rows)
        self._take(writer.issues)
        writer.issues.clear()

    def _write_kept(self, kept: Mapping[str, Sequence[Row]], batch: Any) -> None:
        sheets = {
            name: [Sheet(file=rows[0].file, columns=tuple(rows[0].values), rows=tuple(rows))]
            for name, rows in kept.items()
        }
        batches.write_tables(sheets, self.outcome, self.actor, {}, batch)
        self._take(self.outcome.issues)
        if self.outcome.needs:
            message = f"{' '.join(dict.fromkeys(self.outcome.needs))} Import it as a file of its own."
            self.findings.say(kept[next(iter(kept))][0].file, "needs_checker", message)

    def _take(self, issues: Sequence[Issue]) -> None:
        for issue in issues:
            self.findings.say(
                issue.file, issue.code, issue.message, row=issue.row, column=issue.column, severity=issue.severity
            )


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
