"""An integer program as plain numbers: bounded whole variables, linear rows, at-most-one sets.

What belongs here: the value that is handed to the integer solver and what comes back. What the variables mean is
`packing_program`; who solves it is `cp_sat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Far above any sum of a real problem and far below what overflows 64 bits inside the solver.
FAR = 2**60


@dataclass
class IntegerProgram:
    """Variables 0..n-1 with whole bounds; rows Σ coefficient·variable within [lower, upper]; sets with at most one 1."""

    lower: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    rows: list[tuple[list[int], list[int], int, int]] = field(default_factory=list)
    at_most_one: list[list[int]] = field(default_factory=list)

    def add_variable(self, *, upper: int, lower: int = 0) -> int:
        self.lower.append(lower)
        self.upper.append(max(lower, upper))
        return len(self.lower) - 1

    def add_row(self, terms: Sequence[tuple[int, int]], *, lower: int = -FAR, upper: int = FAR) -> None:
        """Terms are (variable, coefficient). A row that no point within the bounds can break is left out."""
        low = sum(c * (self.lower[v] if c > 0 else self.upper[v]) for v, c in terms)
        high = sum(c * (self.upper[v] if c > 0 else self.lower[v]) for v, c in terms)
        if low >= lower and high <= upper:
            return
        self.rows.append(([v for v, _ in terms], [c for _, c in terms], lower, upper))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: deterministic units (about a second each) for each strategy, the relative gap that is good
    enough, and how many strategies are tried one after another. Never the clock, never the number of cores.
    """

    units: float
    gap: float = 0.0
    searches: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """values: the best point found, None where none was. bound: no point is worth more. is_optimal: proven."""

    values: Sequence[int] | None
    value: int
    bound: int
    is_optimal: bool


Objective = Mapping[int, int]
