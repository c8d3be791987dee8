"""One small program per family of constraints, as LP files under tests/golden, compared line by line.

To regenerate after a deliberate change: REGENERATE_GOLDEN=1 pytest tests/domain/allocation/test_golden_programs.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import build_arrays
from capacity.allocation.domain.formulation import Program, Terms, define_program
from capacity.allocation.domain.plan import ExperimentUse
from capacity.allocation.domain.problem import canonical
from capacity.allocation.domain.solver import write_lp
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


TWO_OPTIONS = [
    {"pool": "h100_use1", "work_per_accelerator": 1.0},
    {"pool": "h100_usw2", "work_per_accelerator": 0.5},
]
PROGRAMS: dict[str, tuple[dict[str, Any], Callable[[Program], Terms]]] = {
    "pool_capacity": (
        problem(serving=[demand("c7", "committed", 6)], experiments=[experiment("e1", 5)]),
        lambda program: objectives.usd_lost(program, 0),
    ),
    "domain_capacity": (
        problem(
            pools=[
                pool("h100_use1", domains=[{"key": "a", "allocatable": [6]}, {"key": "b", "allocatable": [4]}]),
            ],
            experiments=[experiment("e1", 4), experiment("e2", 3)],
        ),
        lambda program: objectives.work_not_placed(program, 2),
    ),
    "demand_balance": (
        problem(serving=[demand("c7", "committed", 6), demand("f1", "forecast", 5, usd_lost_per_work_week=None)]),
        lambda program: objectives.unmet_accelerators(program, 1),
    ),
    "floor": (
        problem(
            floors=[{"key": "model_development", "pools": ["h100_use1"], "accelerators": [4]}],
            serving=[demand("c7", "committed", 6)],
            experiments=[experiment("e1", 5), experiment("e2", 5, model_development=True)],
        ),
        lambda program: objectives.work_not_placed(program, 2),
    ),
    "start_once": (
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[10, 10])],
            experiments=[experiment("e1", 5, latest_start="2027-01-04")],
        ),
        lambda program: objectives.starts_late(program),
    ),
    "burst": (
        problem(
            pools=[
                pool("h100_use1", burst={"accelerators": [4], "usd_per_accelerator_hour": 3.5}),
            ],
            serving=[demand("c7", "committed", 12), demand("f1", "forecast", 8)],
        ),
        lambda program: objectives.usd_lost(program, 0),
    ),
    "max_pools": (
        problem(
            pools=[pool("h100_use1"), pool("h100_usw2")],
            serving=[demand("c7", "committed", 6, options=TWO_OPTIONS, max_pools=1)],
        ),
        objectives.usd_of_places,
    ),
    "divided": (
        problem(
            weeks=2,
            pools=[pool("h100_use1", allocatable=[3, 10])],
            experiments=[experiment("e1", 5, divisible=True)],
        ),
        lambda program: objectives.work_not_placed(program, 2),
    ),
}


def written(name: str, path: Path) -> str:
    document, objective = PROGRAMS[name]
    arrays = build_arrays(canonical(as_problem(document)))
    program = define_program(
        arrays,
        weeks=range(arrays.weeks),
        experiments=range(len(arrays.experiments)),
        held=ExperimentUse(arrays),
    )
    write_lp(program.model, minimise=objective(program), path=str(path))
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
