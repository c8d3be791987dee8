"""Reading a file with a connector in a test, without a database: what comes out, what is said."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from capacity.imports.connectors.contract import Cells, Findings, Line, Settings, Source
from capacity.imports.connectors.options import names_of, read_options
from capacity.imports.connectors.registry import CONNECTORS
from capacity.imports.tabular import Issue

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, kw_only=True)
class Reading:
    lines: list[Line]
    issues: list[Issue]
    findings: Findings

    def rows(self, table: str = "") -> list[Cells]:
        return [line.cells for line in self.lines if not table or line.table == table]

    def codes(self) -> set[str]:
        return {issue.code for issue in self.issues}

    def errors(self) -> list[str]:
        return [str(issue) for issue in self.issues if issue.severity == "E"]

    def message(self, code: str) -> str:
        return next(issue.message for issue in self.issues if issue.code == code)

    def counted(self, words: str) -> int:
        return sum(number for sentence, number in self.findings.counts.items() if words in sentence)


def source(content: str | bytes, name: str = "file.csv") -> Source:
    data = content.encode() if isinstance(content, str) else content
    return Source(name=name, open=lambda: io.BytesIO(data))


def sample(name: str) -> Source:
    """One of the real excerpts kept with the tests."""
    return Source(name=name, open=lambda: (DATA / name).open("rb"))


def opener(path: Path) -> Callable[[], io.BufferedReader]:
    return lambda: path.open("rb")


def settings(
    connector: str, options: Iterable[str], known: Mapping[str, Iterable[str]]
) -> tuple[Settings, list[Issue]]:
    """The settings of these options; `known`: kind of name → the keys our tables have."""
    chosen = CONNECTORS[connector]
    given = read_options(chosen, list(options))
    names = {
        option.name: names_of(given, option, keys=frozenset(known.get(option.name, ())))
        for option in chosen.options
        if option.kind == "names"
    }
    rates: dict[str, list[tuple[date, Decimal]]] = {
        currency: [(date(1990, 1, 1), rate)] for currency, rate in given.rates.items()
    }
    return Settings(values=given.values, names=names, rates=rates), given.issues


def read(
    connector: str, *sources: Source, options: Iterable[str] = (), known: Mapping[str, Iterable[str]] | None = None
) -> Reading:
    made, issues = settings(connector, options, known or {})
    findings = Findings(leave_odd_out=made.text("odd_rows") == "leave_out", issues=list(issues))
    # As in an import: with a wrong option nothing is read.
    lines = [] if issues else list(CONNECTORS[connector].read(sources, made, findings))
    return Reading(lines=lines, issues=findings.close(), findings=findings)
