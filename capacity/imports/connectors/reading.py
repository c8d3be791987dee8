"""Foreign files as streams of rows: CSV of any width, JSON lines, long JSON arrays, packed with gzip or not. Pure.

Nothing holds a whole file, so that a file of 200 MB needs no more memory than a small one.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, cast

from capacity.imports.cells import CellError, nearest
from capacity.imports.connectors.contract import Findings, Source

# Unpacked bytes that are read at most: 300 bytes for each of a million rows, and room.
MOST_BYTES = 512 * 1024 * 1024
MOST_ROWS = 2_000_000
HEAD_BYTES = 16 * 1024
_GZIP = b"\x1f\x8b"
_CHUNK = 1024 * 1024
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_LARGEST = Decimal(10) ** 15


class _Counted(io.RawIOBase):
    """A stream that stops with CellError after MOST_BYTES, packed or not: a small .gz can hold a very big file."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.left = MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self.stream.read(len(buffer))
        self.left -= len(part)
        if self.left < 0:
            raise CellError("too_big", f"The file has more than {MOST_BYTES:,} bytes. Split it into parts.")
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self.stream.close()
        super().close()


def open_bytes(source: Source) -> io.BufferedReader:
    """The bytes of the file, unpacked."""
    stream: io.BufferedReader = io.BufferedReader(_Counted(source.open()), 64 * 1024)
    if stream.peek(2)[:2] != _GZIP:
        return stream
    return io.BufferedReader(_Counted(cast(BinaryIO, gzip.GzipFile(fileobj=stream))), 64 * 1024)


def open_text(source: Source) -> io.TextIOWrapper:
    """The file as text: UTF-8 (with or without a mark) or UTF-16 with one."""
    stream = open_bytes(source)
    is_wide = stream.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return io.TextIOWrapper(stream, encoding="utf-16" if is_wide else "utf-8-sig", newline="")


def head_of(content: bytes) -> str:
    """The beginning of a file as text, for recognising it; "" when it is not text."""
    head = content[:HEAD_BYTES]
    if head.startswith(_GZIP):
        try:
            head = gzip.GzipFile(fileobj=io.BytesIO(content)).read(HEAD_BYTES)
        except (OSError, EOFError):
            return ""
    is_wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    # The last character may be cut in half.
    text = head.decode("utf-16" if is_wide else "utf-8-sig", errors="ignore")
    return "" if "\x00" in text else text


def header_of(content: bytes, delimiter: str = ",") -> frozenset[str]:
    """The column names of the first line of a file, for recognising it."""
    lines = head_of(content).splitlines()
    if not lines:
        return frozenset()
    try:
        cells = next(csv.reader([lines[0]], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return frozenset()
    return frozenset(cell.strip() for cell in cells)


@dataclass(frozen=True, kw_only=True)
class Csv:
    """An open CSV file. `rows`: row number as a spreadsheet shows it, and the cells; short or long rows are issues."""

    file: str
    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]

    def places(self, *names: str) -> tuple[int, ...]:
        """Where the columns stand; -1 for those the file does not have."""
        return tuple(self.header.index(name) if name in self.header else -1 for name in names)

    def place(self, *names: str) -> int:
        """Where the first of these columns stands that the file has, or -1."""
        return next((self.header.index(name) for name in names if name in self.header), -1)


def open_csv(source: Source, findings: Findings, *, needed: Sequence[str] = (), delimiter: str = ",") -> Csv | None:
    """The file with its header, or None and issues when it cannot be read or lacks a `needed` column."""
    lines = _lines(source, findings, delimiter)
    first = next(lines, None)
    if first is None:
        if not any(issue.file == source.name for issue in findings.issues):
            findings.say(source.name, "empty_file", "The file is empty.")
        return None
    header = tuple(cell.strip() for cell in first[1])
    missing = [name for name in needed if name not in header]
    for name in missing:
        hint = nearest(name, header)
        message = f'The column "{name}" is missing, and this format needs it.{hint}'
        findings.say(source.name, "missing_column", message, row=1, column=name)
    return None if missing else Csv(file=source.name, header=header, rows=_whole(source.name, findings, header, lines))


def _lines(source: Source, findings: Findings, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        with open_text(source) as text:
            # Slurm quotes nothing: a quotation mark in a job's name is a letter like any other.
            plain_text = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            rows = plain_text if delimiter == "|" else csv.reader(text, delimiter=delimiter)
            for number, cells in enumerate(rows, start=1):
                if number > MOST_ROWS + 1:
                    findings.say(source.name, "too_many_rows", f"More than {MOST_ROWS:,} rows. Split it into parts.")
                    return
                if cells:
                    yield number, cells
    except UnicodeDecodeError:
        message = f"The file is not UTF-8 text (near row {number + 1}). Save it with UTF-8 encoding."
        findings.say(source.name, "bad_encoding", message)
    except csv.Error as error:
        findings.say(source.name, "not_csv", f"The row is not CSV ({error}).", row=number + 1)
    except CellError as error:
        findings.say(source.name, error.code, error.message)
    except (OSError, EOFError) as error:
        findings.say(source.name, "not_readable", f"The file is damaged or cut off ({error}).")


def _whole(
    file: str, findings: Findings, header: Sequence[str], lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    width = len(header)
    for number, cells in lines:
        if len(cells) == width:
            yield number, cells
        else:
            message = f"The row has {len(cells)} cells, the header {width}."
            findings.odd(file, "wrong_cell_count", message, row=number)


def json_lines(source: Source, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a file with one JSON object a line, with the number of the line."""
    number = 0
    try:
        with open_text(source) as text:
            for number, line in enumerate(text, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line, parse_float=Decimal)
                except ValueError:
                    findings.odd(source.name, "not_json", "The line is not a JSON object.", row=number)
                    continue
                if isinstance(value, dict):
                    yield number, value
                else:
                    findings.odd(source.name, "not_json", "The line is not a JSON object.", row=number)
    except UnicodeDecodeError:
        findings.say(source.name, "bad_encoding", f"The file is not UTF-8 text (near line {number + 1}).")
    except CellError as error:
        findings.say(source.name, error.code, error.message)
    except (OSError, EOFError) as error:
        findings.say(source.name, "not_readable", f"The file is damaged or cut off ({error}).")


def json_items(source: Source, findings: Findings, *, after: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON array, one at a time: the array the file is, or the one after the key `after`.

    Numbered from 1. A damaged end is an issue; what came before it is given.
    """
    try:
        with open_text(source) as text:
            yield from _items(source.name, text, findings, after)
    except UnicodeDecodeError:
        findings.say(source.name, "bad_encoding", "The file is not UTF-8 text.")
    except CellError as error:
        findings.say(source.name, error.code, error.message)
    except (OSError, EOFError) as error:
        findings.say(source.name, "not_readable", f"The file is damaged or cut off ({error}).")


def _items(file: str, text: io.TextIOWrapper, findings: Findings, after: str) -> Iterator[tuple[int, dict[str, Any]]]:
    buffer, position = _array_start(text, after)
    if position < 0:
        findings.say(file, "not_json", f"There is no list{f' under {after}' if after else ''} in the file.")
        return
    decoder = json.JSONDecoder(parse_float=Decimal)
    number = 0
    chunk = _CHUNK
    while True:
        position = _next_item(buffer, position)
        if buffer[position : position + 1] == "]":
            return
        try:
            value, end = decoder.raw_decode(buffer, position)
        except ValueError:
            more = text.read(chunk)
            if not more:
                findings.say(file, "not_json", f"The JSON is cut off or damaged after item {number}.", row=number + 1)
                return
            # An item longer than what is read so far: ask for twice as much, so that it is tried only a few times.
            buffer, position, chunk = buffer[position:] + more, 0, chunk * 2
            continue
        number += 1
        if isinstance(value, dict):
            yield number, value
        else:
            findings.odd(file, "not_json", "The item is not a JSON object.", row=number)
        position, chunk = end, _CHUNK


def _array_start(text: io.TextIOWrapper, after: str) -> tuple[str, int]:
    """What was read and the place behind the `[` of the list; -1 when there is none in the first megabyte."""
    buffer = text.read(_CHUNK)
    if after:
        found = re.search(rf'"{re.escape(after)}"\s*:\s*\[', buffer)
        return buffer, found.end() if found else -1
    found = re.match(r"\s*\[", buffer)
    return buffer, found.end() if found else -1


def _next_item(buffer: str, position: int) -> int:
    while position < len(buffer) and buffer[position] in " \t\r\n,":
        position += 1
    return position


def number(cell: str) -> Decimal:
    """A number as programs write it: a point, perhaps an exponent. Raises CellError for NaN, words and separators."""
    if len(cell) > 60 or not _PLAIN.fullmatch(cell):
        if cell.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
            raise CellError("not_a_number", f'"{cell}" is not a number.')
        raise CellError("not_a_number", f'"{cell[:60]}" is not a number. Digits with a point are read.')
    value = Decimal(cell)
    if abs(value) >= _LARGEST:
        raise CellError("too_large", f"{cell} is too large: below 10^15.")
    return value


def plain(value: Decimal, places: int) -> str:
    """The number rounded to `places`, without an exponent, trailing zeros or a negative zero."""
    text = f"{round(value, places):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
