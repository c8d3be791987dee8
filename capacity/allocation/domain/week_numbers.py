"""What one week of serving asks for, as numbers of the program of `weekly_model`, whatever room it is given.

What belongs here: what depends on the week alone, worked out once and then copied into each program of the week. Room,
tiers held and whole plans are `weekly_program`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from capacity.allocation.domain.serving_numbers import Exact
from capacity.allocation.domain.solver_arrays import Floats
from capacity.allocation.domain.weekly_model import ALL_TIERS, WeekModel

# Work of a class and week below this many accelerators would drown in the solver's absolute tolerances.
SMALL_WORK = 2**-4
# Relative. Work is taken this much lower before it is rounded up to whole replicas.
HAIR = 1e-9
# A rounding whose fraction is smaller than this would have coefficients of unmet work too large for the solver.
LEAST_SHARE = 1e-3


class WeekNumbers:
    """One week of one model.

    exact: work by group × scale; segments: unmet work by segment × scale; work and needed (of this and the tiers before
    it in its class) in accelerators at the best rate; unit: what a group's rows are divided by. lower, upper, values,
    row_lower, row_upper: as if there were no end of room. most: replicas by column that its work can use.
    rounded_need: right-hand sides of the rounded balances, -inf where there is none.
    """

    def __init__(self, model: WeekModel, week: int) -> None:
        self.model, self.arrays = model, model.arrays
        numbers = self.arrays.numbers
        self.exact: Exact = numbers.group_work(week)[model.groups] if model.groups else np.zeros(0)
        # The same as Python's own numbers, which one at a time are quicker to reckon with.
        self.exact_list: list[Any] = self.exact.tolist()
        self.work: Floats = np.array(self.exact, dtype=float) / model.work_unit
        self.needed = self._cumulative(self.work)
        total = np.array([self.needed[model._position[model.of_class[int(c)][-1]]] for c in model.group_class])
        self.unit: Floats = np.ones(len(total))
        small = (total > 0) & (total < SMALL_WORK)
        self.unit[small] = 2.0 ** np.round(np.log2(total[small]))
        self.bought = np.array([0 if burst is None else burst.limit[week] for burst in self.arrays.burst], dtype=float)
        self.kept = [floor.kept[week] for floor in self.arrays.floors]
        self._set_columns(numbers.work[week][model._used])
        self._set_rows()
        self._set_values()
        self._set_rounding()

    def _cumulative(self, work: Floats) -> Floats:
        found, before, total = np.zeros(len(work)), -1, 0.0
        for i, c in enumerate(self.model.group_class.tolist()):
            total = (total if c == before else 0.0) + float(work[i])
            found[i], before = total, c
        return found

    def _set_columns(self, work: Exact) -> None:
        model, numbers = self.model, self.arrays.numbers
        self.lower, self.upper = np.zeros(model.columns), np.zeros(model.columns)
        self.most = np.zeros(len(model.replicas))
        for j, (c, tier, o) in enumerate(model.replicas):
            groups = [g for g in model.of_class[c] if tier in (ALL_TIERS, numbers.group_tier[g])]
            asked = sum(self.exact[model._position[g]] for g in groups)
            self.most[j] = float(-(-asked // numbers.option_work[c][o]))
        for i, (_, pool) in enumerate(model.burst):
            self.upper[model.first_burst + i] = self.bought[pool]
        self.upper[model.first_use : model.first_unmet] = 1.0
        self.segments: Exact = np.add.reduceat(work, model.segment_starts) if len(work) else work
        group = model.segment_group
        if len(self.segments):
            unmet = np.array(self.segments, dtype=float) / model.work_unit[group] / self.unit[group]
            self.upper[model.first_unmet :] = unmet

    def _set_rows(self) -> None:
        model = self.model
        self.row_lower, self.row_upper = np.full(model.rows, -math.inf), np.full(model.rows, math.inf)
        self.row_lower[: len(model.groups)] = self.needed / self.unit
        self.row_upper[model.carry_rows : model.limit_rows] = 0.0
        for i, (pool, _) in enumerate(model.limited):
            self.row_upper[model.limit_rows + i] = self.bought[pool]
        self.row_upper[model.use_rows : model.spread_rows] = 0.0
        self.row_upper[model.spread_rows : model.frozen_rows] = model.max_pools

    def _set_values(self) -> None:
        """A replica that can do more than all that is needed counts for what is needed: the same whole plans."""
        model = self.model
        self.values = model.base.copy()
        row = model._able_row
        self.values[model._able_at] = np.minimum(model._able_work, self.needed[row]) / self.unit[row]
        unit = np.ones(model.columns)
        unit[model.first_unmet :] = self.unit[model.segment_group]
        self.usd = np.zeros(model.columns)
        self.usd[model.first_unmet :] = model.segment_usd
        for i, (_, pool) in enumerate(model.burst):
            burst = self.arrays.burst[pool]
            self.usd[model.first_burst + i] = float(burst.usd_per_week) if burst is not None else 0.0
        self.usd *= unit
        self.unknown = np.zeros(model.columns)
        self.unknown[model.first_unmet :] = model.segment_unknown * unit[model.first_unmet :]

    def _set_rounding(self) -> None:
        """Σ_j (⌊w_j/d⌋ + min(1, frac(w_j/d)/f))·r_j + Σ u/(d·f) ≥ ⌈W/d⌉ with f = frac(W/d), for a replica's work d.

        Mixed-integer rounding of the balance Σ w·r + Σ u ≥ W (Nemhauser and Wolsey, Integer and Combinatorial
        Optimization, II.1.7): every whole plan keeps it, divisible replicas do not. W a hair lower, so that a W that is
        whole but for the floating point is not rounded up.
        """
        model = self.model
        quotient = self.needed[model.rounding_groups] * (1 - HAIR) / model.rounding_sizes
        share = quotient - np.floor(quotient)
        is_rounded = share >= LEAST_SHARE
        share = np.where(is_rounded, share, 1.0)
        ratio = model._whole_work / model.rounding_sizes[model._whole_row]
        whole = np.floor(ratio)
        self.values[model._whole_place] = whole + np.minimum(1.0, (ratio - whole) / share[model._whole_row])
        unit = self.unit[model.segment_group][model._unmet_column - model.first_unmet]
        self.values[model._unmet_place] = unit / (model.rounding_sizes * share)[model._unmet_row]
        self.rounded_need = np.where(is_rounded, np.ceil(quotient), -math.inf)
        self.row_lower[model.rounding_rows :] = self.rounded_need


def numbers_of(model: WeekModel, week: int) -> WeekNumbers:
    """The week's numbers, worked out once per model."""
    if week not in model.weeks:
        model.weeks[week] = WeekNumbers(model, week)
    found: WeekNumbers = model.weeks[week]
    return found
