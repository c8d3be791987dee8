"""Readers of single values of the contract file: amounts, shares, days, meters, steps (methods: Contract file).

Like `reading` of the engine's file: a reader gives the value or records one sentence with its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import Errors, ObjectReader, quoted
from capacity.lib.currencies import CODES
from capacity.lib.money import to_decimal
from contracts.domain.terms import TermsError
from workloads.domain.serving import ServingError

T = TypeVar("T")
Read = Callable[[Any, str, Errors], T | None]

FIRST_DAY, LAST_DAY = date(1990, 1, 1), date(2200, 1, 1)
MOST_PRICE = 10**12
MOST_MULTIPLE = 10**4


def amount(*, at_most: int = MOST_PRICE, above_zero: bool = False) -> Read[Decimal]:
    """Reader of an exact number from 0 (or above it) to `at_most`."""
    number = reading.quantity(above_zero=above_zero)

    def read(value: Any, path: str, errors: Errors) -> Decimal | None:
        found = number(value, path, errors)
        if found is None:
            return None
        if found > at_most:
            errors.add(path, f"{quoted(value)} is more than {at_most:,}, the most that is read here: check the unit")
            return None
        return to_decimal(found)

    return read


def quantity(value: Any, path: str, errors: Errors) -> Decimal | None:
    """Tokens or another quantity, up to 10^18."""
    return amount(at_most=10**18)(value, path, errors)


def share(*, below_one: bool = False) -> Read[Decimal]:
    """Reader of a number from 0 to 1 (or below 1)."""

    def read(value: Any, path: str, errors: Errors) -> Decimal | None:
        found = amount(at_most=1)(value, path, errors) if _is_number(value) and 0 <= value <= 1 else None
        if found is None or (below_one and found == 1):
            errors.add(path, f"expected a share from 0 to {'below 1' if below_one else '1'}, not {quoted(value)}")
            return None
        return found

    return read


def growth(value: Any, path: str, errors: Errors) -> Decimal | None:
    """A share a month above −1 and at most 1."""
    if _is_number(value) and -1 < value <= 1 and (value == 0 or abs(value) >= Decimal("1e-9")):
        return Decimal(value)
    errors.add(path, f"expected a growth above -1 and at most 1 a month, not {quoted(value)}")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def multiple(*, at_least: int = 0, at_most: int = MOST_MULTIPLE) -> Read[Decimal]:
    """Reader of a multiple of expected use."""

    def read(value: Any, path: str, errors: Errors) -> Decimal | None:
        found = amount(at_most=MOST_MULTIPLE)(value, path, errors)
        if found is not None and not at_least <= found <= at_most:
            errors.add(path, f"{quoted(value)} is not between {at_least} and {at_most} times expected use (P50)")
            return None
        return found

    return read


def day(value: Any, path: str, errors: Errors) -> date | None:
    if isinstance(value, str) and len(value) == 10:
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = None
        if found is not None and FIRST_DAY <= found <= LAST_DAY:
            return found
    errors.add(path, f"expected a day such as 2026-12-01, between 1990 and 2200, not {quoted(value)}")
    return None


def time_zone(value: Any, path: str, errors: Errors) -> str | None:
    name = reading.text(value, path, errors)
    if name is None:
        return None
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        errors.add(path, f"expected a time zone such as Europe/Berlin, not {quoted(value)}")
        return None
    return name


def currency(value: Any, path: str, errors: Errors) -> str | None:
    if isinstance(value, str) and value in CODES:
        return str(value)
    errors.add(path, f"expected a currency code of ISO 4217 such as EUR, not {quoted(value)}")
    return None


def one_of(*known: str) -> Read[str]:
    """Reader of one of a few words."""

    def read(value: Any, path: str, errors: Errors) -> str | None:
        if isinstance(value, str) and value in known:
            return str(value)
        errors.add(path, f"expected one of {', '.join(known)}, not {quoted(value)}")
        return None

    return read


def by_meter(value: Any, path: str, errors: Errors, *, read: Read[T]) -> dict[str, T | None]:
    """An object of meter → value; the meters are the contract's own names."""
    row = ObjectReader(value=value, path=path, errors=errors)
    found: dict[str, T | None] = {}
    for name in value if isinstance(value, dict) else ():
        if reading.key(name, path, errors) is not None:
            found[str(name)] = row.take(name, read)
    return found


def rows(parent: ObjectReader, name: str, read: Callable[[ObjectReader], T | None]) -> tuple[T, ...]:
    """Every item of an optional list of objects that could be read; each is closed after `read`."""
    return _rows(parent, parent.take(name, reading.items, []), read)


def rows_or_null(parent: ObjectReader, name: str, read: Callable[[ObjectReader], T | None]) -> tuple[T, ...]:
    """The same, of which null is none."""
    return _rows(parent, parent.take(name, reading.or_null(reading.items), None), read)


def _rows(
    parent: ObjectReader, listed: list[tuple[str, Any]] | None, read: Callable[[ObjectReader], T | None]
) -> tuple[T, ...]:
    found = (read_object(item, path, parent.errors, read) for path, item in listed or ())
    return tuple(one for one in found if one is not None)


def part(parent: ObjectReader, name: str, read: Callable[[ObjectReader], T | None]) -> T | None:
    """An optional object; None where it is absent, null or wrong."""
    return parent.take(name, reading.or_null(lambda value, path, errors: read_object(value, path, errors, read)), None)


def read_object(value: Any, path: str, errors: Errors, read: Callable[[ObjectReader], T | None]) -> T | None:
    """An object read by `read`; what its terms contradict is recorded at its path, unknown names at theirs."""
    row = ObjectReader(value=value, path=path, errors=errors)
    if not row.is_object:
        return None
    before = len(errors.sentences) + errors.beyond
    try:
        found = read(row)
    except (TermsError, ServingError) as error:
        # A value that is missing stands as 0 while the rest is read: what follows from that is not said.
        found = None
        if len(errors.sentences) + errors.beyond == before:
            errors.add(path, str(error).rstrip("."))
    row.close()
    return found if len(errors.sentences) + errors.beyond == before else None


def needed(found: T | None, otherwise: T) -> T:
    """The value, or a stand-in while errors are gathered: a file with an error is never assessed."""
    return otherwise if found is None else found


def fraction(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def repeated(keys: Iterable[str]) -> Iterator[str]:
    """Every key after its first use."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            yield key
        seen.add(key)
