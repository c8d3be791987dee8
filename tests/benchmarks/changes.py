"""Random changes to a problem, as people ask them in a what-if; seeded.

What belongs here: one function per kind of change, from a problem to a problem. Answering them is the product's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from capacity.allocation.domain.problem import Domain, Pool, Problem

# Weeks by which supply comes later.
DELAY = 6


def changes(problem: Problem, *, seed: int, count: int) -> Iterator[tuple[str, Problem]]:
    """(kind, changed problem), every kind in turn."""
    rng = random.Random(seed)
    kinds: list[tuple[str, Callable[[random.Random, Problem], Problem]]] = [
        ("demand added", add_demand),
        ("demand changed", change_demand),
        ("demand removed", remove_demand),
        ("supply later", delay_supply),
        ("experiment added", add_experiment),
        ("floor changed", change_floor),
    ]
    for number in range(count):
        name, change = kinds[number % len(kinds)]
        yield name, change(rng, problem)


def add_demand(rng: random.Random, problem: Problem) -> Problem:
    """One more of an existing class, half to one and a half times as large as another."""
    model = rng.choice(problem.serving)
    factor = Fraction(rng.randint(50, 150), 100)
    added = replace(model, key="added", work=tuple(Fraction(work) * factor for work in model.work))
    return replace(problem, serving=(*problem.serving, added))


def change_demand(rng: random.Random, problem: Problem) -> Problem:
    """A demand grows or shrinks from some week on."""
    position, begins = rng.randrange(len(problem.serving)), rng.randrange(problem.weeks)
    factor = Fraction(rng.randint(60, 160), 100)
    row = problem.serving[position]
    work = tuple(Fraction(amount) * (factor if week >= begins else 1) for week, amount in enumerate(row.work))
    changed = replace(row, work=work)
    return replace(problem, serving=(*problem.serving[:position], changed, *problem.serving[position + 1 :]))


def remove_demand(rng: random.Random, problem: Problem) -> Problem:
    position = rng.randrange(len(problem.serving))
    return replace(problem, serving=problem.serving[:position] + problem.serving[position + 1 :])


def delay_supply(rng: random.Random, problem: Problem) -> Problem:
    """A domain (or the whole of a pool without any) that arrives later comes later still; else one is away a while."""
    position = rng.randrange(len(problem.pools))
    pool = problem.pools[position]
    domains = pool.domains or (Domain("whole", pool.allocatable),)
    chosen = next((d for d, row in enumerate(domains) if not row.allocatable[0] and any(row.allocatable)), None)
    if chosen is None:
        chosen, first = rng.randrange(len(domains)), rng.randrange(problem.weeks)
    else:
        first = next(week for week, amount in enumerate(domains[chosen].allocatable) if amount)
    late = [0 if first <= week < first + DELAY else a for week, a in enumerate(domains[chosen].allocatable)]
    domains = (*domains[:chosen], replace(domains[chosen], allocatable=tuple(late)), *domains[chosen + 1 :])
    changed = _with_domains(pool, domains)
    return replace(problem, pools=(*problem.pools[:position], changed, *problem.pools[position + 1 :]))


def _with_domains(pool: Pool, domains: tuple[Domain, ...]) -> Pool:
    weekly = zip(*(row.allocatable for row in domains), strict=True)
    return replace(pool, allocatable=tuple(map(sum, weekly)), domains=domains if pool.domains else ())


def add_experiment(rng: random.Random, problem: Problem) -> Problem:
    """One more like another that is not running."""
    model = rng.choice([row for row in problem.experiments if row.pinned is None])
    return replace(problem, experiments=(*problem.experiments, replace(model, key="added")))


def change_floor(rng: random.Random, problem: Problem) -> Problem:
    """A floor up or down by a fifth, in every week."""
    position = rng.randrange(len(problem.floors))
    row = problem.floors[position]
    factor = rng.choice((Fraction(4, 5), Fraction(6, 5)))
    changed = replace(row, accelerators=tuple(int(amount * factor) for amount in row.accelerators))
    return replace(problem, floors=(*problem.floors[:position], changed, *problem.floors[position + 1 :]))
