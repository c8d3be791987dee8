"""How numbers, weeks and missing values are written: one spelling for pages, plots, CSV headings and exports.

What belongs here: value in, words out. Money in 3 significant digits with the letter attached ($14.2M), a true minus
sign, weeks by their Monday (18 Jan), and the words for a value that is not there. Nothing here computes a figure.
Rounding is half-even, on Decimal, as for all money shown (methods: Conventions).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal

Number = int | float | Decimal | Fraction

MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"
EM_DASH = "\N{EM DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
SIGNIFICANT_DIGITS = 3

_LETTERS = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(1000), "k"))
_LETTER_SIZE = {letter: size for size, letter in _LETTERS}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Absent:
    """A value that is not there, and why. A missing input is never zero.

    `word` is what the reader sees, `kind` names the style, `reason` is a sentence saying why and who can help.
    """

    word: str
    kind: str
    reason: str

    def because(self, reason: str) -> Absent:
        """The same kind of absence with a reason of its own."""
        return replace(self, reason=reason)

    def __str__(self) -> str:
        return self.word


RESTRICTED = Absent("restricted", "restricted", "Hidden from your role by the visibility policy.")
UNSIZED = Absent("unsized", "unsized", "No throughput profile covers this, so its need cannot be computed.")
UNKNOWN_COST = Absent("unknown cost", "unknown", "No cost rate covers this period.")
UNKNOWN_PRICE = Absent("unknown price", "unknown", "A price, a rate of exchange or an expected use is missing.")
NOT_APPLICABLE = Absent("n/a", "na", "This figure does not apply here.")
NOTHING = Absent(EM_DASH, "none", "No value.")


def as_decimal(value: Number) -> Decimal:
    """The value as a Decimal; a float by its shortest spelling (0.1 is one tenth), not its binary value."""
    if isinstance(value, float):
        return Decimal(repr(value))
    return to_decimal(value)


def thousands(value: Number, *, places: int = 0, signed: bool = False) -> str:
    """61,840 or, signed, +1,024 and −3,420. Never "-0"."""
    return _write(as_decimal(value), lambda size: _fixed(size, places), signed=signed)


def compact(value: Number, *, places: int = 1, signed: bool = False) -> str:
    """61.8k for chart labels; values under 1,000 whole."""
    return _write(as_decimal(value), lambda size: _compact_size(size, places), signed=signed)


def usd(value: Number, *, signed: bool = False) -> str:
    """$14.2M, $612k, $1.87: 3 significant digits, the letter attached, the sign before the dollar."""
    return _write(as_decimal(value), lambda size: "$" + _three_digits(size), signed=signed)


def usd_in(value: Number, *, letter: str, places: int = 1, signed: bool = False) -> str:
    """$7.2M in the given letter ("", k, M, B), so that the decimals down a column are equal."""
    unit = _LETTER_SIZE.get(letter, Decimal(1))
    return _write(as_decimal(value), lambda size: f"${_fixed(size / unit, places)}{letter}", signed=signed)


def usd_exact(value: Number, *, signed: bool = False) -> str:
    """$14,203,117.42: to the cent, for the drawer that opens a figure."""
    return _write(as_decimal(value), lambda size: "$" + _fixed(size, 2), signed=signed)


def share(value: Number, *, places: int = 1) -> str:
    """87.6% from 0.876."""
    return _write(as_decimal(value) * 100, lambda size: _fixed(size, places) + "%", signed=False)


def points(value: Number, *, places: int = 1) -> str:
    """+0.6 pt from a change of 0.006 in a share; always with its sign."""
    return _write(as_decimal(value) * 100, lambda size: _fixed(size, places), signed=True) + " pt"


def ratio(value: Number, *, places: int = 1) -> str:
    """6.2× from 6.2."""
    return _write(as_decimal(value), lambda size: _fixed(size, places) + TIMES, signed=False)


def day(value: date, *, year: int | None = None) -> str:
    """18 Jan; with the year when it is not `year`, the year the reader is in."""
    text = f"{value.day} {_MONTHS[value.month - 1]}"
    return text if year is None or value.year == year else f"{text} {value.year}"


def week(value: Week | date, *, year: int | None = None) -> str:
    """A week by its Monday, 18 Jan. A date stands for the week that holds it."""
    monday = value.monday if isinstance(value, Week) else Week.containing(value).monday
    return day(monday, year=year)


def day_range(start: date, end: date, *, year: int | None = None) -> str:
    """Half-open `[start, end)` with an en dash: 23–29 Nov, 28 Dec – 3 Jan. The last day is the day before `end`."""
    last = end - timedelta(days=1)
    if last <= start:
        return day(start, year=year)
    if (start.year, start.month) == (last.year, last.month):
        return f"{start.day}{EN_DASH}{day(last, year=year)}"
    return f"{day(start, year=year if start.year != last.year else None)} {EN_DASH} {day(last, year=year)}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 week, 7 weeks: the count in thousands with the noun in the right number."""
    return f"{thousands(count)} {one if count == 1 else many or one + 's'}"


def _write(value: Decimal, size_text: Callable[[Decimal], str], *, signed: bool) -> str:
    """Writes the size, then the sign, unless the size is written as zero."""
    if not value.is_finite():
        return EM_DASH
    text = size_text(abs(value))
    if not any(digit in text for digit in "123456789"):
        return text
    if value < 0:
        return MINUS + text
    return "+" + text if signed else text


def _fixed(value: Decimal, places: int) -> str:
    return f"{value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN):,}"


def _significant(value: Decimal) -> Decimal:
    """Rounded to 3 significant digits, keeping the zeros that say so (21.0)."""
    exponent = value.adjusted() - SIGNIFICANT_DIGITS + 1
    return value.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_HALF_EVEN)


def _three_digits(size: Decimal) -> str:
    if size == 0:
        return "0"
    rounded = _significant(size)
    for unit, letter in _LETTERS:
        if rounded >= unit:
            return f"{_plain(_significant(rounded / unit))}{letter}"
    return _plain(rounded)


def _plain(rounded: Decimal) -> str:
    """187, 18.7, 1.87, 0.04: no exponent, and under a dollar no zeros after the cents."""
    places = max(0, SIGNIFICANT_DIGITS - 1 - rounded.adjusted())
    text = f"{rounded:,.{places}f}"
    if rounded >= 1 or places <= 2:
        return text
    whole, fraction = text.split(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def _compact_size(size: Decimal, places: int) -> str:
    """The letter is the first one under which the number, as written, would reach 1,000."""
    for unit, letter in _LETTERS:
        below = unit / 1000
        written_below = Decimal(_fixed(size / below, 0 if below == 1 else places).replace(",", ""))
        if written_below >= 1000:
            return _fixed(size / unit, places) + letter
    return _fixed(size, 0)
