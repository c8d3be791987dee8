"""The one place that talks to HiGHS: small programs solved whole, relaxed and hot, with answers worked out by hand."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import highspy
import numpy as np
import pytest

from capacity.allocation.domain import solver_arrays
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.named_model import Model
from capacity.allocation.domain.solver import INFEASIBLE, OPTIMAL, Found, SolverFailed, run
from capacity.allocation.domain.solver_arrays import ArrayModel, Matrix
from capacity.allocation.domain.solver_models import array_model, solve_model
from capacity.allocation.domain.stages import solve_in_stages
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.tiny_problems import as_problem


def replicas(*, needed: float) -> Model:
    """Replicas of 3 at $2 and of 5 at $4, at most four of each, that carry `needed`."""
    model = Model()
    three = model.add_column(("three",), upper=4.0, integer=True)
    five = model.add_column(("five",), upper=4.0, integer=True)
    model.add_row(("carries",), [(three, 3.0), (five, 5.0)], lower=needed)
    return model


COST = [(0, 2.0), (1, 4.0)]


def test_whole_replicas_cost_what_counting_them_costs() -> None:
    # 14 of work: four threes and one five carry 17 for $12; three threes and one five carry 14 for $10.
    solved = solve_model(replicas(needed=14.0), minimise=COST)
    assert (solved.status, solved.values, solved.objective, solved.bound) == ("optimal", [3.0, 1.0], 10.0, 10.0)


def test_divisible_replicas_cost_less() -> None:
    # All four threes carry 12 for $8; the other 2 are two fifths of a five: $1.60.
    solved = solve_model(replicas(needed=14.0), minimise=COST, relax=True)
    assert solved.objective == pytest.approx(9.6)
    assert solved.values == pytest.approx([4.0, 0.4])


def test_more_than_everything_can_carry_has_no_point() -> None:
    assert solve_model(replicas(needed=33.0), minimise=COST).status == INFEASIBLE
    assert array_model(replicas(needed=33.0), minimise=COST).relax().status == INFEASIBLE


@pytest.mark.parametrize("unit", [1e-9, 1.0, 2.0**40])
def test_the_size_of_a_dollar_does_not_change_the_answer(unit: float) -> None:
    solved = solve_model(replicas(needed=14.0), minimise=[(column, cost * unit) for column, cost in COST])
    assert solved.values == [3.0, 1.0]
    assert solved.objective == pytest.approx(10.0 * unit)


def test_a_hot_model_takes_bounds_costs_and_coefficients_as_they_are() -> None:
    hot = array_model(replicas(needed=14.0), minimise=COST)
    found = hot.relax(duals=True)
    # One more unit of work costs a fifth of a five.
    assert found.row_duals == pytest.approx([0.8])
    hot.row_lower[0] = 17.0
    assert hot.relax().objective == pytest.approx(12.0)
    hot.upper[0] = 0.0
    assert hot.relax().objective == pytest.approx(13.6)
    hot.cost = np.array([2.0, 5.0])
    assert hot.relax().objective == pytest.approx(17.0)
    hot.set_values(np.array([3.0, 17.0]))
    assert hot.relax().objective == pytest.approx(5.0)


def test_a_stage_is_least_only_on_what_the_stages_before_leave() -> None:
    hot = array_model(replicas(needed=14.0), minimise=COST)

    def stages(*costs: tuple[float, float]) -> tuple[float, ...]:
        return solve_in_stages(
            hot,
            stages=[np.array(cost) for cost in costs],
            upper=np.array([4.0, 4.0]),
            row_lower=np.array([14.0]),
            row_upper=np.array([np.inf]),
        ).objectives

    # Least of the fives alone is 0.4 of one; then the threes are all taken already, however they are priced.
    assert stages((0.0, 1.0), (1.0, 0.0)) == pytest.approx((0.4, 4.0))
    # The other way round no three is needed, and 14 of work takes 2.8 fives.
    assert stages((1.0, 0.0), (0.0, 1.0)) == pytest.approx((0.0, 2.8))


def test_another_program_begins_where_a_basis_says() -> None:
    one, other = (array_model(replicas(needed=needed), minimise=COST) for needed in (14.0, 15.0))
    assert one.relax().status == OPTIMAL
    other.start_from(one.basis())
    assert other.relax().objective == pytest.approx(10.4)
    assert isinstance(other, ArrayModel)


def test_a_gap_that_was_asked_for_is_told_and_never_hidden_in_the_bound() -> None:
    """With a gap of 90 % the solver stops at a plan that loses $10.68 where $10.36 is the least."""
    problem = as_problem(small_problem(random.Random(265)))
    least = solve(problem=problem).tiers[0]
    roughly = solve(problem=problem, options=SolveOptions(gap=0.9)).tiers[0]
    assert least.value == least.bound == pytest.approx(10.36)
    assert roughly.value > least.value
    assert roughly.bound <= least.value
    assert roughly.gap_absolute == pytest.approx(roughly.value - roughly.bound)


def test_a_hot_model_that_fails_is_solved_once_more_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Least 3x with x >= 2 is 6, also where the first solve on a worn basis fails."""
    matrix = Matrix(1, np.array([0, 1], dtype=np.int32), np.array([0], dtype=np.int32), np.array([1.0]))
    model = ArrayModel(matrix, np.array([False]))
    model.cost, model.upper, model.row_lower = np.array([3.0]), np.array([9.0]), np.array([2.0])
    answers: list[str] = []

    def failing_once(*args: Any, **options: Any) -> Found:
        answers.append("asked")
        if len(answers) == 1:
            raise SolverFailed("worn")
        return run(*args, **options)

    monkeypatch.setattr(solver_arrays, "run", failing_once)
    assert model.relax().objective == 6
    assert len(answers) == 2


def test_an_optimum_without_a_point_is_no_answer() -> None:
    """HiGHS may call a point optimal that breaks rows by more than its tolerance; then it gives none."""

    class Worn:
        def run(self) -> Any:
            return highspy.HighsStatus.kOk

        def getModelStatus(self) -> Any:
            return highspy.HighsModelStatus.kOptimal

        def getInfo(self) -> Any:
            return SimpleNamespace(
                primal_solution_status=highspy.SolutionStatus.kSolutionStatusInfeasible,
                objective_function_value=1.0,
                mip_dual_bound=1.0,
            )

    with pytest.raises(SolverFailed, match="breaks a row"):
        run(Worn(), unit=1.0, is_whole=False)
