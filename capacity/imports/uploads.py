"""Files somebody brought: kept for a day between being read, looked at and applied, and theirs alone.

The files lie in the database under no name of the sender's; what is applied is held against the tables as they are then,
whatever the preview said. Choices (which table, which headings and units) are kept with the file and for its source.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zlib import crc32

from django.db import transaction
from django.utils import timezone

from capacity.access.models import User
from capacity.imports.aliases import TABLE_OF_KIND
from capacity.imports.changes import Actor
from capacity.imports.edits import apply_rows
from capacity.imports.mapping import (
    FileForm,
    Suggestion,
    form_of_json,
    problems,
    remember_form,
    remembered_form,
    suggest,
)
from capacity.imports.models import Upload, UploadFile
from capacity.imports.reading import Choice, Choose, SourceFile, by_name, open_file
from capacity.imports.services import ImportOutcome, import_files
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Grid

HOURS_KEPT = 24
MOST_FILES = 50
# Of all files of one person that wait to be applied.
MOST_BYTES_KEPT = 300 * 1024 * 1024
SAMPLE_LINES = 3


class UploadRefused(Exception):
    """Why files are not kept: one sentence."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A sheet of an upload as its owner sees it.

    table: which table it is; None while nobody has said. form: how it is read; None for a file in our own form.
    needs: "table", "mapping" or "" when it can be looked at. samples: a few cells under each heading.
    """

    file_id: int
    file: str
    sheet: str
    table: Table | None
    is_left_out: bool
    grid: Grid
    form: FileForm | None
    needs: str
    suggestions: Mapping[str, Suggestion]
    samples: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        return f"{self.file}, sheet {self.sheet}" if self.sheet else self.file

    @property
    def slug(self) -> str:
        """A name for the part's fields and its place on the page."""
        return f"p{self.file_id}-{crc32(self.sheet.encode())}" if self.sheet else f"p{self.file_id}"


@transaction.atomic
def keep_upload(*, user: User, source: str, note: str, files: Sequence[SourceFile], now: datetime) -> Upload:
    """Keep the files for a day. Raises UploadRefused."""
    forget_expired(now=now)
    if not files:
        raise UploadRefused("Choose at least one file.")
    if len(files) > MOST_FILES:
        raise UploadRefused(f"These are {len(files)} files; at most {MOST_FILES} are taken at once.")
    waiting = sum(UploadFile.objects.filter(upload__user=user).values_list("size", flat=True))
    if waiting + sum(file.bytes_ for file in files if file.content is not None) > MOST_BYTES_KEPT:
        raise UploadRefused("Too many of your files wait to be applied. Apply or discard some first.")
    upload = Upload.objects.create(user=user, source=source, note=note, expires_at=now + timedelta(hours=HOURS_KEPT))
    names: set[str] = set()
    for file in files:
        name = _own_name(file.name, names)
        kept = replace(file, name=name)
        UploadFile.objects.create(
            upload=upload, name=name, content=file.content, size=file.bytes_, sha256=file.sha256,
            forms=_first_forms(kept, source),
        )  # fmt: skip
    return upload


def _own_name(name: str, taken: set[str]) -> str:
    """The file's name, cut to what fits; a second file of the name gets a number."""
    short, number = name[-180:], 1
    while short in taken:
        number += 1
        short = f"{name[-180:]} ({number})"
    taken.add(short)
    return short


def _first_forms(file: SourceFile, source: str) -> dict[str, object]:
    """Sheet → which table it seems to be, read as the last file of the source for that table was."""
    forms: dict[str, object] = {}
    grids = open_file(file)
    for grid in grids:
        choice = by_name(file, grid.sheet, len(grids) == 1)
        table = tables().get(choice.table)
        form = remembered_form(source=source, table=table) if table else None
        fits = form is not None and set(form.headings) >= set(_headings(file, grid, form))
        guess = _separator_guess(grid)
        if guess and not fits:
            form = FileForm(separator=guess)
        forms[grid.sheet] = {
            "table": choice.table if table else None,
            "mapping": form.as_json() if form is not None and (fits or guess) else None,
            # A guess is shown, and never used before somebody has agreed.
            "is_guess": bool(guess and not fits),
        }
    return forms


def _separator_guess(grid: Grid) -> str:
    """What seems to separate the columns where it is no comma."""
    if grid.sheet or len(grid.header) != 1:
        return ""
    return next((mark for mark in (";", "\t") if mark in grid.header[0]), "")


def _headings(file: SourceFile, grid: Grid, form: FileForm) -> tuple[str, ...]:
    if form.separator == "," or file.is_workbook:
        return grid.header
    return open_file(file, choose=lambda *_: Choice(table="", form=form))[0].header


def forget_expired(*, now: datetime) -> None:
    Upload.objects.filter(expires_at__lte=now).delete()


def open_upload(*, upload_id: int, user: User, now: datetime) -> Upload | None:
    """The person's own upload while it is kept; None for anybody else's, or none."""
    return Upload.objects.filter(pk=upload_id, user=user, expires_at__gt=now).select_related("batch").first()


def parts_of(upload: Upload) -> list[Part]:
    """Every sheet of the upload, with what is still to be said about it."""
    return [part for kept in upload.files.order_by("id") for part in _parts(kept)]


def _parts(kept: UploadFile) -> list[Part]:
    file = _source_file(kept)
    found = []
    for grid in open_file(file, choose=_choose_for(kept)):
        said = kept.forms.get(grid.sheet, {})
        name, mapping = said.get("table"), said.get("mapping")
        table = tables().get(name or "")
        form = form_of_json(mapping) if mapping else None
        suggestions = suggest(grid.header, table) if table else {}
        found.append(
            Part(
                file_id=kept.pk,
                file=kept.name,
                sheet=grid.sheet,
                table=table,
                is_left_out=name == "",
                grid=grid,
                form=form,
                needs=_needs(grid, name, table, form, is_guess=bool(said.get("is_guess"))),
                suggestions=suggestions,
                samples=_samples(grid),
            )
        )
    return found


def _needs(grid: Grid, name: str | None, table: Table | None, form: FileForm | None, *, is_guess: bool) -> str:
    if name == "" or not grid.header:
        return ""
    if table is None:
        return "table"
    if form is not None:
        return "mapping" if is_guess or problems(form, table, grid.header) else ""
    ours = {column.name for column in table.columns}
    # A misspelt or unknown column among our own is told as an issue with its place; foreign headings are mapped.
    known = [heading for heading in grid.header if heading in ours]
    keys = [name for name in table.key if table.column(name).when_empty is None]
    return "" if set(keys) <= set(known) and len(known) == len(grid.header) else "mapping"


def _samples(grid: Grid) -> dict[str, tuple[str, ...]]:
    """Heading → its first few cells that hold something."""
    headings = grid.header
    found: dict[str, list[str]] = {heading: [] for heading in headings}
    try:
        for number, line in enumerate(grid.lines):
            if number == 0:
                continue
            if number > 50:
                break
            for heading, cell in zip(headings, line, strict=False):
                if cell.strip() and len(found[heading]) < SAMPLE_LINES and cell.strip() not in found[heading]:
                    found[heading].append(cell.strip()[:40])
    except csv.Error:
        # Reading the rows says what is wrong.
        return {}
    return {heading: tuple(cells) for heading, cells in found.items()}


def _source_file(kept: UploadFile) -> SourceFile:
    content = bytes(kept.content) if kept.content is not None else None
    return SourceFile(name=kept.name, content=content, bytes_=kept.size)


def _choose_for(*files: UploadFile) -> Choose:
    said = {kept.name: kept.forms for kept in files}

    def choose(file: SourceFile, sheet: str, is_only: bool) -> Choice:
        chosen = said[file.name].get(sheet, {})
        mapping = chosen.get("mapping")
        return Choice(table=chosen.get("table") or "", form=form_of_json(mapping) if mapping else None)

    return choose


def choose_table(*, upload: Upload, part: Part, table: Table | None) -> None:
    """Say which table the part is; None leaves it out."""
    kept = upload.files.get(pk=part.file_id)
    form = remembered_form(source=upload.source, table=table) if table else None
    if form is None or not set(form.headings) >= set(part.grid.header):
        form = part.form
    kept.forms = {
        **kept.forms,
        part.sheet: {
            "table": table.name if table else "",
            "mapping": form.as_json() if form is not None else None,
            "is_guess": form is part.form,
        },
    }
    kept.save(update_fields=["forms"])


def choose_form(*, upload: Upload, part: Part, form: FileForm | None) -> None:
    """Say how the part is read (None: as it is), and remember it for the source. The form has no problems."""
    kept = upload.files.get(pk=part.file_id)
    assert part.table is not None
    mapping = form.as_json() if form else None
    kept.forms = {**kept.forms, part.sheet: {"table": part.table.name, "mapping": mapping}}
    kept.save(update_fields=["forms"])
    if form is not None:
        remember_form(source=upload.source, table=part.table, form=form, user=upload.user)


def try_separator(*, upload: Upload, part: Part, separator: str) -> None:
    """Read the part's headings again with another separator; what they mean is still to be said."""
    kept = upload.files.get(pk=part.file_id)
    assert part.table is not None
    mapping = FileForm(separator=separator).as_json()
    kept.forms = {**kept.forms, part.sheet: {"table": part.table.name, "mapping": mapping, "is_guess": True}}
    kept.save(update_fields=["forms"])


def preview(*, upload: Upload, actor: Actor) -> ImportOutcome:
    """What applying the upload would do now. Writes nothing."""
    return _import(upload, actor, dry_run=True)


def apply_upload(*, upload: Upload, actor: Actor) -> ImportOutcome:
    """Write the upload's files, all rows or none. Once written (or proposed) the files are let go."""
    outcome = _import(upload, actor, dry_run=False)
    if outcome.applied or outcome.proposal_id:
        upload.batch_id = outcome.batch_id
        upload.save(update_fields=["batch"])
        upload.files.all().delete()
    return outcome


def _import(upload: Upload, actor: Actor, *, dry_run: bool) -> ImportOutcome:
    kept = list(upload.files.order_by("id"))
    files = [_source_file(each) for each in kept]
    return import_files(files=files, actor=actor, choose=_choose_for(*kept), dry_run=dry_run)


def say_alias(*, kind: str, written: str, key: str, actor: Actor) -> None:
    """Write down what a name stands for; a name that stood for something else now stands for this. Raises UploadRefused."""
    table = tables()["aliases"]
    note = f"Said on the imports page, {timezone.now():%-d %b %Y}"
    row = {"kind": kind, "written": written, "key": key, "provenance": note}
    outcome = apply_rows(table=table, rows=[row], actor=actor)
    if outcome.errors:
        raise UploadRefused(outcome.errors[0].message)


def keys_of_kind(kind: str) -> list[str]:
    """The keys an alias of this kind may stand for."""
    table = tables().get(TABLE_OF_KIND.get(kind, ""))
    return sorted(table.model._default_manager.values_list("key", flat=True)) if table else []
