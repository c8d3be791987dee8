"""Lines of cells to rows of values, with every problem found on the way. Pure: no Django, no clock, no files.

Row numbers are those a spreadsheet shows: the header is row 1. Problems are values, gathered and never raised, so
that one look at the report mends the whole file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from capacity.imports.cells import CellError, Column, Value, nearest, unsafe_cell

MOST_BYTES = 20 * 1024 * 1024
# The first cell of a line that explains the columns (the templates have one); such a line is no row.
HELP_MARK = "#help"
MOST_ROWS = 200_000
# Measurements (hours of use, jobs) come by the hundred thousand and are read without being kept.
MOST_LOG_BYTES = 128 * 1024 * 1024
MOST_LOG_ROWS = 1_000_000
ERROR = "E"
WARNING = "W"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A name nobody knows, what kind of thing it should name, and the keys most like it: somebody may say which it is."""

    kind: str
    written: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One thing wrong (E) or odd (W) with the place. `row` None: the whole file; `column` empty: the whole row."""

    file: str
    code: str
    message: str
    row: int | None = None
    column: str = ""
    severity: str = ERROR
    offer: Offer | None = None

    def __str__(self) -> str:
        place = self.file + (f" row {self.row}" if self.row else "") + (f", {self.column}" if self.column else "")
        return f"{place}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Something that came out with issues: errors refuse it, warnings do not."""

    issues: tuple[Issue, ...] = ()

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == ERROR)

    @property
    def warnings(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == WARNING)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row as read. `values` holds the columns that could be read; `broken` names those that could not."""

    file: str
    number: int
    values: Mapping[str, Value]
    broken: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Lazily:
    """Something to go through as often as wanted, made anew each time: a file of a million rows is never a list."""

    make: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        return self.make()


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A file, or a sheet of one, as lines of cells; the first line is the header, and line 1.

    sheet: its name inside a workbook, "" for a CSV file. issues: what was found while it was opened; with an error
    among them there are no lines.
    """

    file: str
    lines: Iterable[Sequence[str]] = ()
    sheet: str = ""
    issues: tuple[Issue, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The headings as written; () when the file cannot be read."""
        try:
            return tuple(cell.strip() for cell in next(iter(self.lines), ()))
        except csv.Error:
            return ()


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A file as read: the columns it has (known ones only), its rows in order, and what was wrong.

    late: where the rows are read while they are gone through, what was wrong with them so far.
    """

    file: str
    columns: tuple[str, ...] = ()
    rows: Iterable[Row] = ()
    issues: tuple[Issue, ...] = ()
    late: list[Issue] = field(default_factory=list)


@dataclass(kw_only=True)
class _Reader:
    file: str
    columns: Mapping[str, Column]
    issues: list[Issue] = field(default_factory=list)

    def say(self, code: str, message: str, *, row: int | None = None, column: str = "") -> None:
        self.issues.append(Issue(file=self.file, code=code, message=message, row=row, column=column))


def read_table(
    *, file: str, content: bytes, columns: Sequence[Column], key: Sequence[str], most_rows: int = MOST_ROWS
) -> Sheet:
    """The rows of one CSV file.

    columns: what the table may have. key: columns that must be there and not empty. Every issue of the file is in
    the result; a file that cannot be read at all has no rows and one issue.
    """
    return read_grid(open_csv(file=file, content=content), columns=columns, key=key, most_rows=most_rows)


def open_csv(*, file: str, content: bytes, separator: str = ",", most_bytes: int = MOST_BYTES) -> Grid:
    """The lines of a CSV file, not yet read further than its encoding."""
    reader = _Reader(file=file, columns={})
    try:
        text = decode(content, most_bytes=most_bytes)
    except CellError as error:
        reader.say(error.code, error.message)
        return Grid(file=file, issues=tuple(reader.issues))
    if not text.strip():
        reader.say("empty_file", "The file is empty. It needs a header row with the names of the columns.")
        return Grid(file=file, issues=tuple(reader.issues))
    return Grid(
        file=file,
        lines=Lazily(make=lambda: csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)),
    )


def read_grid(
    grid: Grid,
    *,
    columns: Sequence[Column],
    key: Sequence[str],
    most_rows: int = MOST_ROWS,
    lazily: bool = False,
) -> Sheet:
    """The rows of a grid as values. lazily: they are read as often as somebody goes through them, and never kept."""
    reader = _Reader(file=grid.file, columns={column.name: column for column in columns}, issues=list(grid.issues))
    if any(issue.severity == ERROR for issue in grid.issues):
        return Sheet(file=grid.file, issues=tuple(reader.issues))
    try:
        first = next(iter(grid.lines), ())
    except csv.Error as error:
        reader.say("not_csv", f"The row is not CSV ({error}). Check its quotation marks.", row=1)
        return Sheet(file=grid.file, issues=tuple(reader.issues))
    header = _header(reader, first, key)
    if header is None:
        return Sheet(file=grid.file, issues=tuple(reader.issues))
    known = tuple(name for name in header if name is not None)
    late = _Reader(file=grid.file, columns=reader.columns)

    def rows() -> Iterator[Row]:
        late.issues.clear()
        return _rows(late, grid.lines, header, frozenset(key), most_rows)

    if lazily:
        return Sheet(
            file=grid.file, columns=known, rows=Lazily(make=rows), issues=tuple(reader.issues), late=late.issues
        )
    found = tuple(rows())
    is_cut = any(issue.code in {"too_many_rows", "not_csv"} for issue in late.issues)
    return Sheet(file=grid.file, columns=known, rows=() if is_cut else found, issues=(*reader.issues, *late.issues))


def _rows(
    reader: _Reader, lines: Iterable[Sequence[str]], header: Sequence[str | None], key: frozenset[str], most_rows: int
) -> Iterator[Row]:
    """The rows under the header. Ends early, with an issue, where the file is too long or no CSV."""
    number, is_any = 1, False
    try:
        for number, cells in enumerate(lines, start=1):
            if number == 1 or not any(cell.strip() for cell in cells) or cells[0].startswith(HELP_MARK):
                continue
            if number > most_rows + 1:
                reader.say("too_many_rows", f"The file has more than {most_rows:,} rows. Split it into parts.")
                return
            is_any = True
            yield _row(reader, number, header, cells, key)
    except csv.Error as error:
        reader.say("not_csv", f"The row is not CSV ({error}). Check its quotation marks.", row=number + 1)
        return
    if not is_any:
        reader.say("no_rows", "The file has a header and no rows. Leave the file out if there is nothing to import.")


def decode(content: bytes, *, most_bytes: int = MOST_BYTES) -> str:
    """UTF-8 (with or without a byte order mark) or UTF-16 with one. Raises CellError for anything else."""
    if len(content) > most_bytes:
        raise CellError(
            "too_big", f"The file has {len(content):,} bytes; at most {most_bytes:,} are read. Split it into parts."
        )
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CellError(
            "bad_encoding", f"The file is not UTF-8 text (near line {line}). Save it as CSV with UTF-8 encoding."
        ) from None
    if "\x00" in text:
        raise CellError(
            "bad_encoding",
            "The file holds zero bytes: it is not CSV text, or UTF-16 without its mark. "
            "Save it as CSV with UTF-8 encoding.",
        )
    return text


def _header(reader: _Reader, cells: Sequence[str], key: Sequence[str]) -> list[str | None] | None:
    """The column names in order, None for those that are not known; None when key columns are missing."""
    names = [cell.strip() for cell in cells]
    if len(names) == 1 and ";" in names[0]:
        reader.say("wrong_separator", "The columns are separated by semicolons. Save the file with commas.", row=1)
        return None
    header: list[str | None] = []
    for name in names:
        if name in header:
            reader.say("repeated_column", f'The column "{name}" is there twice. Leave one.', row=1, column=name)
            header.append(None)
        elif name in reader.columns:
            header.append(name)
        else:
            reader.say(
                "unknown_column",
                f'There is no column "{name}" in this table.{nearest(name, reader.columns)}',
                row=1,
                column=name,
            )
            header.append(None)
    missing = [name for name in key if name not in header and reader.columns[name].when_empty is None]
    for name in missing:
        reader.say("missing_column", f'The column "{name}" is missing; it says which row is meant.', row=1, column=name)
    return None if missing else header


def _row(reader: _Reader, number: int, header: Sequence[str | None], cells: Sequence[str], key: frozenset[str]) -> Row:
    values: dict[str, Value] = {}
    broken: set[str] = set()
    if len(cells) != len(header):
        reader.say(
            "wrong_cell_count",
            f"The row has {len(cells)} cells, the header {len(header)}. A text with a comma needs quotation marks.",
            row=number,
        )
        return Row(file=reader.file, number=number, values={}, broken=frozenset(n for n in header if n) | key)
    for name, cell in zip(header, cells, strict=True):
        if name is None:
            continue
        try:
            values[name] = read_cell(reader.columns[name], unsafe_cell(cell.strip()), is_key=name in key)
        except CellError as error:
            broken.add(name)
            reader.say(error.code, error.message, row=number, column=name)
    for name in key - values.keys() - broken:
        values[name] = reader.columns[name].when_empty
    return Row(file=reader.file, number=number, values=values, broken=frozenset(broken))


def read_cell(column: Column, cell: str, *, is_key: bool = False) -> Value:
    """The value of a cell; None for an empty one, in the key what the column says. Raises CellError."""
    if cell == "" and is_key and column.when_empty is not None:
        return column.when_empty
    if cell == "":
        if column.required or is_key:
            raise CellError("empty", "The cell is empty, and this value is needed.")
        return None
    return column.parse(cell)
