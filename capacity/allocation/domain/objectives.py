"""What each step of the plan minimises, as terms over the columns of a program.

What belongs here: one function per objective, formula in the docstring, all to be minimised. The order they are
solved in is the engine's.
"""

from __future__ import annotations

from capacity.allocation.domain.formulation import Program
from capacity.allocation.domain.named_model import Terms


def usd_lost(program: Program, tier: int) -> Terms:
    """Σ usd[d]·u[d,t] + Σ 168·usd_burst[p]·b[k,p,t] of serving tier k, dollars."""
    arrays = program.arrays
    terms: Terms = [
        (column, float(arrays.demands[d].usd or 0) * program.unmet_unit(arrays.demands[d].class_, week))
        for (d, week), column in program.variables.unmet.items()
        if arrays.demands[d].tier == tier and arrays.demands[d].usd
    ]
    for (k, pool, _), column in program.variables.burst.items():
        burst = arrays.burst[pool]
        if k == tier and burst is not None and burst.usd_per_week:
            terms.append((column, float(burst.usd_per_week)))
    return terms


def unmet_accelerators(program: Program, tier: int) -> Terms:
    """Σ u[d,t] of the tier's demands whose loss is unknown, accelerators at the best rate."""
    return [
        (column, program.unmet_unit(program.arrays.demands[d].class_, week))
        for (d, week), column in program.variables.unmet.items()
        if program.arrays.demands[d].tier == tier and program.arrays.demands[d].usd is None
    ]


def late_in_order_unmet_first(program: Program, tier: int) -> Terms:
    """Σ (rank from the end)·usd[d]·u[d,t] of serving tier k: of plans that lose as much, the one that serves the dearest
    demands and the earlier keys; accelerators for dollars where the loss is unknown."""
    arrays = program.arrays
    lost = [demand.usd_lost_per_work_week for demand in arrays.problem.serving]
    mine = [d for d, demand in enumerate(arrays.demands) if demand.tier == tier and demand.usd != 0]
    mine.sort(key=lambda d: (lost[d] is None, -(lost[d] or 0), arrays.demands[d].key))
    rank = {d: len(mine) - position for position, d in enumerate(mine)}
    if len({arrays.demands[d].class_ for d in mine}) < 2:
        # Of one class the first in order are served anyway.
        return []
    terms: Terms = []
    for (d, week), column in program.variables.unmet.items():
        if d in rank:
            usd = arrays.demands[d].usd
            worth = 1.0 if usd is None else float(usd)
            terms.append((column, rank[d] * worth * program.unmet_unit(arrays.demands[d].class_, week)))
    return terms


def work_not_placed(program: Program, tier: int) -> Terms:
    """−Σ weight·accelerators·weeks of the tier's placed experiments."""
    experiments = program.arrays.experiments
    terms: Terms = []
    for start, column in program.variables.starts.items():
        row = experiments[start.experiment]
        if row.tier == tier:
            terms.append((column, -float(row.weight * start.accelerators * (start.last - start.first))))
    for (e, _, _, _), column in program.variables.divided.items():
        if experiments[e].tier == tier:
            terms.append((column, -float(experiments[e].weight)))
    return [(column, value) for column, value in terms if value]


def worthless_not_placed(program: Program, tier: int) -> Terms:
    """−(number placed) of experiments that add nothing to the tier's value (weight 0): placed where it costs nobody."""
    experiments = program.arrays.experiments
    terms = [
        (column, -1.0)
        for start, column in program.variables.starts.items()
        if experiments[start.experiment].tier == tier and experiments[start.experiment].weight * start.accelerators == 0
    ]
    return terms + [
        (column, -1.0)
        for (e, _, _, _), column in program.variables.divided.items()
        if experiments[e].tier == tier and experiments[e].weight == 0
    ]


def usd_of_places(program: Program) -> Terms:
    """Σ 168·usd_per_accelerator_hour·accelerators of serving and divisible work."""
    arrays = program.arrays
    terms: Terms = []
    for (c, _, o, _), column in program.variables.replicas.items():
        option = arrays.classes[c].options[o]
        terms.append((column, float(option.replica * arrays.usd_per_week[option.pool])))
    terms.extend((column, float(arrays.usd_per_week[p])) for (_, _, p, _), column in program.variables.divided.items())
    return [(column, value) for column, value in terms if value]


def accelerators_used(program: Program) -> Terms:
    """Accelerators of serving, and burst, so that nothing is held or bought that nobody needs."""
    arrays = program.arrays
    terms: Terms = [
        (column, float(arrays.classes[c].options[o].replica))
        for (c, _, o, _), column in program.variables.replicas.items()
    ]
    return terms + [(column, 1.0) for column in program.variables.burst.values()]


def moves(program: Program) -> Terms:
    """−(number of experiments that stay where the previous plan had them)."""
    arrays = program.arrays
    previous = {(row.key, row.pool, row.domain, row.start) for row in arrays.problem.previous}
    terms: Terms = []
    for start, column in program.variables.starts.items():
        place = (
            arrays.experiments[start.experiment].key,
            program.pool_name(start.pool),
            arrays.domains[start.domain].key,
            arrays.problem.first_week.plus(start.start),
        )
        if place in previous:
            terms.append((column, -1.0))
    return terms


def starts_late(program: Program) -> Terms:
    """Σ start week of gangs, plus for divisible work Σ week·accelerators ÷ (1 + all it could get)."""
    arrays = program.arrays
    terms: Terms = [(column, float(start.start)) for start, column in program.variables.starts.items() if start.start]
    for (e, o, _, week), column in program.variables.divided.items():
        option = arrays.problem.experiments[e].options[o]
        if week:
            terms.append((column, week / (1 + option.accelerators * option.weeks)))
    return terms


def later_keys_first(program: Program) -> Terms:
    """−Σ (rank from the end) of placed experiments, of divisible work its share that is placed: of equal plans, the one
    that places the earlier keys."""
    arrays = program.arrays
    count = len(arrays.experiments)
    terms: Terms = [(column, -float(count - start.experiment)) for start, column in program.variables.starts.items()]
    for (e, o, _, _), column in program.variables.divided.items():
        option = arrays.problem.experiments[e].options[o]
        terms.append((column, -(count - e) / max(1, option.accelerators * option.weeks)))
    return terms


def places_out_of_key_order(program: Program) -> Terms:
    """Σ (rank from the end)·(start, then domain): of equal plans, earlier keys get earlier weeks and first domains."""
    arrays = program.arrays
    count, domains = len(arrays.experiments), len(arrays.domains)
    terms: Terms = [
        (column, float((count - start.experiment) * (start.start * domains + start.domain)))
        for start, column in program.variables.starts.items()
        if start.start * domains + start.domain
    ]
    for (e, o, _, week), column in program.variables.divided.items():
        option = arrays.problem.experiments[e].options[o]
        if week:
            terms.append((column, (count - e) * week * domains / max(1, option.accelerators * option.weeks)))
    return terms
