"""The integer solver in its own process: hand-checked answers, bounds, and what becomes of the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from capacity.allocation.domain import cp_sat
from capacity.allocation.domain.cp_sat import maximise
from capacity.allocation.domain.integer_program import Effort, IntegerProgram
from capacity.allocation.domain.solver import SolverFailed

SHORT = Effort(units=5.0, searches=2)


def knapsack() -> IntegerProgram:
    """6, 5 and 4 into 10: the 6 and the 4."""
    program = IntegerProgram()
    items = [program.add_variable(upper=1) for _ in range(3)]
    program.add_row(list(zip(items, (6, 5, 4), strict=True)), upper=10)
    return program


def test_the_best_of_three_requests_for_ten_is_found_and_proven() -> None:
    found = maximise(knapsack(), {0: 6, 1: 5, 2: 4}, effort=SHORT)
    assert found is not None
    assert (list(found.values or ()), found.value, found.bound, found.is_optimal) == ([1, 0, 1], 10, 10, True)


def test_at_most_one_of_a_set_is_taken() -> None:
    program = knapsack()
    program.at_most_one.append([0, 2])
    found = maximise(program, {0: 6, 1: 5, 2: 4}, effort=SHORT)
    assert found is not None
    assert (found.value, list(found.values or ())) == (9, [0, 1, 1])


def test_a_program_without_a_point_has_no_answer() -> None:
    program = knapsack()
    program.add_row([(0, 1), (1, 1)], lower=2)
    assert maximise(program, {2: 4}, effort=SHORT) is None


def test_a_row_that_nothing_can_break_is_left_out() -> None:
    program = knapsack()
    program.add_row([(0, 1), (1, 1)], upper=2)
    assert len(program.rows) == 1


def test_a_search_cut_short_tells_a_bound_above_its_value() -> None:
    program = IntegerProgram()
    items = [program.add_variable(upper=1) for _ in range(60)]
    sizes = [101 + 37 * i % 89 for i in range(60)]
    for shift in range(6):
        program.add_row([(v, sizes[(v + 7 * shift) % 60]) for v in items], upper=2003 + shift)
    found = maximise(program, {v: sizes[(3 * v) % 60] for v in items}, effort=Effort(units=0.001))
    assert found is not None
    assert found.bound >= found.value
    proven = maximise(program, {v: sizes[(3 * v) % 60] for v in items}, effort=Effort(units=3.0))
    assert proven is not None
    assert found.value <= proven.value <= found.bound
    assert proven.value <= proven.bound


def test_the_same_program_gives_the_same_point_again() -> None:
    program = IntegerProgram()
    items = [program.add_variable(upper=1) for _ in range(12)]
    program.add_row([(v, 3) for v in items], upper=18)
    points = {
        tuple((maximise(program, dict.fromkeys(items, 1), effort=SHORT) or pytest.fail()).values or ())
        for _ in range(3)
    }
    assert len(points) == 1
    assert sum(points.pop()) == 6


def test_after_its_process_was_killed_the_next_program_is_answered_by_a_new_one() -> None:
    maximise(knapsack(), {0: 6}, effort=SHORT)
    process = cp_sat._SOLVER._process
    assert process is not None
    process.kill()
    process.wait()
    found = maximise(knapsack(), {0: 6, 1: 5, 2: 4}, effort=SHORT)
    assert found is not None
    assert found.value == 10


def test_a_process_that_dies_over_a_program_is_told_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = cp_sat._SolverProcess()
    monkeypatch.setattr(cp_sat, "PROGRAM", cp_sat.PROGRAM.with_name("no_such_program.py"))
    with pytest.raises(SolverFailed):
        solver.ask({"lower": []})
    solver.close()


def test_a_solver_whose_parent_was_killed_ends_by_itself() -> None:
    script = (
        "import sys; from capacity.allocation.domain import cp_sat\n"
        "from capacity.allocation.domain.integer_program import *\n"
        "p = IntegerProgram(); v = p.add_variable(upper=1)\n"
        "cp_sat.maximise(p, {v: 1}, effort=Effort(units=1.0))\n"
        "print(cp_sat._SOLVER._process.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the solver's process outlived its parent")


def test_a_bound_is_never_below_a_point_that_is_known() -> None:
    """A search that was cut short before it had a bound tells 0, or less than its own value."""
    from_nowhere = cp_sat_bound("feasible", 196_320.0, 0.0), cp_sat_bound("unknown", float("-inf"), -0.0)
    assert from_nowhere == (float("inf"), float("inf"))
    assert cp_sat_bound("feasible", 10.0, 12.0) == 12.0
    assert cp_sat_bound("unknown", float("-inf"), 12.0) == 12.0
    assert cp_sat_bound("optimal", 10.0, 10.0) == 10.0


def cp_sat_bound(status: str, value: float, told: float) -> float:
    """The rule of the solver's process, asked in a process of its own: OR-tools cannot be loaded here."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import cp_sat_process as process\n"
        "print(process._bound(sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))"
    )
    command = [sys.executable, "-P", "-c", script, str(cp_sat.PROGRAM.parent), status, str(value), str(told)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
