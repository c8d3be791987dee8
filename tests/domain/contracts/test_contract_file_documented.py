"""The methods page names every field that the reader of contract files accepts."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READERS = sorted((ROOT / "contracts" / "domain").glob("contract_*.py"))
SECTION = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
SECTION = SECTION.partition("\n## Contract file\n")[2].partition("\n## ")[0]
# `row.take("name", …)`, `values.rows(row, "name", …)`, and the parts of a version, which stand in a table of readers.
TAKEN = re.compile(r"""(?:\.take\(|values\.(?:rows|part)\(\s*\w+,)\s*"(\w+)\"""")
PART = re.compile(r'"(\w+)": (?:self\._?\w+(?:\.\w+)?|partial\(\w+|take_or_pay)')
SIDES = {f"{side}_tokens_per_{span}" for side in ("input", "output") for span in ("second", "minute", "month")}


def accepted() -> dict[str, str]:
    """Name → the file that reads it."""
    found = dict.fromkeys(SIDES, "contract_streams.py")
    for path in READERS:
        text = path.read_text(encoding="utf-8")
        found |= dict.fromkeys([*TAKEN.findall(text), *PART.findall(text)], path.name)
    return found


def test_every_field_the_reader_accepts_is_on_the_methods_page() -> None:
    names = accepted()
    assert len(names) > 100
    assert {name: file for name, file in names.items() if f"`{name}`" not in SECTION} == {}
