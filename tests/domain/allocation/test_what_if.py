"""What-ifs by hand on the hand-checked cases, and on random small problems against programs built cold."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.formulation import Program, define_program
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.problem import Burst, Experiment, ExperimentOption, Problem, canonical
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json
from capacity.allocation.domain.solution_reader import solution_from_json
from capacity.allocation.domain.solver_models import solve_model
from capacity.allocation.domain.what_if import HotPlan, OtherHorizon, full
from capacity.allocation.domain.what_if_answer import Answer, answer_to_json
from tests.domain.allocation.tiny_problems import TIERS, as_problem, tiny_problem

CASES = Path(__file__).resolve().parents[2] / "cases"
RANDOM_PROBLEMS = 60


def case(name: str) -> Problem:
    return problem_from_bytes((CASES / f"{name}.problem.json").read_bytes())


def hot(problem: Problem) -> HotPlan:
    return HotPlan(problem=problem, solution=solve(problem=problem))


def with_supply(problem: Problem, *accelerators: int) -> Problem:
    return replace(problem, pools=(replace(problem.pools[0], allocatable=accelerators),))


def without_demand(problem: Problem, key: str) -> Problem:
    return replace(problem, serving=tuple(row for row in problem.serving if row.key != key))


def with_request(problem: Problem, key: str, **changes: object) -> Problem:
    rows = {row.key: row for row in problem.experiments}
    rows[key] = replace(rows[key], **changes)  # type: ignore[arg-type]
    return replace(problem, experiments=tuple(rows.values()))


def sized(accelerators: int, *, weeks: int = 1) -> tuple[ExperimentOption, ...]:
    return (ExperimentOption(pools=("h100_use1",), accelerators=accelerators, weeks=weeks),)


def lost(answer: Answer) -> dict[str, tuple[float | None, float | None]]:
    return {row.key: (row.usd_before, row.usd_after) for row in answer.demands}


def changes(answer: Answer) -> dict[str, tuple[str, str | None]]:
    return {row.key: (row.change, row.cause.code if row.cause else None) for row in answer.placements}


# --- by hand: pool of 10, dear 8 at $3, cheap 8 at $1 ---------------------------------------------------------------


def test_two_more_accelerators_save_the_cheap_demand_two_dollars() -> None:
    # 12 - 8 = 4 of 8 for the cheap one: short by 4 instead of 6. One more is still worth $1.
    answer = hot(case("1_two_demands")).quick(changed=with_supply(case("1_two_demands"), 12))
    assert lost(answer) == {"cheap": (6.0, 4.0)}
    assert (answer.usd_before, answer.usd_after, answer.usd_difference) == (6.0, 4.0, -2.0)
    assert [(row.pool, row.before, row.after) for row in answer.prices] == [("h100_use1", 1.0, 1.0)]


def test_losing_four_accelerators_takes_them_from_the_cheap_demand_first() -> None:
    # 6 accelerators: the dear one is short by 2 ($6), the cheap one gets nothing ($8); one more would save $3.
    answer = hot(case("1_two_demands")).quick(changed=with_supply(case("1_two_demands"), 6))
    assert lost(answer) == {"cheap": (6.0, 8.0), "dear": (0.0, 6.0)}
    assert [(row.before, row.after) for row in answer.prices] == [(1.0, 3.0)]


def test_without_the_dear_contract_nothing_is_lost_and_two_are_idle() -> None:
    problem = case("1_two_demands")
    answer = hot(problem).quick(changed=without_demand(problem, "dear"))
    assert (answer.usd_before, answer.usd_after) == (6.0, 0.0)
    assert [(pool.idle_before, pool.idle_after) for pool in answer.pools] == [(0.0, 2.0)]
    assert [(week.short_before, week.short_after) for week in answer.weeks] == [(6.0, 0.0)]


def test_a_floor_waived_by_three_makes_the_dear_demand_whole() -> None:
    # 10 - 4 = 6: dear short by 2 ($6), cheap by 8 ($8). Floor 1: 9 left, dear whole, cheap short by 7 ($7).
    problem = case("2_floor")
    answer = hot(problem).quick(changed=replace(problem, floors=(replace(problem.floors[0], accelerators=(1,)),)))
    assert lost(answer) == {"cheap": (8.0, 7.0), "dear": (6.0, 0.0)}
    # At a floor of 4 one more serves the dear demand ($3); at 1 it is whole, and one more saves the cheap one $1.
    assert [(row.before, row.after) for row in answer.prices] == [(3.0, 1.0)]


def test_burst_at_half_a_dollar_is_bought_for_what_loses_more() -> None:
    # $0.50 a week is 0.5/168 an hour: 5 of the 6 missing are bought for $2.50, the sixth is still lost at $1.
    problem = case("1_two_demands")
    pool = replace(problem.pools[0], burst=Burst((5,), Fraction(1, 336)))
    answer = hot(problem).quick(changed=replace(problem, pools=(pool,)))
    assert answer.usd_after == pytest.approx(3.5)
    assert [(row.burst_before, row.burst_after) for row in answer.pools] == [(0.0, 5.0)]


# --- by hand: the worked example, E2 short by 4 ---------------------------------------------------------------------


def test_a_request_reduced_to_what_is_free_is_placed_and_one_more_is_not() -> None:
    # Free for E2: 44 of the floor + 80 open = 124 once E3, preemptible and of a lower tier, is recalled.
    problem = case("4_short_by_four")
    plan = hot(problem)
    fits = plan.quick(changed=with_request(problem, "E2", options=sized(124)))
    assert changes(fits) == {"E2": ("placed", "added"), "E3": ("lost", "recalled")}
    assert fits.not_placed == ()
    too_large = plan.quick(changed=with_request(problem, "E2", options=sized(125)))
    assert changes(too_large) == {}
    assert [(key, cause.code, cause.accelerators) for key, cause in too_large.not_placed] == [("E2", "no_room", 1)]


def test_one_node_more_is_room_for_the_request_in_the_full_answer_alone() -> None:
    # Quick tries only requests that are new or changed: E2 is neither. Full finds 132 ≥ 128 for it and keeps E1, E4.
    problem = case("4_short_by_four")
    changed = with_supply(problem, 1008)
    solution = solve(problem=problem)
    assert changes(HotPlan(problem=problem, solution=solution).quick(changed=changed)) == {}
    answer = full(problem=problem, solution=solution, changed=changed)
    assert changes(answer)["E2"][0] == "placed"
    assert not {"E1", "E4"} & set(changes(answer))
    tiers = {tier.tier: (tier.before, tier.after) for tier in answer.tiers}
    assert tiers["P1"] == (0.0, 128.0)


def test_a_pinned_run_that_ends_frees_its_accelerators_to_nobody_in_the_quick_answer() -> None:
    problem = case("4_short_by_four")
    changed = replace(problem, experiments=tuple(row for row in problem.experiments if row.key != "E4"))
    answer = hot(problem).quick(changed=changed)
    assert changes(answer) == {"E4": ("lost", "removed")}
    assert {tier.tier: (tier.before, tier.after) for tier in answer.tiers}["P0"] == (260.0, 256.0)
    assert [(pool.idle_before, pool.idle_after) for pool in answer.pools] == [(60.0, 64.0)]


def test_a_gang_whose_pool_shrinks_is_lost_and_the_week_is_named() -> None:
    # The gang of 6 runs in weeks 3 and 4; in week 4 only 5 are left.
    problem = case("3_gang_window")
    answer = hot(problem).quick(changed=with_supply(problem, 10, 5, 10, 5))
    (row,) = answer.placements
    assert (row.change, row.after) == ("lost", ())
    assert row.cause is not None
    assert (row.cause.code, row.cause.week and row.cause.week.key, row.cause.accelerators) == ("no_room", "2026-W51", 1)


def test_the_full_answer_names_who_took_the_place() -> None:
    # 10 accelerators: 6 and 4 run. A newcomer of 10 that is pinned takes both places.
    problem = case("6_best_packing")
    first = problem.experiments[0]
    newcomer: Experiment = replace(first, key="newcomer", tier=first.tier, options=sized(10), weight=3)
    changed = replace(problem, experiments=(*problem.experiments, newcomer))
    answer = full(problem=problem, solution=solve(problem=problem), changed=changed)
    lost_rows = [row for row in answer.placements if row.change == "lost"]
    assert [row.cause and (row.cause.code, row.cause.key) for row in lost_rows] == [("taken_by", "newcomer")] * 2


def test_another_horizon_is_refused() -> None:
    problem = case("1_two_demands")
    with pytest.raises(OtherHorizon):
        hot(problem).quick(changed=case("3_gang_window"))


# --- random small problems ------------------------------------------------------------------------------------------


def divisible(document: dict) -> dict:
    """The generated problem with replicas of one accelerator and no limit of pools, where both programs agree."""
    for row in document["serving"]:
        row["max_pools"] = None
        for option in row["options"]:
            option["replica_accelerators"] = 1
    return document


def changed_at_random(problem: Problem, seed: int) -> Problem:
    rng = random.Random(seed)
    pool = problem.pools[0]
    kinds = ["supply", "floor", "demand", "gone", "request", "burst"]
    for kind in rng.sample(kinds, 2):
        if kind == "supply" and not pool.domains:
            more = tuple(max(0, supply + rng.choice([-2, 1, 3])) for supply in pool.allocatable)
            problem = replace(problem, pools=(replace(problem.pools[0], allocatable=more), *problem.pools[1:]))
        if kind == "floor" and problem.floors:
            floor = replace(problem.floors[0], accelerators=tuple(rng.randint(0, 7) for _ in range(problem.weeks)))
            problem = replace(problem, floors=(floor,))
        if kind == "demand" and problem.serving:
            row = problem.serving[0]
            more_work = tuple(work * rng.choice([1, 2, 3]) for work in row.work)
            new = replace(row, key="new", tier=rng.choice(["committed", "forecast"]))
            problem = replace(problem, serving=(replace(row, work=more_work), *problem.serving[1:], new))
        if kind == "gone" and problem.serving:
            problem = replace(problem, serving=problem.serving[1:])
        if kind == "request" and problem.experiments:
            problem = replace(problem, experiments=problem.experiments[1:])
        if kind == "burst":
            burst = Burst((2,) * problem.weeks, Fraction(rng.choice([1, 5]), 100))
            problem = replace(problem, pools=(replace(problem.pools[0], burst=burst), *problem.pools[1:]))
    return problem


def _at_their_rate(program: Program, arrays: Arrays) -> None:
    """Divisible replicas do their own work each; a whole one counts there for no more than the class needs."""
    model = program.model
    works = {
        column: float(arrays.classes[c].options[o].work) / program.unmet_unit(c, week)
        for (c, _, o, week), column in program.variables.replicas.items()
    }
    for row, name in enumerate(model.row_names):
        if name[0] == "demand_balance":
            model.rows[row] = [(column, works.get(column, value)) for column, value in model.rows[row]]


def cold_values(problem: Problem, answer: Answer, before: tuple) -> dict[str, tuple[float, float]]:
    """(dollars, unmet) of each serving tier: the engine's own weekly program, relaxed, tier after tier, built anew."""
    arrays = build_arrays(canonical(problem))
    placements = {row.key: row for row in before}
    for change in answer.placements:
        placements.pop(change.key, None)
    rows = [row for row in before if row.key in placements]
    rows += [row for change in answer.placements for row in change.after]
    use = ExperimentUse.of(arrays, Plan())
    index = {row.key: e for e, row in enumerate(arrays.experiments)}
    for row in rows:
        pool = arrays.pool_index[row.pool]
        start = arrays.problem.first_week.weeks_until(row.start)
        for week in range(max(0, start), min(arrays.weeks, start + row.weeks)):
            use.add_divided(index[row.key], pool, week, row.accelerators)
    found = dict.fromkeys(arrays.tiers, (0.0, 0.0))
    for week in range(arrays.weeks):
        program = define_program(arrays, weeks=[week], experiments=(), held=use)
        _at_their_rate(program, arrays)
        for tier in arrays.serving_tiers:
            pair = []
            for terms in (objectives.usd_lost(program, tier), objectives.unmet_accelerators(program, tier)):
                value = solve_model(program.model, minimise=terms, relax=True).objective if terms else 0
                if terms:
                    program.model.add_row(("frozen", str(len(program.model.rows))), terms, upper=value + 1e-9)
                pair.append(value)
            usd, unmet = found[arrays.tiers[tier]]
            found[arrays.tiers[tier]] = (usd + pair[0], unmet + pair[1])
    return found


@pytest.mark.parametrize("seed", range(RANDOM_PROBLEMS))
def test_the_hot_answer_is_that_of_programs_built_cold(seed: int) -> None:
    problem = as_problem(divisible(tiny_problem(seed)))
    solution = solve(problem=problem)
    changed = changed_at_random(problem, seed)
    answer = HotPlan(problem=problem, solution=solution).quick(changed=changed)
    cold = cold_values(changed, answer, solution.placements)
    for tier in answer.tiers:
        if tier.unit == "usd":
            assert (tier.after, tier.unmet_after or 0.0) == pytest.approx(cold[tier.tier], abs=1e-5), (seed, tier.tier)


@pytest.mark.parametrize("seed", range(RANDOM_PROBLEMS))
def test_the_parts_of_both_answers_sum_to_their_totals(seed: int) -> None:
    problem = as_problem(tiny_problem(seed))
    solution = solve(problem=problem)
    changed = changed_at_random(problem, seed)
    quick = HotPlan(problem=problem, solution=solution).quick(changed=changed)
    whole = full(problem=problem, solution=solution, changed=changed)
    for answer in (quick, whole):
        for side in ("before", "after"):
            total = getattr(answer, f"usd_{side}")
            demands = sum(getattr(row, f"usd_{side}") or 0.0 for row in answer.demands)
            bought = sum(getattr(row, f"burst_usd_{side}") for row in answer.pools)
            tiers = sum(getattr(row, side) for row in answer.tiers if row.unit == "usd")
            weeks = sum(getattr(row, f"usd_{side}") for row in answer.weeks)
            assert [demands + bought, tiers, weeks] == pytest.approx([total] * 3, abs=1e-6), (seed, answer.kind, side)
            short = sum(getattr(row, f"short_{side}") for row in answer.demands)
            assert sum(getattr(row, f"short_{side}") for row in answer.weeks) == pytest.approx(short, abs=1e-6)


@pytest.mark.parametrize("seed", range(0, RANDOM_PROBLEMS, 5))
def test_no_change_is_no_difference_and_a_question_leaves_nothing_behind(seed: int) -> None:
    problem = as_problem(tiny_problem(seed))
    plan = hot(problem)
    first = plan.quick(changed=changed_at_random(problem, seed))
    nothing = plan.quick(changed=problem)
    assert nothing.placements == ()
    assert nothing.usd_before == nothing.usd_after
    assert all((row.short_before, row.usd_before) == (row.short_after, row.usd_after) for row in nothing.demands)
    assert plan.quick(changed=changed_at_random(problem, seed)) == first


def test_an_answer_is_json_and_a_solution_survives_its_own() -> None:
    problem = case("4_short_by_four")
    solution = solve(problem=problem)
    assert solution_from_json(json.loads(json.dumps(solution_to_json(solution)))) == solution
    answer = HotPlan(problem=problem, solution=solution).quick(changed=with_supply(problem, 900))
    document = json.loads(json.dumps(answer_to_json(answer)))
    assert document["kind"] == "quick"
    assert document["basis"] == "divisible_replicas"
    assert {tier["tier"] for tier in document["tiers"]} >= set(TIERS[:2])
