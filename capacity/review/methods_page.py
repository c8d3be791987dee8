"""docs/methods.md as a page: HTML with an anchor at each heading, and the table of contents. Made once a process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import markdown
from django.utils.safestring import SafeString

METHODS_FILE = Path(__file__).resolve().parents[2] / "docs" / "methods.md"
# Of the form of a file the page keeps what it is for: its fields are read beside the file, in the project's own text.
_FILE_FORM = re.compile(r"(?<=^## Contract file\n\n)(.*?\n)\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
_ITS_FIELDS = "Every field, with examples, stands in `docs/methods.md` and `contracts/examples/` of the installation."
# Tables of codes and the like, marked in the file: <!-- not on the page: WHAT --> … <!-- end -->.
_NOT_SHOWN = re.compile(r"<!-- not on the page: (.*?) -->.*?<!-- end -->", re.DOTALL)
_STANDS = r"\1: `docs/methods.md` of the installation."
# Where the code stands is read beside the code, like the file itself.
_CODE = re.compile(r"\s*\bCode: `.*$", re.MULTILINE)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MethodsPage:
    """body: the text without its title. toc: (level, anchor, heading) of every section."""

    body: SafeString
    toc: tuple[tuple[int, str, str], ...]


@cache
def methods_page() -> MethodsPage:
    """The page. The file is the project's own, so its HTML is trusted."""
    text = METHODS_FILE.read_text(encoding="utf-8").partition("\n")[2]
    text = _FILE_FORM.sub(rf"\1\n{_ITS_FIELDS}\n\n", text, count=1)
    text = _CODE.sub("", _NOT_SHOWN.sub(_STANDS, text))
    writer = markdown.Markdown(extensions=["tables", "sane_lists", "toc"])
    html = writer.convert(text)
    toc: list[tuple[int, str, str]] = []
    _flatten(writer.toc_tokens, toc)
    # Wide tables and formulas scroll inside their own box, which the keyboard can reach.
    number = count(1)
    html = _TABLE.sub(lambda found: _scrolled(found.group(), next(number)), html)
    return MethodsPage(body=SafeString(html.replace("<pre>", '<pre tabindex="0">')), toc=tuple(toc))


def _scrolled(table: str, number: int) -> str:
    """The table in a named box. A head without words is no head: screen readers would announce nothing."""
    table = table.replace("<th></th>", "<td></td>")
    return f'<div class="scroll" role="region" aria-label="Table {number}" tabindex="0">{table}</div>'


def _flatten(tokens: list[dict[str, Any]], into: list[tuple[int, str, str]]) -> None:
    for token in tokens:
        into.append((token["level"], token["id"], token["name"]))
        _flatten(token["children"], into)
