"""Rules of the style sheet, the scripts and the templates that a content policy and a byte budget ask for."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "static" / "css" / "app.css"
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BUDGET_BYTES = 8_000


def _zipped(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_the_style_sheet_stays_within_its_budget() -> None:
    assert _zipped(CSS) <= BUDGET_BYTES


def test_the_scripts_together_stay_within_their_budget() -> None:
    assert SCRIPTS
    assert sum(map(_zipped, SCRIPTS)) <= BUDGET_BYTES


def test_raw_colours_stand_only_in_the_tokens_layer() -> None:
    css = CSS.read_text()
    start = css.index("@layer tokens {")
    outside = css[:start] + css[css.index("@layer base {") :]
    allowed = outside.replace("--bg-0: #fff;", "")
    assert re.findall(r"#[0-9a-f]{3,8}\b(?!\s*\{)", allowed) == []


def test_every_token_that_is_used_is_defined() -> None:
    css = CSS.read_text()
    defined = set(re.findall(r"(--[\w-]+):", css))
    assert set(re.findall(r"var\((--[\w-]+)", css)) <= defined


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=", text)
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\son[a-z]+=|hx-on", text)


def test_every_include_says_what_it_is_for() -> None:
    silent = [
        path.name
        for path in (ROOT / "templates" / "includes").glob("*.html")
        if not path.read_text().lstrip().startswith("{% comment %}")
    ]
    assert silent == []
