"""The allocation program: one `define_*` function per family of variables, constraint and objective.

What belongs here: columns, rows and coefficients, with the formula of each in its docstring (methods: Allocation
program). A model covers some weeks; experiments that are held rather than decided enter as numbers. No solver.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column, OptionRow
from capacity.allocation.domain.named_model import Model, Name, Terms
from capacity.allocation.domain.plan import ExperimentUse

# Work of a class and week below this many accelerators would drown in the solver's absolute tolerances.
SMALL_WORK = 2**-4


@dataclass
class Variables:
    """Positions of the columns by what they stand for."""

    replicas: dict[tuple[int, int, int, int], int] = field(default_factory=dict)  # class, tier, option, week
    unmet: dict[tuple[int, int], int] = field(default_factory=dict)  # demand, week
    spread: dict[tuple[int, int, int], int] = field(default_factory=dict)  # class, option, week
    burst: dict[tuple[int, int, int], int] = field(default_factory=dict)  # tier, pool, week
    starts: dict[Column, int] = field(default_factory=dict)
    divided: dict[tuple[int, int, int, int], int] = field(default_factory=dict)  # experiment, option, pool, week
    choice: dict[tuple[int, int], int] = field(default_factory=dict)  # experiment, option


@dataclass
class Program:
    arrays: Arrays
    weeks: Sequence[int]
    held: ExperimentUse
    model: Model = field(default_factory=Model)
    variables: Variables = field(default_factory=Variables)
    week_names: dict[int, str] = field(default_factory=dict)
    units: dict[tuple[int, int], float] = field(default_factory=dict)

    def week_name(self, week: int) -> str:
        if week not in self.week_names:
            self.week_names[week] = self.arrays.problem.first_week.plus(week).key.replace("-W", "w")
        return self.week_names[week]

    def unmet_unit(self, c: int, week: int) -> float:
        """Accelerators that one unit of the class's unmet columns stands for: 1, unless the work is tiny."""
        if (c, week) not in self.units:
            total = sum((work for _, work in self.arrays.classes[c].work_by_tier[week]), Fraction(0))
            is_usual = total >= SMALL_WORK or not total
            self.units[c, week] = 1.0 if is_usual else 2.0 ** round(math.log2(total))
        return self.units[c, week]

    def pool_name(self, pool: int) -> str:
        return self.arrays.problem.pools[pool].key


def define_program(
    arrays: Arrays, *, weeks: Sequence[int], experiments: Iterable[int], held: ExperimentUse, serving: bool = True
) -> Program:
    """The program of `weeks` with the given experiments to be placed and `held` use already placed."""
    program = Program(arrays=arrays, weeks=weeks, held=held)
    if serving:
        define_replicas(program)
        define_unmet(program)
        define_burst(program)
        define_spread(program)
    define_starts(program, experiments=experiments)
    define_divided(program, experiments=experiments)
    define_pool_capacity(program)
    define_domain_capacity(program)
    define_floor(program)
    if serving:
        define_demand_balance(program)
        define_burst_limit(program)
        define_max_pools(program)
    define_start_once(program)
    define_divided_limits(program)
    return program


def define_replicas(program: Program) -> None:
    """r[c,k,o,t] ∈ {0, 1, …}: whole replicas of class c in its option o that tier k's work needs.

    At most ⌈work of tier k ÷ work of one replica⌉, more serves nobody of the tier, and at most what the pool holds.
    """
    arrays, model = program.arrays, program.model
    for week in program.weeks:
        for c, row in enumerate(arrays.classes):
            for tier, work in row.work_by_tier[week]:
                for o, option in enumerate(row.options):
                    most = min(-(-work // option.work), _replicas_that_fit(arrays, option, week))
                    name = ("replicas", row.key, arrays.tiers[tier], program.pool_name(option.pool))
                    program.variables.replicas[c, tier, o, week] = model.add_column(
                        (*name, program.week_name(week)), upper=float(most), integer=True
                    )


def _replicas_that_fit(arrays: Arrays, option: OptionRow, week: int) -> int:
    burst = arrays.burst[option.pool]
    bought = burst.limit[week] if burst is not None else 0
    return (arrays.supply[option.pool][week] + bought) // option.replica


def define_unmet(program: Program) -> None:
    """0 ≤ u[d,t] ≤ work[d,t], in accelerators at the best rate of the class (times `unmet_unit`)."""
    for week in program.weeks:
        for d, demand in enumerate(program.arrays.demands):
            if demand.work[week]:
                program.variables.unmet[d, week] = program.model.add_column(
                    ("unmet", demand.key, program.week_name(week)),
                    upper=float(demand.work[week]) / program.unmet_unit(demand.class_, week),
                    integer=False,
                )


def define_burst(program: Program) -> None:
    """b[k,p,t] ∈ {0, 1, …}: accelerators of burst bought in pool p for serving tier k, where the tier may buy."""
    arrays = program.arrays
    for week in program.weeks:
        for pool, burst in enumerate(arrays.burst):
            if burst is None or not burst.limit[week]:
                continue
            for tier in sorted(burst.tiers):
                if any(k == tier and t == week for _, k, _, t in _replicas_in(program, pool, week)):
                    program.variables.burst[tier, pool, week] = program.model.add_column(
                        ("burst", arrays.tiers[tier], program.pool_name(pool), program.week_name(week)),
                        upper=float(burst.limit[week]),
                        integer=True,
                    )


def _replicas_in(program: Program, pool: int, week: int) -> list[tuple[int, int, int, int]]:
    arrays = program.arrays
    return [
        (c, tier, o, week)
        for c, row in enumerate(arrays.classes)
        for o, option in enumerate(row.options)
        if option.pool == pool
        for tier in arrays.serving_tiers
        if (c, tier, o, week) in program.variables.replicas
    ]


def define_spread(program: Program) -> None:
    """y[c,o,t] ∈ {0, 1}: class c uses option o; only where max_pools is below the number of its options."""
    for week in program.weeks:
        for c, row in enumerate(program.arrays.classes):
            if row.max_pools is None or row.max_pools >= len(row.options) or not row.work_by_tier[week]:
                continue
            for o, option in enumerate(row.options):
                program.variables.spread[c, o, week] = program.model.add_column(
                    ("uses", row.key, program.pool_name(option.pool), program.week_name(week)), upper=1.0, integer=True
                )


def define_starts(program: Program, *, experiments: Iterable[int]) -> None:
    """z[e,q,s] ∈ {0, 1}: experiment e starts in domain q in week s; a column exists only where it fits."""
    arrays = program.arrays
    for e in experiments:
        row = arrays.experiments[e]
        for column in row.columns:
            if not program.held.fits(column):
                continue
            domain = arrays.domains[column.domain]
            place = (program.pool_name(column.pool), domain.key or "whole", program.week_name(column.start))
            size = (str(column.accelerators),) if len(arrays.problem.experiments[e].options) > 1 else ()
            program.variables.starts[column] = program.model.add_column(
                ("start", row.key, *place, *size), upper=1.0, integer=True
            )


def define_divided(program: Program, *, experiments: Iterable[int]) -> None:
    """y[e,o,p,t] ∈ {0, 1, …}: accelerators of divisible work e; w[e,o] ∈ {0, 1} where it has several options."""
    arrays, model = program.arrays, program.model
    for e in experiments:
        row = arrays.experiments[e]
        if not row.divisible:
            continue
        options = arrays.problem.experiments[e].options
        latest = arrays.problem.first_week.weeks_until(arrays.problem.experiments[e].latest_start)
        for o, option in enumerate(options):
            if len(options) > 1:
                program.variables.choice[e, o] = model.add_column(("choice", row.key, str(o)), upper=1.0, integer=True)
            for week in range(row.span[0], min(latest + option.weeks, arrays.weeks)):
                for pool in (arrays.pool_index[key] for key in option.pools):
                    program.variables.divided[e, o, pool, week] = model.add_column(
                        ("divided", row.key, str(o), program.pool_name(pool), program.week_name(week)),
                        upper=float(min(option.accelerators, arrays.supply[pool][week])),
                        integer=True,
                    )


def define_pool_capacity(program: Program) -> None:
    """Σ_c replica·r[c,·,p,t] + Σ_{z active at (p,t)} n·z + Σ y[·,p,t] − Σ_k b[k,p,t] ≤ allocatable[p,t]."""
    arrays = program.arrays
    used: dict[tuple[int, int], Terms] = {}
    for (c, _, o, week), column in program.variables.replicas.items():
        option = arrays.classes[c].options[o]
        used.setdefault((option.pool, week), []).append((column, float(option.replica)))
    for (_, pool, week), column in program.variables.burst.items():
        used.setdefault((pool, week), []).append((column, -1.0))
    for start, column in program.variables.starts.items():
        for week in range(start.first, start.last):
            used.setdefault((start.pool, week), []).append((column, float(start.accelerators)))
    for (_, _, pool, week), column in program.variables.divided.items():
        used.setdefault((pool, week), []).append((column, 1.0))
    for (pool, week), terms in sorted(used.items()):
        program.model.add_row(
            ("pool_capacity", program.pool_name(pool), program.week_name(week)),
            terms,
            upper=float(program.held.pool_free(pool, week)),
        )


def define_domain_capacity(program: Program) -> None:
    """Σ_{z active at (q,t)} n·z ≤ allocatable[q,t]; a pool without domains needs no row besides its own."""
    arrays = program.arrays
    used: dict[tuple[int, int], Terms] = {}
    for start, column in program.variables.starts.items():
        if arrays.domains[start.domain].key is not None:
            for week in range(start.first, start.last):
                used.setdefault((start.domain, week), []).append((column, float(start.accelerators)))
    for (q, week), terms in sorted(used.items()):
        domain = arrays.domains[q]
        program.model.add_row(
            ("domain_capacity", program.pool_name(domain.pool), str(domain.key), program.week_name(week)),
            terms,
            upper=float(program.held.domain_free(q, week)),
        )


def define_floor(program: Program) -> None:
    """Over the floor's pools: serving − burst + work that is not model development ≤ allocatable − F.

    F is the floor capped at allocatable; preemptible work is not counted where the floor may be lent.
    """
    arrays = program.arrays
    used: dict[tuple[int, int], Terms] = {}
    for f, floor in enumerate(arrays.floors):
        for (c, _, o, week), column in program.variables.replicas.items():
            option = arrays.classes[c].options[o]
            if option.pool in floor.pools:
                used.setdefault((f, week), []).append((column, float(option.replica)))
        for (_, pool, week), column in program.variables.burst.items():
            if pool in floor.pools:
                used.setdefault((f, week), []).append((column, -1.0))
    for start, column in program.variables.starts.items():
        for f in arrays.floors_counting(start.experiment, start.pool):
            for week in range(start.first, start.last):
                used.setdefault((f, week), []).append((column, float(start.accelerators)))
    for (e, _, pool, week), column in program.variables.divided.items():
        for f in arrays.floors_counting(e, pool):
            used.setdefault((f, week), []).append((column, 1.0))
    for (f, week), terms in sorted(used.items()):
        if arrays.floors[f].kept[week]:
            program.model.add_row(
                ("floor", arrays.floors[f].key, program.week_name(week)),
                terms,
                upper=float(program.held.floor_free(f, week)),
            )


def define_demand_balance(program: Program) -> None:
    """For each class, week and tier k of it: Σ_{j≤k} work·r[c,j,·,t] + Σ_{d of tiers ≤ k} u[d,t] ≥ Σ work[d,t].

    Cumulative: a lower tier may use what the rounding of a higher one left, never the other way round.
    """
    arrays = program.arrays
    for week in program.weeks:
        for c, row in enumerate(arrays.classes):
            tiers = [tier for tier, _ in row.work_by_tier[week]]
            unit = program.unmet_unit(c, week)
            replicas: list[tuple[int, float]] = []
            works = [float(option.work) for option in row.options]
            unmet: Terms = []
            needed = Fraction(0)
            for tier in tiers:
                replicas += [(program.variables.replicas[c, tier, o, week], work) for o, work in enumerate(works)]
                for d in row.demands:
                    if arrays.demands[d].tier == tier and arrays.demands[d].work[week]:
                        unmet.append((program.variables.unmet[d, week], 1.0))
                        needed += arrays.demands[d].work[week]
                # A replica that can do more than all that is needed counts for what is needed: the same whole plans.
                enough = float(needed)
                able = [(column, min(work, enough) / unit) for column, work in replicas]
                name = ("demand_balance", row.key, arrays.tiers[tier], program.week_name(week))
                program.model.add_row(name, [*able, *unmet], lower=enough / unit)


def define_burst_limit(program: Program) -> None:
    """b[k,p,t] ≤ accelerators of tier k's replicas there; Σ_k b[k,p,t] ≤ what can be bought."""
    arrays = program.arrays
    bought: dict[tuple[int, int], Terms] = {}
    for (tier, pool, week), column in program.variables.burst.items():
        carried: Terms = [
            (program.variables.replicas[c, k, o, t], -float(arrays.classes[c].options[o].replica))
            for c, k, o, t in _replicas_in(program, pool, week)
            if k == tier
        ]
        name = (arrays.tiers[tier], program.pool_name(pool), program.week_name(week))
        program.model.add_row(("burst_carries_serving", *name), [(column, 1.0), *carried], upper=0.0)
        bought.setdefault((pool, week), []).append((column, 1.0))
    for (pool, week), terms in sorted(bought.items()):
        burst = arrays.burst[pool]
        if burst is not None and len(terms) > 1:
            program.model.add_row(
                ("burst_limit", program.pool_name(pool), program.week_name(week)),
                terms,
                upper=float(burst.limit[week]),
            )


def define_max_pools(program: Program) -> None:
    """r[c,k,o,t] ≤ (most replicas)·y[c,o,t]; Σ_o y[c,o,t] ≤ max_pools."""
    used: dict[tuple[int, int], Terms] = {}
    for (c, o, week), column in program.variables.spread.items():
        used.setdefault((c, week), []).append((column, 1.0))
        row = program.arrays.classes[c]
        for tier, _ in row.work_by_tier[week]:
            replicas = program.variables.replicas[c, tier, o, week]
            name = (row.key, program.arrays.tiers[tier], program.pool_name(row.options[o].pool))
            program.model.add_row(
                ("uses_pool", *name, program.week_name(week)),
                [(replicas, 1.0), (column, -program.model.upper[replicas])],
                upper=0.0,
            )
    for (c, week), terms in sorted(used.items()):
        row = program.arrays.classes[c]
        program.model.add_row(("max_pools", row.key, program.week_name(week)), terms, upper=float(row.max_pools or 0))


def define_start_once(program: Program) -> None:
    """Σ_{q,s} z[e,q,s] ≤ 1."""
    starts: dict[int, Terms] = {}
    for start, column in program.variables.starts.items():
        starts.setdefault(start.experiment, []).append((column, 1.0))
    for e, terms in sorted(starts.items()):
        program.model.add_row(("start_once", program.arrays.experiments[e].key), terms, upper=1.0)


def define_divided_limits(program: Program) -> None:
    """Divisible work: Σ_p y[e,o,p,t] ≤ n_o·w[e,o] each week, Σ_{p,t} y ≤ n_o·weeks_o·w[e,o], Σ_o w[e,o] ≤ 1."""
    arrays, model = program.arrays, program.model
    weekly: dict[tuple[int, int, int], Terms] = {}
    whole: dict[tuple[int, int], Terms] = {}
    for (e, o, _, week), column in program.variables.divided.items():
        weekly.setdefault((e, o, week), []).append((column, 1.0))
        whole.setdefault((e, o), []).append((column, 1.0))
    for (e, o, week), terms in sorted(weekly.items()):
        row, option = arrays.experiments[e], arrays.problem.experiments[e].options[o]
        name = ("divided_weekly", row.key, str(o), program.week_name(week))
        _add_chosen_limit(program, name, terms, e, o, option.accelerators)
    for (e, o), terms in sorted(whole.items()):
        row, option = arrays.experiments[e], arrays.problem.experiments[e].options[o]
        _add_chosen_limit(program, ("divided_total", row.key, str(o)), terms, e, o, option.accelerators * option.weeks)
    choices: dict[int, Terms] = {}
    for (e, _), column in program.variables.choice.items():
        choices.setdefault(e, []).append((column, 1.0))
    for e, terms in sorted(choices.items()):
        model.add_row(("choose_once", arrays.experiments[e].key), terms, upper=1.0)


def _add_chosen_limit(program: Program, name: Name, terms: Terms, e: int, o: int, limit: int) -> None:
    choice = program.variables.choice.get((e, o))
    if choice is None:
        program.model.add_row(name, terms, upper=float(limit))
    else:
        program.model.add_row(name, [*terms, (choice, -float(limit))], upper=0.0)
