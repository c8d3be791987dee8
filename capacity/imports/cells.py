"""One cell of a table: its text to a value, or a sentence about what is wrong with it. Pure: no Django, no clock.

Numbers have a point and no thousands separators, because "1,000" is one thousand to some and one to others.
Dates are ISO dates. Lists are separated by semicolons. An empty cell means "not known", never zero.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

Value = str | int | bool | Decimal | date | datetime | list[str] | None

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}([,  ']\d{3})+([.,]\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_YEARS = (1990, 2200)
# Longer than any number the tables hold; keeps "9" × 100,000 from costing time.
_LONGEST_NUMBER = 60


class CellError(ValueError):
    """What is wrong with a cell. `code` is for programs; the message says what to write instead."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Parser = Callable[[str], Value]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column a table may have. `required`: the cell may not be empty, and new rows need the column.

    when_empty: for a column of the key, what an empty cell (or a file without the column) stands for, such as "" for a
    use under no contract. Without it, a cell of the key may not be empty.
    """

    name: str
    parse: Parser
    required: bool = False
    when_empty: str | int | None = None


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "x"?` for the most alike known word, else nothing."""
    options = sorted(known)
    lowered = {option.lower(): option for option in options}
    found = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.6)
    return f' Did you mean "{lowered[found[0]]}"?' if found else ""


def text(*, longest: int | None = None) -> Parser:
    def parse(cell: str) -> Value:
        if _CONTROL.search(cell):
            raise CellError("control_character", "The text holds a control character. Type it again by hand.")
        if longest is not None and len(cell) > longest:
            raise CellError("too_long", f"The text has {len(cell)} characters; at most {longest} fit.")
        return cell

    return parse


def choice(*, options: Iterable[str]) -> Parser:
    known = tuple(options)

    def parse(cell: str) -> Value:
        if cell in known:
            return cell
        raise CellError("unknown_choice", f'"{cell}" is not one of {", ".join(known)}.{nearest(cell, known)}')

    return parse


def boolean(cell: str) -> Value:
    if cell.lower() in _WORDS:
        return _WORDS[cell.lower()]
    raise CellError("bad_yes_no", f'"{cell}" is neither yes nor no. Write true or false.')


def integer(*, least: int, most: int) -> Parser:
    def parse(cell: str) -> Value:
        number = _number(cell)
        if not _WHOLE.fullmatch(cell):
            raise CellError("not_whole", f'"{cell}" is not a whole number. Write it without a decimal point.')
        if number < least:
            raise CellError("too_small", f"{cell} is too small: at least {least}.")
        if number > most:
            raise CellError("too_large", f"{cell} is too large: at most {most}.")
        return int(cell)

    return parse


def decimal(*, digits: int, places: int) -> Parser:
    """At most `places` digits after the point and `digits - places` before it: nothing is rounded in silence."""

    def parse(cell: str) -> Value:
        number = _number(cell)
        if number.adjusted() >= digits - places and number != 0:
            raise CellError("too_large", f"{cell} is too large: at most {digits - places} digits before the point.")
        if number and number.adjusted() < -places - 1:
            raise CellError("too_many_decimals", f"{cell} has more than {places} digits after the point. Round it.")
        exact = number.quantize(Decimal(1).scaleb(-places)) if number else Decimal(0)
        if exact != number:
            raise CellError("too_many_decimals", f"{cell} has more than {places} digits after the point. Round it.")
        return number

    return parse


def iso_date(cell: str) -> Value:
    hint = "Write it as year-month-day, such as 2026-11-23."
    if not _DATE.fullmatch(cell):
        raise CellError("bad_date", f'"{cell}" is not a date. {hint}')
    try:
        day = date.fromisoformat(cell)
    except ValueError:
        raise CellError("bad_date", f'"{cell}" is not a day of the calendar. {hint}') from None
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise CellError("bad_date", f'"{cell}" is outside the years {_YEARS[0]} to {_YEARS[1]}.')
    return day


def iso_datetime(cell: str) -> Value:
    hint = "Write it with its time zone, such as 2026-11-23T09:00:00Z."
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise CellError("bad_time", f'"{cell}" is not a time. {hint}') from None
    if moment.tzinfo is None:
        raise CellError("bad_time", f'"{cell}" has no time zone. {hint}')
    return moment.astimezone(UTC)


def words(*, longest: int | None = None) -> Parser:
    """A list inside a cell, separated by semicolons; the order is kept, empty parts and repeats are refused."""
    one = text(longest=longest)

    def parse(cell: str) -> Value:
        parts = [part.strip() for part in cell.split(";")] if cell else []
        if "" in parts:
            raise CellError("empty_part", f'"{cell}" has an empty part. Write a;b without a semicolon too many.')
        repeated = sorted({part for part in parts if parts.count(part) > 1})
        if repeated:
            raise CellError("repeated_part", f'"{repeated[0]}" is listed twice. Leave it once.')
        for part in parts:
            one(part)
        return parts

    return parse


def _number(cell: str) -> Decimal:
    """The number, or the reason why it is none: separators, currency signs, per cent, NaN, too long."""
    if len(cell) > _LONGEST_NUMBER:
        raise CellError("too_large", f"The number has {len(cell)} characters; at most {_LONGEST_NUMBER} are read.")
    if _NUMBER.fullmatch(cell):
        return Decimal(cell)
    if _GROUPED.fullmatch(cell) or ("," in cell and _NUMBER.fullmatch(cell.replace(",", ""))):
        raise CellError(
            "separator", f'"{cell}" has a separator that can be read in two ways. Write 1000 or 0.5, with a point.'
        )
    if cell.endswith("%"):
        raise CellError("not_a_number", f'"{cell}" is a percentage. Write a share of one, such as 0.65.')
    if cell.lower().lstrip("+-") in {"nan", "inf", "infinity"}:
        raise CellError("not_a_number", f'"{cell}" is not a number. Leave the cell empty when it is not known.')
    raise CellError("not_a_number", f'"{cell}" is not a number. Write digits only, without a unit or a currency sign.')


# What a spreadsheet would run as a formula: these at the start of a cell, also after blanks.
_FORMULA = re.compile(r"^\s*[=+\-@|%\t\r]")
_PLAIN_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$", re.ASCII)


def safe_cell(text: str) -> str:
    """The cell as a file for spreadsheets holds it: what could run as a formula gets an apostrophe before it.

    Numbers stay as they are. A text that begins with an apostrophe gets another, so that `unsafe_cell` undoes it exactly.
    """
    is_formula = _FORMULA.match(text) is not None and _PLAIN_NUMBER.match(text) is None
    return f"'{text}" if is_formula or text.startswith("'") else text


def unsafe_cell(text: str) -> str:
    """The cell as `safe_cell` found it. Other cells, also such with an apostrophe of their own, stay as they are."""
    rest = text[1:]
    if text.startswith("'") and safe_cell(rest) == text:
        return rest
    return text
