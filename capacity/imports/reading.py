"""Files as they come in, to sheets of rows: CSV or workbook, which table each is, and how it is to be read.

A file is told by its name unless somebody says otherwise. Nothing is written here, to the database or to disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from capacity.imports.cells import nearest
from capacity.imports.mapping import FileForm, in_our_form
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import (
    MOST_BYTES,
    MOST_LOG_BYTES,
    MOST_LOG_ROWS,
    MOST_ROWS,
    Grid,
    Issue,
    Sheet,
    open_csv,
    read_grid,
)
from capacity.imports.xlsx import is_workbook, open_workbook

ENDINGS = (".csv", ".xlsx")


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file as it came in. `content` None: too big to be read."""

    name: str
    content: bytes | None
    bytes_: int

    @property
    def table_name(self) -> str:
        """The name without its ending and folder: the table's, if somebody named the file after it."""
        return Path(self.name).stem.lower()

    @cached_property
    def sha256(self) -> str:
        """Of the content; "" for a file that was not read."""
        return "" if self.content is None else hashlib.sha256(self.content).hexdigest()

    @property
    def is_workbook(self) -> bool:
        return self.content is not None and (is_workbook(self.content) or self.name.lower().endswith(".xlsx"))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which table a sheet is ("" to leave it out), and how it is to be read; form None: as our own files are."""

    table: str
    form: FileForm | None = None


# (file, name of the sheet or "" for a CSV file, whether it is the file's only one) → what somebody chose for it.
Choose = Callable[[SourceFile, str, bool], Choice]


def by_name(file: SourceFile, sheet: str, is_only: bool) -> Choice:
    """The table the sheet is named after, else (if there is no other sheet) the one the file is named after."""
    known = tables()
    wanted = sheet.strip().lower().replace(" ", "_")
    return Choice(table=file.table_name if wanted not in known and is_only else wanted)


def source_file(*, name: str, content: bytes) -> SourceFile:
    """A file that is already in memory."""
    return SourceFile(name=name, content=content if len(content) <= _most_bytes(name) else None, bytes_=len(content))


def read_source_files(paths: Iterable[Path]) -> list[SourceFile]:
    """The files, and the `*.csv` and `*.xlsx` files of folders, in order of name. Raises FileNotFoundError.

    A file above the size limit is not read; the import then refuses it.
    """
    found: list[SourceFile] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.iterdir() if item.suffix.lower() in ENDINGS)
            if not inside:
                raise FileNotFoundError(f"The folder {path} holds no .csv or .xlsx file.")
            found.extend(_read(item) for item in inside)
        elif path.is_file():
            found.append(_read(path))
        else:
            raise FileNotFoundError(f"There is no file {path}.")
    return found


def _read(path: Path) -> SourceFile:
    size = path.stat().st_size
    content = path.read_bytes() if size <= _most_bytes(path.name) else None
    return SourceFile(name=path.name, content=content, bytes_=size)


def _most_bytes(name: str) -> int:
    table = tables().get(Path(name).stem.lower())
    return MOST_LOG_BYTES if table is not None and table.is_log and name.lower().endswith(".csv") else MOST_BYTES


def read_files(files: Sequence[SourceFile], *, choose: Choose) -> tuple[dict[str, list[Sheet]], list[Issue]]:
    """Table name → its sheets as read, and what was wrong with the files so far."""
    sheets: dict[str, list[Sheet]] = {}
    issues: list[Issue] = []
    known = tables()
    for file in files:
        grids = open_file(file, choose=choose)
        for grid in grids:
            choice = choose(file, grid.sheet, len(grids) == 1)
            if not choice.table:
                continue
            table = known.get(choice.table)
            if table is None:
                issues.extend(grid.issues or [_unknown_table(grid, choice.table)])
                continue
            sheet = _sheet(grid, choice, table)
            issues.extend(sheet.issues)
            sheets.setdefault(table.name, []).append(sheet)
    return sheets, issues


def open_file(file: SourceFile, *, choose: Choose = by_name) -> list[Grid]:
    """The sheets of a file as lines of cells; a CSV file has one."""
    if file.content is None:
        message = (
            f"The file has {file.bytes_:,} bytes; at most {_most_bytes(file.name):,} are read. Split it into parts."
        )
        return [Grid(file=file.name, issues=(Issue(file=file.name, code="too_big", message=message),))]
    if file.is_workbook:
        return open_workbook(file=file.name, content=file.content)
    choice = choose(file, "", True)
    separator = choice.form.separator if choice.form else ","
    table = tables().get(choice.table)
    most = MOST_LOG_BYTES if table is not None and table.is_log else MOST_BYTES
    return [open_csv(file=file.name, content=file.content, separator=separator, most_bytes=most)]


def _sheet(grid: Grid, choice: Choice, table: Table) -> Sheet:
    ours = in_our_form(grid, choice.form, table) if choice.form and grid.header else grid
    most_rows = MOST_LOG_ROWS if table.is_log else MOST_ROWS
    return read_grid(ours, columns=table.columns, key=table.key, most_rows=most_rows, lazily=table.is_log)


def _unknown_table(grid: Grid, name: str) -> Issue:
    known = tables()
    message = f'There is no table "{name}".{nearest(name, known)} '
    what = "sheet" if grid.sheet else "file"
    message += f"A {what} is named after its table: {', '.join(sorted(known))}."
    return Issue(file=grid.file, code="unknown_table", message=message)
