"""Amounts of many contracts in whole cents, and their sums by any dimension: parts that always make their total. Pure.

Rounded once, from above: the total is the exact sum to the cent, its contracts share it by largest remainder, a
contract's weeks and regions share the contract's (methods: Roll-ups). After that every sum is a sum of cents.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from capacity.lib.money import round_parts

Key = TypeVar("Key", bound=Hashable)

CENT = Decimal("0.01")
# Cents are shared in millionths of one: finer differences do not decide who gets it.
_FINE = 100_000_000
_FINE_PER_CENT = _FINE // 100


def in_cents(parts: Mapping[str, Decimal]) -> dict[str, int]:
    """Each part in whole cents, so that they sum to the exact sum rounded half-even; ties by key."""
    return {key: int(amount.scaleb(2)) for key, amount in round_parts(parts).items()}


def spread_cents(*, total: int, parts: Sequence[Decimal]) -> list[int]:
    """Whole cents that sum to the total, by largest remainder; of equal ones the first.

    parts: amounts of at least 0 that sum to the total but for its own rounding (less than a cent).
    Raises ValueError where they do not.
    """
    fine = [int(part * _FINE) for part in parts]
    floors = [amount // _FINE_PER_CENT for amount in fine]
    missing = total - sum(floors)
    if not 0 <= missing <= len(floors):
        raise ValueError(f"{len(parts)} parts do not make {total} cents: {missing} are missing.")
    if missing:
        order = sorted(range(len(fine)), key=lambda place: -(fine[place] % _FINE_PER_CENT))
        for place in order[:missing]:
            floors[place] += 1
    return floors


def split_cents(*, total: int, weights: Mapping[str, Decimal]) -> dict[str, int]:
    """The total by weights of at least 0 (not all 0), in whole cents that sum to it; of equal remainders the first key.

    A total below 0 is split like its size.
    """
    whole = sum(weights.values(), Decimal(0))
    keys = sorted(weights)
    sizes = spread_cents(total=abs(total), parts=[CENT * abs(total) * weights[key] / whole for key in keys])
    return dict(zip(keys, sizes if total >= 0 else [-size for size in sizes], strict=True))


def usd_of(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents).scaleb(-2)


@dataclass(slots=True)
class Sums(Generic[Key]):
    """Columns summed by key. An amount that is not known joins no sum and makes no zero: it is left out and counted.

    A sum of which nothing is known is None.
    """

    totals: dict[tuple[Key, str], int] = field(default_factory=dict)
    left_out: dict[tuple[Key, str], int] = field(default_factory=dict)

    def add(self, key: Key, column: str, amount: int | None) -> None:
        place = (key, column)
        if amount is None:
            self.left_out[place] = self.left_out.get(place, 0) + 1
        else:
            self.totals[place] = self.totals.get(place, 0) + amount

    def of(self, key: Key, column: str) -> int | None:
        return self.totals.get((key, column))


def grouped(
    rows: Iterable[Mapping[str, object]], key: Callable[[Mapping[str, object]], Key]
) -> dict[Key, list[Mapping[str, object]]]:
    """Rows by a key, in the order in which the keys come."""
    found: dict[Key, list[Mapping[str, object]]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found
