"""Units, number forms and date orders that files may use instead of the table's own, converted exactly. No Django.

Nothing here is applied by itself: somebody chooses it for a column of a source (mapping.py). Factors are fractions; a
result that needs more digits than its column holds is rounded half-even, and the caller says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

_SCALES = {"": 1, "thousand ": 1000, "million ": 10**6, "billion ": 10**9}
_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
OTHER_FACTOR = "factor"


@dataclass(frozen=True)
class Unit:
    """A unit a file may use: `factor` times its number is the table's number."""

    label: str
    factor: Fraction


def _token_rates(per: str) -> dict[str, Unit]:
    """Rates of tokens, for a column that counts them by `per`."""
    units = {}
    for scale, size in _SCALES.items():
        for period, seconds in _PERIODS.items():
            label = f"{scale}tokens per {period}"
            units[label.replace(" ", "_")] = Unit(label, Fraction(size * _PERIODS[per], seconds))
    units.pop(f"tokens_per_{per}")
    return units


def _units(**named: tuple[str, Fraction | int]) -> dict[str, Unit]:
    return {name: Unit(label, Fraction(factor)) for name, (label, factor) in named.items()}


_COUNTS = _units(
    thousand=("thousands", 1000),
    million=("millions", 10**6),
    billion=("billions", 10**9),
    thousandth=("thousandths", Fraction(1, 1000)),
)
_SHARES = _units(percent=("per cent", Fraction(1, 100)), basis_points=("basis points", Fraction(1, 10_000)))
_POWER = _units(watt=("W", Fraction(1, 1000)), megawatt=("MW", 1000), gigawatt=("GW", 10**6))
_MONEY = _units(cents=("cents", Fraction(1, 100)), thousand=("thousands", 1000), million=("millions", 10**6))
_TOKEN_PRICES = _units(
    cents=("cents", Fraction(1, 100)),
    per_thousand_tokens=("per thousand tokens", 1000),
    per_token=("per token", 10**6),
    cents_per_thousand_tokens=("cents per thousand tokens", 10),
)
_WEEKS = _units(days=("days", Fraction(1, 7)))
_HOURS = _units(
    seconds=("seconds", Fraction(1, 3600)),
    minutes=("minutes", Fraction(1, 60)),
    days=("days", 24),
    weeks=("weeks", 168),
)
_MEMORY = _units(megabyte=("MB", Fraction(1, 1000)), terabyte=("TB", 1000))
_ACCELERATORS = _units(nodes_of_4=("nodes of 4", 4), nodes_of_8=("nodes of 8", 8), nodes_of_16=("nodes of 16", 16))

# The end of a column's name → the units a file may use for it. The first that fits counts.
_BY_END: tuple[tuple[str, dict[str, Unit]], ...] = (
    ("tokens_per_second", _token_rates("second")),
    ("tokens_per_minute", _token_rates("minute")),
    ("_share", _SHARES),
    ("_share_per_month", _SHARES),
    ("_share_per_year", _SHARES),
    ("_kw", _POWER),
    ("usd_per_million_tokens", _TOKEN_PRICES),
    ("price", _TOKEN_PRICES),
    ("_weeks", _WEEKS),
    ("_hours", _HOURS),
    ("_gb", _MEMORY),
    ("accelerators", _ACCELERATORS),
)
_TOKEN_FORECASTS = re.compile(r"(input|output)_p\d\d")


def units_of(column: str) -> dict[str, Unit]:
    """The units a file may use for a column of numbers, besides the column's own."""
    if _TOKEN_FORECASTS.fullmatch(column):
        return _token_rates("second")
    for end, units in _BY_END:
        if column.endswith(end):
            return units
    return _MONEY if "usd" in column.split("_") else _COUNTS


# What in a heading says that another unit may be meant; whoever maps the file then has to choose.
_HINTS = (
    (re.compile(r"\btpm\b|per min|/\s*min|\brpm\b"), "per minute"),
    (re.compile(r"\btps\b|per sec|/\s*s(ec)?\b"), "per second"),
    (re.compile(r"per day|/\s*day|daily"), "per day"),
    (re.compile(r"per hour|/\s*h(our|r)?\b|hourly"), "per hour"),
    (re.compile(r"%|per ?cent|\bpct\b"), "per cent"),
    (re.compile(r"\bgw\b"), "GW"),
    (re.compile(r"\bmw\b"), "MW"),
    (re.compile(r"\bw\b|\bwatts?\b"), "watts"),
    (re.compile(r"\bcents?\b|¢"), "cents"),
    (re.compile(r"\bk\b|thousand|\(000\)|'000|ktok"), "thousands"),
    (re.compile(r"\bm\b|\bmm\b|million|mtok"), "millions"),
    (re.compile(r"€|\beur\b"), "EUR"),
    (re.compile(r"£|\bgbp\b"), "GBP"),
    (re.compile(r"\bdays\b"), "days"),
    (re.compile(r"\bnodes?\b|\bservers?\b"), "nodes"),
)
_OWN_HINTS = {
    "per minute": "per_minute",
    "per second": "per_second",
    "per hour": "per_hour",
    "millions": "per_million",
    "days": "_days",
    "watts": "_w",
    "nodes": "node",
}


def unit_hint(heading: str, column: str) -> str:
    """What the heading says about its unit where that is not the column's own; "" where it says nothing."""
    words = re.sub(r"[_\-.]+", " ", heading.lower())
    for pattern, hint in _HINTS:
        if pattern.search(words) and _OWN_HINTS.get(hint, hint) not in column:
            return hint
    return ""


def bare_heading(heading: str) -> str:
    """The heading without its unit: what stands in brackets, and the words that name one."""
    words = re.sub(r"[(\[].*?[)\]]", " ", heading.lower().replace("_", " "))
    for pattern, _ in _HINTS:
        words = pattern.sub(" ", words)
    return words.strip()


# --- numbers ------------------------------------------------------------------------------------------------------

_NUMBER_FORMS = {
    "comma_groups": (re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII), ",", "."),
    "point_groups": (re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", re.ASCII), ".", ","),
    "space_groups": (re.compile(r"[+-]?(\d{1,3}([ \u00a0\u202f]\d{3})+|\d+)(,\d+)?", re.ASCII), " \u00a0\u202f", ","),
    "apostrophe_groups": (re.compile(r"[+-]?(\d{1,3}(['\u2019]\d{3})+|\d+)(\.\d+)?", re.ASCII), "'\u2019", "."),
}


def plain_number(cell: str, form: str) -> str:
    """The number with a point and no separators, by the form that was chosen; a cell of another form stays as it is."""
    if form not in _NUMBER_FORMS:
        return cell
    pattern, groups, point = _NUMBER_FORMS[form]
    if not pattern.fullmatch(cell):
        return cell
    return "".join(char for char in cell if char not in groups).replace(point, ".")


def times(number: Decimal, factor: Fraction, *, places: int) -> str:
    """factor × number as text: all its digits where they end, else rounded half-even to `places`.

    1.5 million tokens a day are 17.361111 tokens a second to six places; 5 cents are 0.05 dollars whatever the places.
    """
    exact = Fraction(number) * factor
    digits = _digits_after_point(exact.denominator)
    digits = places if digits is None else digits
    # round() of a fraction is exact and half-even; the text is put together because Decimal would round to 28 digits.
    written = f"{abs(round(exact * 10**digits)):0{digits + 1}}"
    text = f"{written[:-digits]}.{written[-digits:]}".rstrip("0").rstrip(".") if digits else written
    return f"-{text}" if exact < 0 and text != "0" else text


def ends(factor: Fraction) -> bool:
    """Whether a number times the factor has an end after the point: cents have, sixtieths and sevenths have not."""
    return _digits_after_point(factor.denominator) is not None


def _digits_after_point(denominator: int) -> int | None:
    """How many digits one over it has after the point; None when they never end."""
    counts = []
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0:
            denominator //= prime
            count += 1
        counts.append(count)
    return max(counts) if denominator == 1 else None


# --- dates --------------------------------------------------------------------------------------------------------

_PARTS = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(.*)", re.ASCII | re.DOTALL)


def iso_day(cell: str, order: str) -> str:
    """The date in ISO form, by the order that was chosen; a cell of another form stays as it is."""
    parts = _PARTS.fullmatch(cell)
    if parts is None or order not in {"day_first", "month_first"}:
        return cell
    first, second, year, rest = parts.groups()
    day, month = (first, second) if order == "day_first" else (second, first)
    return f"{year}-{int(month):02}-{int(day):02}{rest}"


def with_zone(cell: str, zone: str) -> str:
    """A time without a zone as one of the zone that was chosen; a time of its own zone, or no time, stays as it is.

    An hour that clocks show twice is the first of the two.
    """
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return cell
    return cell if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone)).isoformat()
