"""The table of `make bench`: every column, met or missed, and an honest word where something did not finish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem import canonical
from tests.benchmarks import bench as bench_module
from tests.benchmarks import table
from tests.benchmarks.bench import Bench, failure_of, sizes_or, tool_row, wanted_plans
from tests.benchmarks.made_problems import Size, made_problem
from tests.benchmarks.own_route import solve_with_product
from tests.benchmarks.processes import run_python
from tests.benchmarks.serving_lp import ServingLP, one_serving_tier, serving_lp
from tests.benchmarks.table import PlanRow, ToolRow, WhatIfRow
from tests.benchmarks.targets import worst_gaps
from tests.benchmarks.test_made_problems import as_problem


def tier(name: str, relative: float, absolute: float, unit: str | None) -> dict[str, Any]:
    return {"tier": name, "value": 1.0, "bound": 1.0, "gap_relative": relative, "gap_absolute": absolute, "unit": unit}


TIERS = [
    tier("committed", 2e-4, 9.0, "usd"),
    tier("holds", 0.0, 0.0, "usd"),
    tier("P0", 1e-12, 1e-7, "weighted_accelerator_weeks"),
    tier("P1", 0.005, 40.0, "weighted_accelerator_weeks"),
    tier("P2", 0.02, 160.0, "weighted_accelerator_weeks"),
    tier("batch", 0.06, 1234.0, "usd"),
    tier("P3", 0.0, 0.0, None),
]


def test_gaps_are_those_of_the_worst_tier_of_each_group_and_batch_counts_as_lower() -> None:
    serving, upper, lower = worst_gaps(TIERS)
    assert serving is not None and (serving.tier, serving.absolute) == ("committed", 9.0)
    assert upper is not None and (upper.tier, upper.relative) == ("P1", 0.005)
    assert lower is not None and (lower.tier, lower.unit) == ("batch", "$")
    assert worst_gaps([]) == (None, None, None)


def test_a_plan_says_beside_each_figure_what_was_asked_and_whether_it_is_met() -> None:
    seconds = {"read": 0.5, "check": 0.01, "build": 0.1, "solve": 7.0, "explain": 0.4}
    row = PlanRow("M", 15, "quick", 8.01, seconds, 321.4, 7.6, "limit", TIERS)
    cells = dict(zip(table.PLAN_COLUMNS, table.plan_cells(row), strict=True))
    assert cells["total s"] == "8.01" and cells["target s"] == "≤ 10 met"
    assert cells["serving gap"] == "0.02 %, $9 (committed)"
    assert cells["P0-P1 gap"] == "0.5 %, 40 aw (P1)"
    assert cells["lower gap"] == "6 %, $1,234 (batch)"
    assert cells["target gaps"] == "≤ 0.05 % met; ≤ 2 % met; ≤ 5 % missed"
    assert cells["MB"] == "321" and cells["store"] == "-" and cells["ends"] == "limit"
    assert cells["CPU s"] == "7.60" and cells["allocation s"] == cells["exposure"] == "-"


def test_a_plan_through_the_database_tells_its_allocation_and_its_exposure_apart_and_is_judged_by_both() -> None:
    seconds = {"read": 0.5, "solve": 2.0, "explain": 0.5, "rows": 0.5, "exposure": 2.25, "store": 0.25}
    row = PlanRow("R, database", None, "quick", 6.0, seconds)
    cells = dict(zip(table.PLAN_COLUMNS, table.plan_cells(row), strict=True))
    assert (cells["allocation s"], cells["exposure"], cells["total s"]) == ("3.75", "2.25", "6.00")
    assert (cells["rows"], cells["store"], cells["target s"]) == ("0.500", "0.250", "≤ 5 missed")


def test_a_plan_that_did_not_finish_is_told_with_its_limit_and_meets_nothing() -> None:
    row = PlanRow("XL", 15, "quick", 600.4, megabytes=5000.0, failure="not finished after 600 s")
    cells = dict(zip(table.PLAN_COLUMNS, table.plan_cells(row), strict=True))
    assert cells["ends"] == "not finished after 600 s"
    assert cells["target s"] == "≤ 120 missed" and cells["target MB"] == "≤ 4096 missed"


def test_the_ninety_fifth_percentile_of_twenty_is_the_slowest_but_one() -> None:
    assert table.percentile(list(range(20)), 0.95) == 18
    assert table.percentile(list(range(20)), 0.5) == 9
    assert table.percentile([], 0.5) is None


def test_only_quick_what_ifs_have_a_target() -> None:
    quick = dict(zip(table.WHAT_IF_COLUMNS, table.what_if_cells(WhatIfRow("R", 15, "quick", [0.2], 0.5)), strict=True))
    full = dict(zip(table.WHAT_IF_COLUMNS, table.what_if_cells(WhatIfRow("R", 15, "full", [9.0])), strict=True))
    assert quick["target p95"] == "≤ 0.1 missed"
    assert full["target p95"] == "-" and full["p50 s"] == "9.00"


def test_other_tools_are_compared_by_medians_of_build_and_solve_together() -> None:
    ours = ToolRow("M", 15, "product", "HiGHS", [0.1, 0.1, 0.1], [0.1, 0.15, 0.3], [1e6] * 3)
    other = ToolRow("M", 15, "PuLP", "CBC", [1.0, 1.0, 1.0], [2.0, 2.0, 9.0], [1e6, 1e6, 1e6 + 0.5])
    cells = dict(zip(table.TOOL_COLUMNS, table.tool_cells(other, ours), strict=True))
    assert cells["× ours"] == "12.0" and cells["target"] == "≥ 10 × met"
    assert cells["objective"] == "1000000.00 (same)"
    apart = ToolRow("M", 15, "PuLP", "CBC", [1.0], [9.0], [1e6 + 2])
    cells = dict(zip(table.TOOL_COLUMNS, table.tool_cells(apart, ours), strict=True))
    assert cells["objective"].endswith("differs by 2.0e-06)") and cells["target"] == "≥ 10 × missed"


def test_a_process_is_stopped_at_its_limit_and_its_memory_is_its_own() -> None:
    slow = run_python(["-c", "import time; x = bytearray(60_000_000); time.sleep(60)"], limit=1.0)
    assert slow.code is None and failure_of(slow) == "not finished after 1 s"
    # Linux keeps the peak of the process that started it as the least it tells, so only the lower side is certain.
    assert slow.megabytes > 60
    broken = run_python(["-c", "raise SystemExit('no such tool')"], limit=20)
    assert failure_of(broken) == "exit 1: no such tool"
    assert tool_row("M", 15, "PuLP", [broken]).failure == "exit 1: no such tool"


def test_whatever_has_a_target_is_measured_when_its_size_is_named() -> None:
    assert len(wanted_plans(["R", "M"], ["quick", "record"])) == 8
    assert wanted_plans(["XL"], ["quick", "record"]) == [("XL", "quick", 15)]
    assert sizes_or(None, ["R", "XL"], {"R": 0.1, "M": 0.1}) == ["R"]
    assert sizes_or("S, M", ["R"], {"R": 0.1}) == ["S", "M"]
    assert sizes_or("", ["R"], {"R": 0.1}) == []


def solve_unaggregated(lp: ServingLP) -> float:
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    for usd, upper in zip(lp.usd, lp.upper, strict=True):
        highs.addCol(usd, 0.0, upper, 0, np.array([], dtype=np.int32), np.array([]))
    for low, high, positions, values in lp.rows:
        lower, upper = -highspy.kHighsInf if low is None else low, highspy.kHighsInf if high is None else high
        highs.addRow(lower, upper, len(positions), np.array(positions, dtype=np.int32), np.array(values))
    highs.run()
    return float(highs.getInfo().objective_function_value)


def test_the_products_route_and_the_unaggregated_program_lose_the_same_dollars() -> None:
    document = made_problem(seed=2, pools=3, demands=24, experiments=8, weeks=10, classes=5, load=0.9, ask=0.3)
    problem = one_serving_tier(canonical(as_problem(document)))
    placements = solve(problem=problem, options=SolveOptions(whole_limit=0)).placements
    found = solve_with_product(problem, placements).usd
    assert found > 0
    assert found == pytest.approx(solve_unaggregated(serving_lp(problem, placements)), rel=1e-6)


def test_a_small_bench_prints_every_part_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bench_module.SIZES, "S", Size(pools=2, demands=4, experiments=5, weeks=6, classes=2))
    monkeypatch.setattr(bench_module, "TOOLS", {"PuLP": None})
    bench = Bench(tmp_path, limit=60)
    bench.plan("S", 15, "quick")
    bench.what_ifs("S", 15, quick=6, full=1)
    bench.tools("S", 15, rounds=1)
    bench.tell()
    told = capsys.readouterr().out
    for column in (*table.PLAN_COLUMNS, *table.WHAT_IF_COLUMNS, *table.TOOL_COLUMNS):
        assert f" {column} " in told
    assert [row.failure for row in bench.plans] == [""]
    assert [len(row.seconds) for row in bench.answers] == [6, 1]
    assert [row.tool for row in bench.others] == ["product", "PuLP"]
    assert bench.others[0].failure == ""
