"""The methods page is the account of the code: what a docstring cites is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CITATION = re.compile(r"\bmethods: ([A-Z][^).;]*)")


def headings() -> set[str]:
    lines = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").splitlines()
    return {line.lstrip("#").strip() for line in lines if line.startswith("#")}


def cited() -> dict[str, str]:
    """Cited heading → one of the files that cite it, over all code."""
    found = {}
    for path in (path for folder in ("capacity", "workloads", "contracts") for path in (ROOT / folder).rglob("*.py")):
        for names in CITATION.findall(path.read_text(encoding="utf-8")):
            found |= {" ".join(name.split()): path.name for name in names.split(", ")}
    return found


def test_every_cited_heading_is_on_the_page() -> None:
    missing = {name: file for name, file in cited().items() if name not in headings()}
    assert cited()
    assert missing == {}


def test_every_file_the_page_names_exists() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:capacity|workloads|contracts)/[\w/]+\.py)`", text)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_link_inside_the_page_leads_to_a_heading() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    anchors = {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in headings()}
    assert set(re.findall(r"\(#([\w-]+)\)", text)) <= anchors
