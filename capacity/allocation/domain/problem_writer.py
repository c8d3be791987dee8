"""A Problem → the JSON of the file form, so that what a run solved can be solved again from a file. No reading here."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import Experiment, Pin, Pool, Problem, Quantity, ServingDemand, canonical

FORM_VERSION = 1


def problem_to_json(problem: Problem) -> dict[str, Any]:
    """The problem in canonical order as the dictionary of the file form. Quantities are written as JSON numbers."""
    problem = canonical(problem)
    return {
        "version": FORM_VERSION,
        "first_week": problem.first_week.monday.isoformat(),
        "weeks": problem.weeks,
        "tiers": list(problem.tiers),
        "floors": [
            {
                "key": floor.key,
                "pools": list(floor.pools),
                "accelerators": list(floor.accelerators),
                "lendable": floor.lendable,
                **({} if floor.team is None else {"team": floor.team}),
            }
            for floor in problem.floors
        ],
        "pools": [_pool(pool) for pool in problem.pools],
        "serving": [_serving(demand) for demand in problem.serving],
        "experiments": [_experiment(experiment) for experiment in problem.experiments],
        "previous": [
            {
                "key": each.key,
                "pool": each.pool,
                "domain": each.domain,
                "start": each.start.monday.isoformat(),
                "weeks": each.weeks,
                "accelerators": each.accelerators,
            }
            for each in problem.previous
        ],
    }


def _number(value: Quantity) -> int | float:
    number = Fraction(value) if isinstance(value, Decimal | int) else value
    return number.numerator if number.denominator == 1 else float(number)


def _numbers(values: Iterable[Quantity]) -> list[int | float]:
    return [_number(value) for value in values]


def _pool(pool: Pool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": pool.key,
        "accelerator_type": pool.accelerator_type,
        "region": pool.region,
        "node_size": pool.node_size,
        "allocatable": list(pool.allocatable),
        "usd_per_accelerator_hour": _number(pool.usd_per_accelerator_hour),
    }
    if pool.domains:
        row["domains"] = [{"key": each.key, "allocatable": list(each.allocatable)} for each in pool.domains]
    if pool.burst is not None:
        row["burst"] = {
            "accelerators": list(pool.burst.accelerators),
            "usd_per_accelerator_hour": _number(pool.burst.usd_per_accelerator_hour),
        }
        if pool.burst.tiers is not None:
            row["burst"]["tiers"] = list(pool.burst.tiers)
    return row


def _serving(demand: ServingDemand) -> dict[str, Any]:
    loss = demand.usd_lost_per_work_week
    return {
        "key": demand.key,
        "class": demand.class_,
        "tier": demand.tier,
        "work": _numbers(demand.work),
        "usd_lost_per_work_week": None if loss is None else _number(loss),
        "max_pools": demand.max_pools,
        "options": [
            {
                "pool": option.pool,
                "work_per_accelerator": _number(option.work_per_accelerator),
                "replica_accelerators": option.replica_accelerators,
            }
            for option in demand.options
        ],
    }


def _experiment(experiment: Experiment) -> dict[str, Any]:
    pin = experiment.pinned
    return {
        "key": experiment.key,
        "tier": experiment.tier,
        "team": experiment.team,
        "model_development": experiment.model_development,
        "earliest_start": experiment.earliest_start.monday.isoformat(),
        "latest_start": experiment.latest_start.monday.isoformat(),
        **_options(experiment),
        "preemptible": experiment.preemptible,
        "divisible": experiment.divisible,
        "weight": _number(experiment.weight),
        "pinned": None if pin is None else _pin(pin),
    }


def _pin(pin: Pin) -> dict[str, Any]:
    place = {"pool": pin.pool, "domain": pin.domain, "start": pin.start.monday.isoformat()}
    return {**place, "promised": True} if pin.promised else place


def _options(experiment: Experiment) -> dict[str, Any]:
    """One option with its pools (divisible work is then spread over all of them), or a choice of single pools."""
    if len(experiment.options) == 1:
        only = experiment.options[0]
        return {"pools": list(only.pools), "accelerators": only.accelerators, "weeks": only.weeks}
    return {
        "options": [
            {"pool": pool, "accelerators": option.accelerators, "weeks": option.weeks}
            for option in experiment.options
            for pool in option.pools
        ]
    }
