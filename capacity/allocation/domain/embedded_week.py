"""A week of serving in whole replicas as rows of an integer program: within the packing program, or alone.

What belongs here: the exact rows of a week for which no cut is strong enough, and reading serving back from a solution
(methods: Packing). Cuts are `serving_cuts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Protocol

from capacity.allocation.domain.arrays import Arrays, ClassRow
from capacity.allocation.domain.cp_sat import maximise
from capacity.allocation.domain.integer_program import Effort, IntegerProgram
from capacity.allocation.domain.packing_program import PackingProgram
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue
from capacity.allocation.domain.solver import SolverFailed

# Work whose common denominator is larger is rounded in favour of the packing, which keeps the bound valid.
MOST_SCALE = 10**6
USD_STEPS = 10**7


def embed_week(
    packing: PackingProgram, arrays: Arrays, week: int, *, held: ExperimentUse, frozen: Mapping[int, TierValue]
) -> EmbeddedWeek:
    """Puts the week's whole-replica serving at its frozen values into the packing program."""
    return _Embedding(packing, arrays, week, held, frozen).define()


def serve_week(
    arrays: Arrays, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue], effort: Effort
) -> Plan | None:
    """Serving of the week at its frozen values in what `use` leaves; None where there is none, or none was found."""
    alone = _WeekAlone()
    embedded = _Embedding(alone, arrays, week, use, frozen).define()
    try:
        found = maximise(alone.program, {}, effort=effort)
    except SolverFailed:
        return None
    return None if found is None or found.values is None else embedded.serving(found.values)


class _Around(Protocol):
    """What a week is put into: a packing program, or a program of its own."""

    @property
    def program(self) -> IntegerProgram: ...

    def add_serving_variable(self, upper: int) -> int: ...

    def in_pool(self, pool: int, week: int) -> list[tuple[int, int]]: ...

    def counted_by_floor(self, f: int, week: int) -> list[tuple[int, int]]: ...


class _WeekAlone:
    """A program with nothing but serving in it: what experiments take is in the room it is given."""

    def __init__(self) -> None:
        self.program = IntegerProgram()

    def add_serving_variable(self, upper: int) -> int:
        return self.program.add_variable(upper=upper)

    def in_pool(self, pool: int, week: int) -> list[tuple[int, int]]:
        return []

    def counted_by_floor(self, f: int, week: int) -> list[tuple[int, int]]:
        return []


@dataclass(frozen=True, slots=True)
class EmbeddedWeek:
    """Variables of the week's replicas[class, tier, option], burst[tier, pool] and uses[class, option] by max_pools.

    Where nothing is lost a class's tiers share their replicas, under its last tier.
    """

    arrays: Arrays
    week: int
    replicas: Mapping[tuple[int, int, int], int]
    burst: Mapping[tuple[int, int], int]
    uses: Mapping[tuple[int, int], int]
    is_shared: bool

    def serving(self, values: Sequence[int]) -> Plan:
        """The serving a solution of the packing program holds for the week."""
        counts = {key: values[variable] for key, variable in self.replicas.items() if values[variable]}
        if self.is_shared:
            counts = self._by_tier(counts)
        return Plan(
            replicas={(*key, self.week): count for key, count in counts.items() if count},
            burst={(*key, self.week): values[v] for key, v in self.burst.items() if values[v]},
        )

    def _by_tier(self, counts: Mapping[tuple[int, int, int], int]) -> dict[tuple[int, int, int], int]:
        """Each replica under the first tier that is not yet served by those before it."""
        left: dict[int, dict[int, int]] = {}
        for (c, _, o), count in counts.items():
            left.setdefault(c, {})[o] = count
        split: dict[tuple[int, int, int], int] = {}
        for c, options in left.items():
            row, served, needed = self.arrays.classes[c], Fraction(0), Fraction(0)
            for tier, work in row.work_by_tier[self.week]:
                needed += work
                for o in sorted(options):
                    size = row.options[o].work
                    taken = min(options[o], max(0, ceil((needed - served) / size)))
                    if taken:
                        split[c, tier, o] = taken
                        options[o] -= taken
                        served += taken * size
        return split

    def point(self, plan: Plan) -> dict[int, int]:
        """The plan's serving of the week as values of the variables."""
        totals: dict[tuple[int, int, int], int] = {}
        for (c, tier, o, week), count in plan.replicas.items():
            if week == self.week:
                key = (c, self.last_tier(c), o) if self.is_shared else (c, tier, o)
                totals[key] = totals.get(key, 0) + count
        bought = {key: plan.burst.get((*key, self.week), 0) for key in self.burst}
        used = {(c, o) for (c, _, o), count in totals.items() if count}
        return (
            {variable: totals.get(key, 0) for key, variable in self.replicas.items()}
            | {variable: bought[key] for key, variable in self.burst.items()}
            | {variable: int(key in used) for key, variable in self.uses.items()}
        )

    def last_tier(self, c: int) -> int:
        return next((tier for k, tier, _ in self.replicas if k == c), -1)


class _Embedding:
    def __init__(
        self,
        packing: _Around,
        arrays: Arrays,
        week: int,
        held: ExperimentUse,
        frozen: Mapping[int, TierValue],
    ) -> None:
        self.packing, self.arrays, self.week, self.held, self.frozen = packing, arrays, week, held, frozen
        self.used: dict[int, list[tuple[int, int]]] = {}
        self.of_tier: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.usd: dict[int, list[tuple[int, Fraction]]] = {}
        self.unmet: dict[int, list[tuple[int, Fraction]]] = {}
        self.replicas: dict[tuple[int, int, int], int] = {}
        self.burst: dict[tuple[int, int], int] = {}
        self.uses: dict[tuple[int, int], int] = {}
        self.most: dict[tuple[int, int, int], int] = {}

    def define(self) -> EmbeddedWeek:
        # Work that loses nothing may stay unserved, so that all can be kept without serving all.
        must = all(row.usd != 0 for row in self.arrays.demands if row.work[self.week])
        is_lossless = must and not any(value.usd or value.unmet for value in self.frozen.values())
        for c, row in enumerate(self.arrays.classes):
            if is_lossless:
                self._serve_all(c, row)
            else:
                self._serve_by_tier(c, row)
        if not is_lossless:
            self._buy()
            for tier, value in self.frozen.items():
                self._at_most(self.usd.get(tier, []), value.usd)
                self._at_most(self.unmet.get(tier, []), value.unmet)
        self._room()
        self._spread()
        return EmbeddedWeek(self.arrays, self.week, self.replicas, self.burst, self.uses, is_lossless)

    def _serve_all(self, c: int, row: ClassRow) -> None:
        """Σ_o work_o·r_o ≥ all the class's work."""
        tiers = [tier for tier, _ in row.work_by_tier[self.week] if tier in self.frozen]
        needed = sum((work for tier, work in row.work_by_tier[self.week] if tier in self.frozen), Fraction(0))
        if not needed:
            return
        terms = self._replicas(c, row, tiers[-1], needed)
        self._cover(terms, [], needed)

    def _spread(self) -> None:
        """replicas ≤ (most)·y[c,o]; Σ_o y[c,o] ≤ max_pools, where that is below the number of the class's options."""
        for c, row in enumerate(self.arrays.classes):
            mine = sorted({o for k, _, o in self.replicas if k == c})
            if row.max_pools is None or row.max_pools >= len(mine):
                continue
            for o in mine:
                self.uses[c, o] = self.packing.add_serving_variable(1)
            for (k, tier, o), variable in self.replicas.items():
                if k == c:
                    self.packing.program.add_row([(variable, 1), (self.uses[c, o], -self.most[c, tier, o])], upper=0)
            self.packing.program.add_row([(self.uses[c, o], 1) for o in mine], upper=row.max_pools)

    def _serve_by_tier(self, c: int, row: ClassRow) -> None:
        """Σ_{j≤k} work_o·r[j,o] + Σ_{d of tiers ≤ k} u[d] ≥ Σ work of tiers ≤ k, for each tier k of the class."""
        able: list[tuple[int, Fraction]] = []
        short: list[int] = []
        needed = Fraction(0)
        scale = self._scale(row)
        for tier, work in row.work_by_tier[self.week]:
            if tier not in self.frozen:
                continue
            able += self._replicas(c, row, tier, work)
            needed += work
            for d in row.demands:
                demand = self.arrays.demands[d]
                if demand.tier == tier and demand.work[self.week]:
                    variable = self.packing.add_serving_variable(ceil(demand.work[self.week] * scale))
                    short.append(variable)
                    if demand.usd is None:
                        self.unmet.setdefault(tier, []).append((variable, Fraction(1, scale)))
                    else:
                        self.usd.setdefault(tier, []).append((variable, demand.usd / scale))
            self._cover(able, short, needed, scale=scale)

    def _scale(self, row: ClassRow) -> int:
        parts = [option.work.denominator for option in row.options]
        parts += [work.denominator for _, work in row.work_by_tier[self.week]]
        parts += [self.arrays.demands[d].work[self.week].denominator for d in row.demands]
        return min(MOST_SCALE, lcm(*parts, 1))

    def _replicas(self, c: int, row: ClassRow, tier: int, work: Fraction) -> list[tuple[int, Fraction]]:
        terms = []
        for o, option in enumerate(row.options):
            burst = self.arrays.burst[option.pool]
            there = self.held.pool_free(option.pool, self.week) + (burst.limit[self.week] if burst is not None else 0)
            most = min(ceil(work / option.work), max(0, there) // option.replica)
            variable = self.packing.add_serving_variable(most)
            self.replicas[c, tier, o] = variable
            self.most[c, tier, o] = most
            self.used.setdefault(option.pool, []).append((variable, option.replica))
            self.of_tier.setdefault((tier, option.pool), []).append((variable, option.replica))
            terms.append((variable, option.work))
        return terms

    def _cover(
        self, able: list[tuple[int, Fraction]], short: list[int], needed: Fraction, *, scale: int | None = None
    ) -> None:
        """Rounded towards feasibility where the numbers are not whole at the scale."""
        by = scale or min(MOST_SCALE, lcm(needed.denominator, *(work.denominator for _, work in able)))
        terms = [(variable, ceil(min(work, needed) * by)) for variable, work in able]
        self.packing.program.add_row([*terms, *((variable, 1) for variable in short)], lower=floor(needed * by))

    def _buy(self) -> None:
        """b[k,p] ≤ what tier k's replicas hold there; Σ_k b[k,p] ≤ what can be bought."""
        for pool, burst in enumerate(self.arrays.burst):
            if burst is None or not burst.limit[self.week]:
                continue
            bought = []
            for tier in sorted(burst.tiers):
                carried = self.of_tier.get((tier, pool), [])
                if not carried:
                    continue
                variable = self.packing.add_serving_variable(burst.limit[self.week])
                bought.append((variable, 1))
                self.burst[tier, pool] = variable
                rows = [(variable, 1), *((replica, -size) for replica, size in carried)]
                self.packing.program.add_row(rows, upper=0)
                self.used.setdefault(pool, []).append((variable, -1))
                if burst.usd_per_week:
                    self.usd.setdefault(tier, []).append((variable, burst.usd_per_week))
            self.packing.program.add_row(bought, upper=burst.limit[self.week])

    def _at_most(self, terms: list[tuple[int, Fraction]], value: Fraction) -> None:
        if any(factor for _, factor in terms):
            step = max(factor for _, factor in terms) / USD_STEPS
            rounded = [(variable, floor(factor / step)) for variable, factor in terms]
            self.packing.program.add_row([t for t in rounded if t[1]], upper=ceil(value / step))

    def _room(self) -> None:
        """Serving less burst, and experiments, within each pool and within what each floor leaves."""
        for pool, serving in self.used.items():
            terms = [*serving, *self.packing.in_pool(pool, self.week)]
            self.packing.program.add_row(terms, upper=self.held.pool_free(pool, self.week))
        for f, row in enumerate(self.arrays.floors):
            if row.kept[self.week]:
                terms = [term for pool in sorted(row.pools) for term in self.used.get(pool, [])]
                terms += self.packing.counted_by_floor(f, self.week)
                self.packing.program.add_row(terms, upper=self.held.floor_free(f, self.week))
