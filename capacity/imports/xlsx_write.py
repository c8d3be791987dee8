"""Rows to a spreadsheet file (XLSX), streamed: a workbook of any size takes the memory of one row.

Numbers and dates stay numbers and dates, with every digit; what a spreadsheet could not hold exactly is written as
text. A text is never a formula. One sheet a table, its first line the names of the columns.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from capacity.imports.rows import cell_text, safe_cell

MOST_ROWS = 1_048_575
# A spreadsheet keeps numbers as doubles: more digits than these come back different.
_EXACT_DIGITS = 15
_FIRST_DAY = date(1899, 12, 30).toordinal()
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PLAIN, _HEAD, _DAY = 0, 1, 2
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>'
    '<xf fontId="1" applyFont="1"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


@dataclass(frozen=True, kw_only=True)
class SheetRows:
    """A sheet: its name, the heads of its columns, and its rows of values (not cells), read as they are written."""

    name: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]


def write_workbook(file: IO[bytes], sheets: Iterable[SheetRows]) -> dict[str, int]:
    """Write the workbook; sheet name → rows written. Raises ValueError for a sheet of more rows than a sheet holds."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
        for number, sheet in enumerate(sheets, start=1):
            with archive.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as part:
                counts[sheet.name] = _write_sheet(part, sheet)
        for name, text in _frame(list(counts)).items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + text)
    return counts


def _write_sheet(part: IO[bytes], sheet: SheetRows) -> int:
    widths = "".join(
        f'<col min="{place}" max="{place}" width="{min(40, max(10, len(head) + 2))}" customWidth="1"/>'
        for place, head in enumerate(sheet.heads, start=1)
    )
    part.write(
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><worksheet xmlns="{_MAIN}"><sheetViews>'
        '<sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        f"</sheetView></sheetViews><cols>{widths}</cols><sheetData>".encode()
    )
    part.write(_row(1, [_text(head, _HEAD) for head in sheet.heads]).encode())
    count = 0
    for count, values in enumerate(sheet.rows, start=1):
        if count > MOST_ROWS:
            raise ValueError(f"a sheet holds at most {MOST_ROWS:,} rows")
        part.write(_row(count + 1, map(_cell, values)).encode("utf-8", "xmlcharrefreplace"))
    part.write(b"</sheetData></worksheet>")
    return count


def _row(number: int, cells: Iterable[str]) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


def _cell(value: Any) -> str:
    """One value: dates as days, exact numbers as numbers, everything else as text; an unknown one as an empty cell."""
    if value is None or value == "" or value == []:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | Decimal) and _is_exact(value):
        return f"<c><v>{cell_text(value)}</v></c>"
    if isinstance(value, date) and not isinstance(value, datetime) and value.year >= 1901:
        return f'<c s="{_DAY}"><v>{value.toordinal() - _FIRST_DAY}</v></c>'
    return _text(safe_cell(cell_text(value)), _PLAIN)


def _is_exact(value: int | Decimal) -> bool:
    number = Decimal(value)
    return (
        number.is_finite()
        and len(number.normalize().as_tuple().digits) <= _EXACT_DIGITS
        and abs(number.adjusted()) < 15
    )


def _text(text: str, style: int) -> str:
    # A line feed stands as it is; a carriage return would become one, unless it is written as a reference.
    inner = escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{inner}</t></is></c>'


def _frame(names: Sequence[str]) -> dict[str, str]:
    """The parts around the sheets: what is in the file and what the sheets are called."""
    numbers = range(1, len(names) + 1)
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>' + "".join(_content_types(numbers)) + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="r{number}"/>'
            for number, name in zip(numbers, names, strict=True)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        + "".join(
            f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in numbers
        )
        + f'<Relationship Id="r{len(names) + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
    }


def _content_types(numbers: Iterable[int]) -> Iterator[str]:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    yield f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
    yield f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>'
    for number in numbers:
        yield f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{kind}.worksheet+xml"/>'
