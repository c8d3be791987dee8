"""Reading one JSON value at a time: each reader gives the value, or records one sentence with its path.

What belongs here: types, ranges and unknown names of single values. What they mean together is `problem_file`.
Nothing is raised for a wrong value: all errors are gathered and told at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeVar

from capacity.allocation.domain.problem import KEY_PATTERN
from capacity.lib.horizon import Week

T = TypeVar("T")

MAX_ACCELERATORS = 10**9
MAX_QUANTITY = Decimal(10) ** 18
MIN_QUANTITY = Decimal(10) ** -18
MAX_DIGITS = 40
MAX_ERRORS = 200
REQUIRED: Any = object()
PLAIN = frozenset({int, Decimal})


class UnreadableJSON(Exception):
    """The text is not one JSON document of the accepted kind; the message is a sentence."""


class _Pairs(dict[str, Any]):
    """An object of the file, with the names it repeats."""

    repeated: tuple[str, ...] = ()


class _NotANumber(str):
    """NaN, Infinity or -Infinity, which JSON does not have."""


class _TooManyDigits(str):
    """A number too long to be meant."""


def parse_json(data: bytes) -> Any:
    """The document as dicts, lists and exact numbers (int or Decimal). Raises UnreadableJSON."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableJSON(f"The file is not UTF-8 text (byte {error.start}).") from None
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_NotANumber,
            parse_float=_decimal,
            parse_int=lambda literal: int(literal) if len(literal) <= MAX_DIGITS else _TooManyDigits(literal),
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise UnreadableJSON(f"The file is not JSON: {error.msg} at {place}.") from None
    except RecursionError:
        raise UnreadableJSON("The file is nested too deeply to be read: take objects out of each other.") from None


def _object(pairs: list[tuple[str, Any]]) -> _Pairs:
    row = _Pairs(pairs)
    seen: set[str] = set()
    row.repeated = tuple(sorted({name for name, _ in pairs if name in seen or seen.add(name)}))  # type: ignore[func-returns-value]
    return row


def _decimal(literal: str) -> Decimal | _TooManyDigits:
    try:
        number = Decimal(literal)
    except InvalidOperation:
        return _TooManyDigits(literal)
    return number if len(literal) <= MAX_DIGITS else _TooManyDigits(literal)


def quoted(value: Any) -> str:
    """A value of the file as one short line of plain characters."""
    is_number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    if is_number or isinstance(value, _NotANumber | _TooManyDigits):
        text = str(value)
    elif isinstance(value, dict):
        return "an object"
    elif isinstance(value, list):
        return "a list"
    else:
        text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass
class Errors:
    """Sentences gathered while reading, at most MAX_ERRORS, then a count of the rest."""

    sentences: list[str] = field(default_factory=list)
    beyond: int = 0

    def add(self, path: str, sentence: str) -> None:
        if len(self.sentences) < MAX_ERRORS:
            self.sentences.append(f"{path}: {sentence}.")
        else:
            self.beyond += 1

    def lines(self) -> list[str]:
        rest = [f"$: {self.beyond} more errors of the same file are not listed."] if self.beyond else []
        return [*self.sentences, *rest]

    def __bool__(self) -> bool:
        return bool(self.sentences)


class ObjectReader:
    """Takes named values out of one object of the file; `close` reports the names nobody asked for."""

    def __init__(self, *, value: Any, path: str, errors: Errors) -> None:
        self.path, self.errors = path, errors
        self.is_object = isinstance(value, dict)
        self._row: dict[str, Any] = value if isinstance(value, dict) else {}
        self._taken: set[str] = set()
        if not self.is_object:
            errors.add(path, f"expected an object, not {quoted(value)}")
        for name in getattr(value, "repeated", ()):
            errors.add(path, f"the name {quoted(name)} is given twice")

    def has(self, name: str) -> bool:
        return name in self._row

    def take(self, name: str, read: Callable[[Any, str, Errors], T | None], default: Any = REQUIRED) -> T | None:
        """The value read by `read`, `default` when absent, None when wrong (and then an error is recorded)."""
        self._taken.add(name)
        if name not in self._row:
            if default is REQUIRED:
                if self.is_object:
                    self.errors.add(f"{self.path}.{name}", "is missing")
                return None
            return default  # type: ignore[no-any-return]
        return read(self._row[name], f"{self.path}.{name}", self.errors)

    def close(self) -> None:
        for name in sorted(set(self._row) - self._taken):
            at = f"{self.path}.{name}" if KEY_PATTERN.fullmatch(name) else f"{self.path}[{quoted(name)}]"
            self.errors.add(at, "is not a known name here")


def whole(
    *, at_least: int = 0, at_most: int = MAX_ACCELERATORS, what: str = "a whole number"
) -> Callable[[Any, str, Errors], int | None]:
    """Reader of an integer; 10.0 is the integer 10."""

    def read(value: Any, path: str, errors: Errors) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            errors.add(path, f"expected {what}, not {quoted(value)}")
            return None
        if isinstance(value, Decimal) and value.adjusted() < MAX_DIGITS and value != value.to_integral_value():
            errors.add(path, f"expected {what}, not {quoted(value)}")
            return None
        if not at_least <= value <= at_most:
            errors.add(path, f"{quoted(value)} is not between {at_least} and {at_most}")
            return None
        return int(value)

    return read


def quantity(*, above_zero: bool = False) -> Callable[[Any, str, Errors], Fraction | None]:
    """Reader of an exact number ≥ 0 (or > 0)."""

    def read(value: Any, path: str, errors: Errors) -> Fraction | None:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            errors.add(path, f"expected a number, not {quoted(value)}")
            return None
        if value < 0 or (above_zero and value == 0):
            errors.add(path, f"expected a number {'above' if above_zero else 'of at least'} 0, not {quoted(value)}")
            return None
        if value > MAX_QUANTITY or 0 < value < MIN_QUANTITY:
            errors.add(path, f"{quoted(value)} is outside the range that is read (1e-18 to 1e18): check the unit")
            return None
        return Fraction(value) if value else Fraction(0)

    return read


def boolean(value: Any, path: str, errors: Errors) -> bool | None:
    if isinstance(value, bool):
        return value
    errors.add(path, f"expected true or false, not {quoted(value)}")
    return None


def text(value: Any, path: str, errors: Errors) -> str | None:
    if isinstance(value, str) and not isinstance(value, _NotANumber | _TooManyDigits) and 1 <= len(value) <= 200:
        return str(value)
    errors.add(path, f"expected a text of 1 to 200 characters, not {quoted(value)}")
    return None


def key(value: Any, path: str, errors: Errors) -> str | None:
    is_text = isinstance(value, str) and not isinstance(value, _NotANumber | _TooManyDigits)
    if is_text and KEY_PATTERN.fullmatch(value):
        return str(value)
    errors.add(path, f"expected a key of 1 to 80 letters, digits, dots, dashes and underscores, not {quoted(value)}")
    return None


def week(value: Any, path: str, errors: Errors) -> Week | None:
    if isinstance(value, str) and len(value) == 10:
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        if day is not None and not date(1990, 1, 1) <= day <= date(2200, 1, 1):
            errors.add(path, f"{quoted(value)} is not between 1990 and 2200")
            return None
        if day is not None:
            if day.weekday() == 0:
                return Week(day)
            errors.add(path, f"{value} is a {day:%A}; a week starts on a Monday")
            return None
    errors.add(path, f"expected a Monday such as 2026-11-23, not {quoted(value)}")
    return None


def or_null(read: Callable[[Any, str, Errors], T | None]) -> Callable[[Any, str, Errors], T | None]:
    """The same reader, which also accepts null."""
    return lambda value, path, errors: None if value is None else read(value, path, errors)


def items(value: Any, path: str, errors: Errors) -> list[tuple[str, Any]] | None:
    """A list as (path, value) of each item."""
    if isinstance(value, list):
        return [(f"{path}[{position}]", item) for position, item in enumerate(value)]
    errors.add(path, f"expected a list, not {quoted(value)}")
    return None


def list_of(read: Callable[[Any, str, Errors], T | None]) -> Callable[[Any, str, Errors], tuple[T, ...] | None]:
    """Reader of a list whose every item `read` accepts."""

    def read_list(value: Any, path: str, errors: Errors) -> tuple[T, ...] | None:
        rows = items(value, path, errors)
        if rows is None:
            return None
        found = [read(item, item_path, errors) for item_path, item in rows]
        return None if any(item is None for item in found) else tuple(item for item in found if item is not None)

    return read_list


def is_plain_quantity(value: Any) -> bool:
    """A number that `quantity` accepts, and that may stay as exact as the file wrote it."""
    return type(value) in PLAIN and (value == 0 or MIN_QUANTITY <= value <= MAX_QUANTITY)


def is_plain_whole(value: Any) -> bool:
    """An integer that `whole` accepts with its ordinary limits."""
    return type(value) is int and 0 <= value <= MAX_ACCELERATORS


def weekly(
    read: Callable[[Any, str, Errors], T | None], weeks: int | None, *, plain: Callable[[Any], bool] | None = None
) -> Callable[[Any, str, Errors], tuple[T, ...] | None]:
    """Reader of a list with one value a week; the length is not judged while `weeks` itself is wrong.

    plain: values that `read` would give back as they are; a list of nothing else is taken whole, without paths.
    """

    def read_weekly(value: Any, path: str, errors: Errors) -> tuple[T, ...] | None:
        if isinstance(value, list) and weeks is not None and len(value) != weeks:
            errors.add(path, f"expected {weeks} values, one a week, not {len(value)}")
            return None
        if isinstance(value, list) and plain is not None and all(map(plain, value)):
            return tuple(value)
        return list_of(read)(value, path, errors)

    return read_weekly


def report_repeated(keys: Iterable[tuple[str, str | None]], errors: Errors, what: str = "key") -> None:
    """Records every use of a key after its first. keys: (path, key) in file order."""
    first: dict[str, str] = {}
    for path, name in keys:
        if name is not None and name in first:
            errors.add(path, f"the {what} {name} is already used at {first[name]}")
        elif name is not None:
            first[name] = path
