"""The allocation problem as frozen values: pools, floors, serving demands, experiments, over whole weeks.

What belongs here: the nouns the engine is given, with the names of the file form (docs/allocation-problem.md), and
their canonical order. Reading files is `problem_file`, judging them is `checks`. Nothing here solves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from capacity.lib.horizon import Horizon, Week

KEY_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,80}")
MAX_WEEKS = 156

# Work and money may be given exactly; the engine turns them into fractions, so that ceilings are exact.
Quantity = Fraction | Decimal | int


@dataclass(frozen=True, slots=True)
class Domain:
    """A network domain of a pool: a gang lies in one of them. allocatable: accelerators per week."""

    key: str
    allocatable: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Burst:
    """Accelerators that can be bought by the week for serving only. tiers None: every serving tier may buy."""

    accelerators: tuple[int, ...]
    usd_per_accelerator_hour: Quantity
    tiers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """One accelerator type in one region from one source. domains empty: one nameless domain, the whole pool."""

    key: str
    accelerator_type: str
    region: str
    allocatable: tuple[int, ...]
    usd_per_accelerator_hour: Quantity
    node_size: int = 1
    domains: tuple[Domain, ...] = ()
    burst: Burst | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """Accelerators per week kept for model development, or for the work of one team, over its own pools together
    (methods: Floor)."""

    key: str
    pools: tuple[str, ...]
    accelerators: tuple[int, ...]
    lendable: bool = False
    team: str | None = None

    def is_for(self, experiment: Experiment) -> bool:
        """It may stand on the floor for good."""
        return experiment.model_development if self.team is None else experiment.team == self.team

    def counts(self, experiment: Experiment) -> bool:
        """It may take no more than what the floor leaves: neither what it is kept for nor what it is lent to."""
        return not self.is_for(experiment) and not (self.lendable and experiment.preemptible)


@dataclass(frozen=True, slots=True)
class ServingOption:
    """A pool that can serve the class: work per accelerator-week there, and accelerators of one whole replica."""

    pool: str
    work_per_accelerator: Quantity
    replica_accelerators: int = 1


@dataclass(frozen=True, slots=True)
class ServingDemand:
    """Weekly work to serve. usd_lost_per_work_week None: the loss is unknown. class_ is `class` in the file form."""

    key: str
    class_: str
    tier: str
    work: tuple[Quantity, ...]
    usd_lost_per_work_week: Quantity | None
    options: tuple[ServingOption, ...]
    max_pools: int | None = None


@dataclass(frozen=True, slots=True)
class ExperimentOption:
    """One way to run an experiment: accelerators of the gang for consecutive weeks in any of `pools`."""

    pools: tuple[str, ...]
    accelerators: int
    weeks: int


@dataclass(frozen=True, slots=True)
class Pin:
    """A placement that is already decided. domain None where the pool has no domains of its own.

    promised: a start that is not made yet; what runs is held before it.
    """

    pool: str
    domain: str | None
    start: Week
    promised: bool = False


@dataclass(frozen=True, slots=True)
class Experiment:
    """A request: one of `options` (the file's `pools` form gives a single option with all its pools)."""

    key: str
    tier: str
    team: str
    model_development: bool
    earliest_start: Week
    latest_start: Week
    options: tuple[ExperimentOption, ...]
    preemptible: bool = False
    divisible: bool = False
    weight: Quantity = 1
    pinned: Pin | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """A gang in one domain from `start` for `weeks`; divisible work has domain None, one row per run of equal weeks."""

    key: str
    pool: str
    domain: str | None
    start: Week
    weeks: int
    accelerators: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything the plan depends on. Every weekly tuple has length `weeks`; order of rows never matters."""

    first_week: Week
    weeks: int
    tiers: tuple[str, ...]
    pools: tuple[Pool, ...]
    serving: tuple[ServingDemand, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    floors: tuple[Floor, ...] = ()
    previous: tuple[Placement, ...] = ()

    @property
    def horizon(self) -> Horizon:
        return Horizon(first=self.first_week, weeks=self.weeks)


def canonical(problem: Problem) -> Problem:
    """The same problem with every row in key order, so that the plan cannot depend on the order it came in."""
    return replace(
        problem,
        pools=tuple(
            replace(pool, domains=tuple(sorted(pool.domains, key=lambda d: d.key)))
            for pool in sorted(problem.pools, key=lambda p: p.key)
        ),
        serving=tuple(
            replace(demand, options=tuple(sorted(demand.options, key=lambda o: o.pool)))
            for demand in sorted(problem.serving, key=lambda d: d.key)
        ),
        experiments=tuple(
            replace(
                experiment,
                options=tuple(
                    sorted(
                        (replace(option, pools=tuple(sorted(option.pools))) for option in experiment.options),
                        key=lambda o: (o.pools, o.accelerators, o.weeks),
                    )
                ),
            )
            for experiment in sorted(problem.experiments, key=lambda e: e.key)
        ),
        floors=tuple(
            replace(floor, pools=tuple(sorted(floor.pools))) for floor in sorted(problem.floors, key=lambda f: f.key)
        ),
        previous=tuple(sorted(problem.previous, key=_placement_order)),
    )


def _placement_order(placement: Placement) -> tuple[str, Week, str, str, int, int]:
    return (
        placement.key,
        placement.start,
        placement.pool,
        placement.domain or "",
        placement.weeks,
        placement.accelerators,
    )
