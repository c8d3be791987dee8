"""What a connector is: it turns foreign files into cells of our tables, with an Issue for everything odd. Pure.

A connector never guesses in silence: what its files do not say (time zone, currency rate, which pool a name means) is
an option with a name; what it cannot place is left out, counted and listed. Writing the rows is not done here.
"""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from capacity.imports.cells import nearest
from capacity.imports.tabular import ERROR, WARNING, Issue

Cells = dict[str, str]
# Issues of one kind in one file that are listed with their rows; the others are counted in one line.
MOST_OF_A_KIND = 20
MOST_NAMED = 10


class Line(NamedTuple):
    """A row for one of our tables, and the row of the foreign file it comes from (None: a sum of several)."""

    table: str
    cells: Cells
    file: str
    number: int | None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A foreign file. `open` gives a fresh stream of its bytes (still packed, when it is a .gz)."""

    name: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, kw_only=True)
class Option:
    """Something a file may not say itself.

    kind: text | date | moment | zone | number | choice | names | rates. `names` maps foreign names to our keys:
    `pool=key` for all rows, `pool:NAME=key` for one name (with * and ?); `about` is then the table of the keys.
    `rates` gives a number for each of several names: `usd_per_unit:EUR=1.08`.
    """

    name: str
    help: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    default: str = ""
    required: bool = False
    about: str = ""


def _no_alias(name: str) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Names:
    """Foreign names of one kind to our keys: exact ones, patterns, aliases kept in the product, our own keys, default."""

    keys: frozenset[str] = frozenset()
    given: Mapping[str, str] = field(default_factory=dict)
    alias: Callable[[str], str | None] = _no_alias
    default: str = ""
    _found: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def find(self, *foreign: str) -> str:
        """The key for the first of the foreign names that is known, else the default, else ""."""
        for name in foreign:
            if not name:
                continue
            key = self._found.get(name)
            if key is None:
                key = self._found[name] = self._look_up(name)
            if key:
                return key
        return self.default

    def _look_up(self, name: str) -> str:
        if name in self.given:
            return self.given[name]
        for pattern, key in self.given.items():
            if ("*" in pattern or "?" in pattern) and fnmatch.fnmatchcase(name, pattern):
                return key
        return name if name in self.keys else self.alias(name) or ""


# currency → (from this day on, dollars per unit), in order of days.
Rates = Mapping[str, Sequence[tuple[date, Decimal]]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of one import, checked; the names our tables know; the exchange rates they hold."""

    values: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Names] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.values.get(name, "")

    def find(self, kind: str, *foreign: str) -> str:
        names = self.names.get(kind)
        return names.find(*foreign) if names else ""

    def usd_per_unit(self, currency: str, day: date) -> Decimal | None:
        """Dollars for one unit on that day: the last rate at or before it. None: not known."""
        if currency == "USD":
            return Decimal(1)
        earlier = [rate for starts, rate in self.rates.get(currency, ()) if starts <= day]
        return earlier[-1] if earlier else None


@dataclass(kw_only=True)
class Findings:
    """What is said about the files. Errors refuse the import; `odd` rows do too, unless they may be left out."""

    leave_odd_out: bool = False
    issues: list[Issue] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    _seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def say(
        self, file: str, code: str, message: str, *, row: int | None = None, column: str = "", severity: str = ERROR
    ) -> None:
        self._seen[file, code, severity] += 1
        if self._seen[file, code, severity] <= MOST_OF_A_KIND:
            issue = Issue(file=file, code=code, message=message, row=row, column=column, severity=severity)
            self.issues.append(issue)

    def warn(self, file: str, code: str, message: str, *, row: int | None = None, column: str = "") -> None:
        self.say(file, code, message, row=row, column=column, severity=WARNING)

    def odd(self, file: str, code: str, message: str, *, row: int | None = None, column: str = "") -> None:
        """A row that cannot be used. It is an error, or a counted warning with the option odd_rows=leave_out."""
        if self.leave_odd_out:
            self.counts["rows left out because they cannot be read"] += 1
        self.say(file, code, message, row=row, column=column, severity=WARNING if self.leave_odd_out else ERROR)

    def count(self, sentence: str, number: int = 1) -> None:
        """A fact about the files that is told with its number and needs no row."""
        self.counts[sentence] += number

    def note(self, sentence: str) -> None:
        """Something everybody who reads the result should know, such as what the sums are."""
        self.notes.append(sentence)

    def close(self) -> list[Issue]:
        """All issues, with one line for each kind of which not all are listed."""
        more = [
            Issue(
                file=file,
                code=code,
                message=f"{number - MOST_OF_A_KIND:,} more rows like this are not listed.",
                severity=severity,
            )
            for (file, code, severity), number in sorted(self._seen.items())
            if number > MOST_OF_A_KIND
        ]
        return [*self.issues, *more]

    @property
    def refused(self) -> bool:
        return any(issue.severity == ERROR for issue in self.issues)


Reader = Callable[[Sequence[Source], Settings, Findings], Iterator[Line]]


@dataclass(frozen=True, kw_only=True)
class Connector:
    """One foreign format. `looks_like` reads the first bytes of a file (unpacked); `read` gives rows for `tables`.

    `reads_all_at_once`: rows are sums over all files given, so the parts of one export belong in one import.
    """

    name: str
    label: str
    help: str
    tables: tuple[str, ...]
    looks_like: Callable[[bytes], bool]
    read: Reader
    options: tuple[Option, ...] = ()
    reads_all_at_once: bool = False

    def option(self, name: str) -> Option | None:
        return next((option for option in (*self.options, ODD_ROWS) if option.name == name), None)


ODD_ROWS = Option(
    name="odd_rows",
    kind="choice",
    choices=("refuse", "leave_out"),
    default="refuse",
    help="Rows that cannot be read refuse the import (the default), or are left out, counted and listed.",
)
TIMEZONE = Option(
    name="timezone",
    kind="zone",
    help="The zone of times that name none, such as UTC or Europe/Berlin. Needed when the file has such times.",
)
AS_OF = Option(name="as_of_date", kind="date", required=True, help="The day these prices hold from; the file has none.")


def name_option(kind: str, table: str, what: str) -> Option:
    return Option(
        name=kind,
        kind="names",
        about=table,
        help=f"{what} {kind}=KEY for all rows, {kind}:NAME=KEY for one name (* and ? are wildcards).",
    )


@dataclass(kw_only=True)
class Unplaced:
    """Foreign names nothing of ours answers to, with how much stands under each."""

    what: str
    rows: Counter[str] = field(default_factory=Counter)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, name: str, amount: Decimal | None = None) -> None:
        self.rows[name] += 1
        if amount is not None:
            self.amounts[name] = self.amounts.get(name, Decimal(0)) + amount

    def tell(
        self, findings: Findings, file: str, *, column: str, advice: str, code: str = "unplaced", unit: str = ""
    ) -> None:
        """One warning with the count and the biggest names; nothing when all were placed."""
        if not self.rows:
            return
        biggest = sorted(self.rows, key=lambda name: (-abs(self.amounts.get(name, Decimal(self.rows[name]))), name))
        named = [self._one(name, unit) for name in biggest[:MOST_NAMED]]
        rest = f" and {len(biggest) - MOST_NAMED:,} more" if len(biggest) > MOST_NAMED else ""
        total = f", {sum(self.amounts.values()):,.2f} {unit}" if self.amounts else ""
        message = f"{sum(self.rows.values()):,} rows{total}: {self.what}: {', '.join(named)}{rest}. {advice}"
        findings.warn(file, code, message, column=column)

    def _one(self, name: str, unit: str) -> str:
        amount = f", {self.amounts[name]:,.2f} {unit}" if name in self.amounts else ""
        return f'"{name}" ({self.rows[name]:,} rows{amount})'


def wrong_key(kind: str, key: str, keys: frozenset[str]) -> str:
    """The sentence about a key nobody has, with the nearest of `keys`."""
    return f'There is no {kind.replace("_", " ")} "{key}".{nearest(key, keys)}'
