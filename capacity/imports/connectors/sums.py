"""Sums of many foreign rows under few keys, in little memory: whole-number totals in arrays, keys as short texts. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from hashlib import blake2b

SEPARATOR = "\x1f"


def stable_id(prefix: str, *parts: str) -> str:
    """A name that is the same whenever the parts are: what makes a second import change nothing."""
    return f"{prefix}-{blake2b(SEPARATOR.join(parts).encode(), digest_size=12).hexdigest()}"


def fingerprint(*parts: str) -> int:
    """Eight bytes that stand for the parts in a set of what was seen (a million of them need 70 MB, not 300)."""
    return int.from_bytes(blake2b(SEPARATOR.join(parts).encode(), digest_size=8).digest())


class Sums:
    """Totals of `width` whole numbers for each key, in the order in which keys came first."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._place: dict[str, int] = {}
        self._totals = array("q")

    def add(self, key: str, *amounts: int) -> None:
        place = self._place.get(key)
        if place is None:
            place = self._place[key] = len(self._totals)
            self._totals.extend(amounts)
            return
        for offset, amount in enumerate(amounts):
            if amount:
                self._totals[place + offset] += amount

    def __len__(self) -> int:
        return len(self._place)

    def sorted(self) -> Iterator[tuple[list[str], list[int]]]:
        """The parts of each key and its totals, in the order of the keys."""
        for key in sorted(self._place):
            place = self._place[key]
            yield key.split(SEPARATOR), list(self._totals[place : place + self.width])
