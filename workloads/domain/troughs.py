"""Room in the troughs: what live serving holds beyond what it uses on average, and waiting work that would fit there.

Pure. In accelerators of a pool's week. A mean over the week: whether waiting work is done by its deadline is batch.py's,
what a move releases is a what-if's (methods: Room in the troughs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldClass:
    """What one class holds of a pool's week. consumed, spare: shares of it. waits: batch or offline work."""

    model: str
    waits: bool
    accelerators: int
    consumed: Fraction
    spare: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Trough:
    """live: held for interactive and standard work, of which consumed on average and spare; trough: the rest.

    waiting: what batch and offline work consumes in accelerators of its own; fits: of it, what the troughs of replicas of
    the same model would hold.
    """

    live: int
    consumed: Fraction
    spare: Fraction
    waiting: Fraction
    fits: Fraction

    @property
    def trough(self) -> Fraction:
        return self.live - self.consumed - self.spare


def trough_of(held: Iterable[HeldClass]) -> Trough:
    """The trough of one pool's week. Waiting work fits where the same model is loaded already: no other is swapped in."""
    live, consumed, spare, waiting = 0, Fraction(0), Fraction(0), Fraction(0)
    free: dict[str, Fraction] = defaultdict(Fraction)
    asked: dict[str, Fraction] = defaultdict(Fraction)
    for each in held:
        used = each.accelerators * each.consumed
        if each.waits:
            waiting += used
            asked[each.model] += used
            continue
        live += each.accelerators
        consumed += used
        spare += each.accelerators * each.spare
        free[each.model] += each.accelerators * (1 - each.consumed - each.spare)
    fits = sum((min(free[model], asked[model]) for model in asked.keys() & free.keys()), Fraction(0))
    return Trough(live=live, consumed=consumed, spare=spare, waiting=waiting, fits=fits)
