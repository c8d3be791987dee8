"""One small program per family of variables, constraint and objective, as LP files under tests/golden.

They are compared line by line, and every `define_*` function and every objective has to be in one of them.

To regenerate after a deliberate change: REGENERATE_GOLDEN=1 pytest tests/domain/allocation/test_golden_programs.py
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capacity.allocation.domain import formulation, objectives
from capacity.allocation.domain.arrays import build_arrays
from capacity.allocation.domain.formulation import Program, define_program
from capacity.allocation.domain.named_model import Terms
from capacity.allocation.domain.plan import ExperimentUse
from capacity.allocation.domain.problem import canonical
from capacity.allocation.domain.solver_models import write_lp
from tests.domain.allocation.tiny_problems import as_problem

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
FIRST = "2026-12-28"  # week 53


def problem(**parts: Any) -> dict[str, Any]:
    pool = {
        "key": "h100_use1",
        "accelerator_type": "h100",
        "region": "us-east",
        "allocatable": [10],
        "usd_per_accelerator_hour": 2.0,
    }
    whole = {"version": 1, "first_week": FIRST, "weeks": 1, "tiers": ["committed", "forecast", "P0"], "pools": [pool]}
    return whole | {"serving": [], "experiments": []} | parts


def pool(key: str, **parts: Any) -> dict[str, Any]:
    return problem()["pools"][0] | {"key": key} | parts


def demand(key: str, tier: str, work: float, **parts: Any) -> dict[str, Any]:
    option = {"pool": "h100_use1", "work_per_accelerator": 1.0, "replica_accelerators": 4}
    base = {"key": key, "class": "chat", "tier": tier, "work": [work], "usd_lost_per_work_week": 3.0}
    return base | {"options": [option]} | parts


def experiment(key: str, accelerators: int, **parts: Any) -> dict[str, Any]:
    base = {"key": key, "tier": "P0", "team": "pretraining", "model_development": False, "weeks": 1}
    window = {"earliest_start": FIRST, "latest_start": FIRST, "pools": ["h100_use1"]}
    return base | window | {"accelerators": accelerators} | parts


def choice(key: str, *options: tuple[str, int, int], **parts: Any) -> dict[str, Any]:
    """An experiment with options: (pool, accelerators, weeks)."""
    base = {name: value for name, value in experiment(key, 0).items() if name not in ("pools", "accelerators", "weeks")}
    rows = [{"pool": pool, "accelerators": size, "weeks": weeks} for pool, size, weeks in options]
    return base | {"options": rows} | parts


TWO_OPTIONS = [
    {"pool": "h100_use1", "work_per_accelerator": 1.0},
    {"pool": "h100_usw2", "work_per_accelerator": 0.5},
]
EAST_AND_WEST = [pool("h100_use1"), pool("h100_usw2")]
# Name of the file: (problem, (objective, tier if it has one)).
PROGRAMS: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "pool_capacity": (
        problem(serving=[demand("c7", "committed", 6)], experiments=[experiment("e1", 5)]),
        (objectives.usd_lost, 0),
    ),
    "domain_capacity": (
        problem(
            pools=[
                pool("h100_use1", domains=[{"key": "a", "allocatable": [6]}, {"key": "b", "allocatable": [4]}]),
            ],
            experiments=[experiment("e1", 4), experiment("e2", 3)],
        ),
        (objectives.work_not_placed, 2),
    ),
    "demand_balance": (
        problem(serving=[demand("c7", "committed", 6), demand("f1", "forecast", 5, usd_lost_per_work_week=None)]),
        (objectives.unmet_accelerators, 1),
    ),
    "floor": (
        problem(
            floors=[{"key": "model_development", "pools": ["h100_use1"], "accelerators": [4]}],
            serving=[demand("c7", "committed", 6)],
            experiments=[experiment("e1", 5), experiment("e2", 5, model_development=True)],
        ),
        (objectives.work_not_placed, 2),
    ),
    "start_once": (
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[10, 10])],
            experiments=[experiment("e1", 5, latest_start="2027-01-04")],
        ),
        (objectives.starts_late,),
    ),
    "burst": (
        problem(
            pools=[
                pool("h100_use1", burst={"accelerators": [4], "usd_per_accelerator_hour": 3.5}),
            ],
            serving=[demand("c7", "committed", 12), demand("f1", "forecast", 8)],
        ),
        (objectives.usd_lost, 0),
    ),
    "max_pools": (
        problem(
            pools=[pool("h100_use1"), pool("h100_usw2")],
            serving=[demand("c7", "committed", 6, options=TWO_OPTIONS, max_pools=1)],
        ),
        (objectives.usd_of_places,),
    ),
    "divided": (
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[3, 10])],
            experiments=[experiment("e1", 5, divisible=True)],
        ),
        (objectives.work_not_placed, 2),
    ),
    "replicas": (
        # 20 of work: five replicas of 4 would do, the pool holds two; of the second option three of 2 do it.
        problem(
            pools=[pool("h100_use1"), pool("h100_usw2", allocatable=[7])],
            serving=[
                demand(
                    "c7",
                    "committed",
                    20,
                    options=[
                        {"pool": "h100_use1", "work_per_accelerator": 1.0, "replica_accelerators": 4},
                        {"pool": "h100_usw2", "work_per_accelerator": 4.0, "replica_accelerators": 2},
                    ],
                )
            ],
        ),
        (objectives.accelerators_used,),
    ),
    "unmet": (
        # Work of 1/128 accelerator: the columns count in 1/128, so that tolerances do not swallow it.
        problem(serving=[demand("c7", "committed", 2**-7), demand("f1", "forecast", 0)]),
        (objectives.usd_lost, 0),
    ),
    "starts": (
        # A window that begins before the horizon; 6 fit only in domain a in the first week, 3 for two weeks only in b.
        problem(
            weeks=2,
            pools=[
                pool(
                    "h100_use1",
                    allocatable=[10, 6],
                    domains=[{"key": "a", "allocatable": [7, 2]}, {"key": "b", "allocatable": [3, 4]}],
                )
            ],
            experiments=[
                choice(
                    "e1",
                    ("h100_use1", 6, 1),
                    ("h100_use1", 3, 2),
                    earliest_start="2026-12-21",
                    latest_start="2027-01-04",
                )
            ],
        ),
        (objectives.places_out_of_key_order,),
    ),
    "floor_lent": (
        problem(
            floors=[{"key": "model_development", "pools": ["h100_use1"], "accelerators": [40], "lendable": True}],
            experiments=[experiment("e1", 5), experiment("e2", 4, preemptible=True)],
        ),
        (objectives.later_keys_first,),
    ),
    "floor_over_two_pools": (
        problem(
            pools=EAST_AND_WEST,
            floors=[{"key": "model_development", "pools": ["h100_use1", "h100_usw2"], "accelerators": [12]}],
            experiments=[experiment("e1", 5, pools=["h100_use1", "h100_usw2"])],
        ),
        (objectives.work_not_placed, 2),
    ),
    "divided_choice": (
        # Of two options only one: the large one for a week, or the small one for two.
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[10, 10]), pool("h100_usw2", allocatable=[10, 10])],
            experiments=[choice("e1", ("h100_use1", 8, 1), ("h100_usw2", 3, 2), divisible=True, weight=0)],
        ),
        (objectives.worthless_not_placed, 2),
    ),
    "served_in_order": (
        # The dearest first, then equal ones by key: ranks 3, 2 and 1 of what each loses.
        problem(
            serving=[
                demand(key, "committed", 4, usd_lost_per_work_week=usd, **{"class": key})
                for key, usd in (("second", 3.0), ("first", 3.0), ("dearest", 5.0))
            ]
        ),
        (objectives.late_in_order_unmet_first, 0),
    ),
    "moves": (
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[10, 10])],
            experiments=[experiment("e1", 5, latest_start="2027-01-04")],
            previous=[
                {
                    "key": "e1",
                    "pool": "h100_use1",
                    "domain": None,
                    "start": "2027-01-04",
                    "weeks": 1,
                    "accelerators": 5,
                }
            ],
        ),
        (objectives.moves,),
    ),
}


def program_of(name: str) -> Program:
    arrays = build_arrays(canonical(as_problem(PROGRAMS[name][0])))
    return define_program(
        arrays,
        weeks=range(arrays.weeks),
        experiments=range(len(arrays.experiments)),
        held=ExperimentUse(arrays),
    )


def written(name: str, path: Path) -> str:
    program, (objective, *tier) = program_of(name), PROGRAMS[name][1]
    terms: Terms = objective(program, *tier)
    assert terms
    write_lp(program.model, minimise=terms, path=str(path))
    return path.read_text()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_written_as_it_was_agreed(name: str, tmp_path: Path) -> None:
    golden = GOLDEN / f"{name}.lp"
    text = written(name, tmp_path / f"{name}.lp")
    if os.environ.get("REGENERATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_there_is_no_golden_file_that_nobody_compares() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lp")} == set(PROGRAMS)


# The file that was made to show what the function defines.
SHOWN_IN = {
    "define_replicas": "replicas",
    "define_unmet": "unmet",
    "define_burst": "burst",
    "define_spread": "max_pools",
    "define_starts": "starts",
    "define_divided": "divided_choice",
    "define_pool_capacity": "pool_capacity",
    "define_domain_capacity": "domain_capacity",
    "define_floor": "floor",
    "define_demand_balance": "demand_balance",
    "define_burst_limit": "burst",
    "define_max_pools": "max_pools",
    "define_start_once": "start_once",
    "define_divided_limits": "divided_choice",
}


def functions_of(module: Any, prefix: str = "") -> set[str]:
    return {
        name
        for name, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and name.startswith(prefix) and not name.startswith("_")
    }


def test_every_family_has_a_golden_file() -> None:
    assert functions_of(formulation, "define_") - {"define_program"} == set(SHOWN_IN)


@pytest.mark.parametrize("function", SHOWN_IN)
def test_a_family_is_all_in_its_golden_file(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every column and row that the function adds to the program of its file stands in the file by name."""
    added: list[tuple[str, ...]] = []
    define: Callable[..., None] = getattr(formulation, function)

    def watched(program: Program, **given: Any) -> None:
        columns, rows = len(program.model.column_names), len(program.model.row_names)
        define(program, **given)
        added.extend(program.model.column_names[columns:] + program.model.row_names[rows:])

    monkeypatch.setattr(formulation, function, watched)
    program_of(SHOWN_IN[function])
    text = (GOLDEN / f"{SHOWN_IN[function]}.lp").read_text()
    assert added
    assert all(f"{head}({','.join(keys)})".replace("-", "_") in text for head, *keys in added)


def test_every_objective_is_minimised_in_a_golden_file() -> None:
    assert {objective[0].__name__ for _, objective in PROGRAMS.values()} == functions_of(objectives)
