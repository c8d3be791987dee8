"""The six hand-checked problems, as files: through the engine, and through the command as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json

PROJECT = Path(__file__).resolve().parents[3]
CASES = PROJECT / "tests" / "cases"
NAMES = sorted(path.name.removesuffix(".problem.json") for path in CASES.glob("*.problem.json"))


def solved(name: str) -> dict[str, Any]:
    solution = solution_to_json(solve(problem=problem_from_bytes((CASES / f"{name}.problem.json").read_bytes())))
    del solution["seconds"]
    return solution


def expected(name: str) -> dict[str, Any]:
    return json.loads((CASES / f"{name}.solution.json").read_text())


def test_there_are_six_cases() -> None:
    assert len(NAMES) == 6


@pytest.mark.parametrize("name", NAMES)
def test_a_case_has_exactly_its_solution(name: str) -> None:
    assert solved(name) == expected(name)


def test_the_cheaper_demand_is_short_by_six_and_an_accelerator_is_worth_one_dollar() -> None:
    # 10 accelerators: 8 for the dear demand, 2 of 8 for the cheap one; one more would save $1.
    case = solved("1_two_demands")
    week = "2026-11-23"
    assert case["capacity_shortfalls"] == [{"key": "cheap", "week": week, "work": 6.0, "accelerators": 6}]
    assert case["scarcity_prices"] == [{"pool": "h100_use1", "week": week, "usd_per_accelerator_week": 1.0}]


def test_a_floor_of_four_leaves_the_cheap_demand_nothing_and_raises_the_price_to_three() -> None:
    # 10 - 4 = 6 for serving: the dear demand is short by 2 ($6), the cheap one by 8 ($8).
    case = solved("2_floor")
    assert {row["key"]: row["work"] for row in case["capacity_shortfalls"]} == {"dear": 2.0, "cheap": 8.0}
    assert case["tiers"][0]["value"] == 14.0
    assert case["scarcity_prices"][0]["usd_per_accelerator_week"] == 3.0
    assert case["idle"][0] == {"pool": "h100_use1", "week": "2026-11-23", "accelerators": 4, "of_which_floor": 4}


def test_a_gang_of_two_weeks_starts_only_after_the_week_that_is_too_small() -> None:
    assert [row["start"] for row in solved("3_gang_window")["placements"]] == ["2026-12-07"]


def test_the_second_experiment_is_short_by_four() -> None:
    # Free for E2: floor 300 - 256 = 44, open 1000 - 300 - 4 - 520 - 96 = 80, together 124 of 128.
    case = solved("4_short_by_four")
    (row,) = case["unplaced"]
    assert (row["key"], row["needed"], row["free"], row["short_by"]) == ("E2", 128, 124, 4)
    changes = row["smallest_changes"]
    assert {"change": "fewer_accelerators", "accelerators": 124} in changes
    assert {"change": "smaller_serving", "key": "F-1", "accelerators": 8} in changes
    assert any(change["change"] == "more_supply" and change["accelerators"] == 8 for change in changes)
    assert case["idle"][0]["accelerators"] == 60 and case["idle"][0]["of_which_floor"] == 44


def test_four_domains_of_512_hold_four_gangs_of_300() -> None:
    case = solved("5_four_domains")
    assert sorted(row["domain"] for row in case["placements"]) == ["a", "b", "c", "d"]
    assert [row["short_by"] for row in case["unplaced"]] == [300 - 212, 300 - 212]


def test_six_and_four_are_placed_and_five_is_blocked_by_its_own_class() -> None:
    case = solved("6_best_packing")
    assert [row["key"] for row in case["placements"]] == ["four", "six"]
    assert [(row["key"], row["reason"]) for row in case["unplaced"]] == [("five", "blocked_by_same_class")]


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a person types it, with no setting in the environment."""
    return subprocess.run(
        [sys.executable, "manage.py", "solve_problem", *arguments],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "CAPACITY_DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_command_writes_the_solution_without_any_setting(name: str, tmp_path: Path) -> None:
    out = tmp_path / "solution.json"
    done = run_command(str(CASES / f"{name}.problem.json"), "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads(out.read_text())
    assert set(written.pop("seconds")) == {"check", "build", "solve", "explain"}
    assert written == expected(name)


def test_the_command_refuses_bad_input_with_one_sentence_a_line_and_writes_nothing(tmp_path: Path) -> None:
    problem = json.loads((CASES / "1_two_demands.problem.json").read_text())
    problem["pools"][0]["allocatable"] = [10.5]
    problem["serving"][1]["tier"] = "gold"
    bad, out = tmp_path / "bad.json", tmp_path / "solution.json"
    bad.write_text(json.dumps(problem))
    done = run_command(str(bad), "--out", str(out))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "$.pools[0].allocatable[0]: expected a whole number, not 10.5.",
        "$.serving[1].tier: there is no tier gold in tiers.",
    ]
    assert list(tmp_path.iterdir()) == [bad]


def test_the_command_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run_command(str(tmp_path / "nothing.json"))
    assert done.returncode == 2
    assert "cannot be read" in done.stderr and "Traceback" not in done.stderr
