"""The sample files that ship with the importer: small, correct, and broken one cell at a time by the bad-input tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from capacity.imports.services import ImportOutcome, SourceFile, import_files, source_file

SAMPLES = Path(__file__).resolve().parents[2] / "capacity" / "imports" / "samples"
GOOD: dict[str, str] = {path.name: path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.csv"))}


def files_of(tables: Mapping[str, str | bytes]) -> list[SourceFile]:
    return [
        source_file(name=name, content=content.encode() if isinstance(content, str) else content)
        for name, content in tables.items()
    ]


def import_texts(tables: Mapping[str, str | bytes], *, dry_run: bool = False) -> ImportOutcome:
    return import_files(files=files_of(tables), source="test", dry_run=dry_run)


def broken(file: str, old: str, new: str) -> dict[str, str]:
    """The good files with one text replaced, once."""
    assert GOOD[file].count(old) >= 1, (file, old)
    return {**GOOD, file: GOOD[file].replace(old, new, 1)}
