"""Packing experiments around serving: hand-checked cuts, bounds, whole replicas, and places kept from the last plan."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.embedded_week import embed_week, serve_week
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.integer_program import Effort
from capacity.allocation.domain.packing_program import PackingProgram
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue
from capacity.allocation.domain.problem import canonical
from capacity.allocation.domain.served_plan import ServedPlan
from capacity.allocation.domain.serving_cuts import Cut, ServingCuts
from capacity.allocation.domain.solution import Solution
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing
from tests.domain.allocation.tiny_problems import as_problem

FIRST = date(2026, 11, 23)
PARTS = SolveOptions(whole_limit=0, effort="quick")
SEARCH = Effort(units=2.0)
REQUESTS = (("a", 5), ("b", 4), ("c", 3), ("d", 3))


def document(
    *, weeks: int = 1, supply: int = 10, requests: dict[str, int], replica: int = 3, **changes: Any
) -> dict[str, Any]:
    """One pool; serving of 6 in whole replicas that lose $9 a unit; requests of a week each in tier P0."""
    return {
        "version": 1,
        "first_week": FIRST.isoformat(),
        "weeks": weeks,
        "tiers": ["committed", "P0"],
        "pools": [
            {
                "key": "west",
                "accelerator_type": "h100",
                "region": "west",
                "allocatable": [supply] * weeks,
                "usd_per_accelerator_hour": 1,
            }
        ],
        "serving": [
            {
                "key": "chat",
                "tier": "committed",
                "work": [6] * weeks,
                "usd_lost_per_work_week": 9,
                "options": [{"pool": "west", "work_per_accelerator": 1, "replica_accelerators": replica}],
            }
        ],
        "experiments": [
            {
                "key": key,
                "tier": "P0",
                "team": "research",
                "model_development": False,
                "accelerators": accelerators,
                "weeks": 1,
                "earliest_start": FIRST.isoformat(),
                "latest_start": (FIRST + timedelta(weeks=weeks - 1)).isoformat(),
                "pools": ["west"],
            }
            for key, accelerators in requests.items()
        ],
    } | changes


def arrays_of(problem: dict[str, Any]) -> Arrays:
    return build_arrays(canonical(as_problem(problem)))


def placed(solution: Solution) -> dict[str, str]:
    return {row.key: row.start.key for row in solution.placements}


def test_serving_teaches_the_packing_that_four_of_ten_are_left() -> None:
    arrays = arrays_of(document(requests={"a": 5, "b": 4}))
    weekly = WeeklyServing(arrays, node_limit=40)
    cuts = ServingCuts(arrays, weekly, held=ExperimentUse(arrays))
    packing = PackingProgram(arrays, pinned=Plan(), free=[0, 1])
    both = packing.best(1, start=Plan(), effort=SEARCH)
    assert both.plan is not None
    assert (len(both.plan.gangs), both.most) == (2, 9)
    cut = cuts.has_room(0, use=ExperimentUse.of(arrays, both.plan), frozen={0: TierValue()})
    assert isinstance(cut, Cut)
    factor = cut.pools[0]
    assert (cut.upper, cut.floors) == (4 * factor, {})
    assert packing.limit(0, pools=cut.pools, floors=cut.floors, upper=cut.upper)
    one = packing.best(1, start=Plan(), effort=SEARCH)
    assert one.plan is not None
    assert ([arrays.experiments[e].key for e in one.plan.gangs], one.most) == (["b"], 4)


def test_a_week_put_into_the_packing_keeps_whole_replicas_free() -> None:
    """Replicas of 4: serving of 6 holds 8 of 11, so 3 are left where divisible replicas would leave 5."""
    arrays = arrays_of(document(supply=11, replica=4, requests={"a": 5, "b": 3}))
    packing = PackingProgram(arrays, pinned=Plan(), free=[0, 1])
    packing.note_embedded(embed_week(packing, arrays, 0, held=ExperimentUse(arrays), frozen={0: TierValue()}))
    found = packing.best(1, start=Plan(), effort=SEARCH)
    assert found.plan is not None
    assert ([arrays.experiments[e].key for e in found.plan.gangs], found.most) == (["b"], 3)
    assert sum(found.plan.replicas.values()) == 2


def test_a_week_is_served_alone_or_known_not_to_be() -> None:
    arrays = arrays_of(document(supply=11, replica=4, requests={"a": 5, "b": 3}))
    use = ExperimentUse(arrays)
    use.add(arrays.experiments[1].columns[0])
    served = serve_week(arrays, 0, use=use, frozen={0: TierValue()}, effort=SEARCH)
    assert served is not None
    assert sum(served.replicas.values()) == 2
    use.add(arrays.experiments[0].columns[0])
    assert serve_week(arrays, 0, use=use, frozen={0: TierValue()}, effort=SEARCH) is None


def test_the_plan_by_parts_proves_the_best_packing() -> None:
    solution = solve(problem=as_problem(document(requests={"a": 5, "b": 4})), options=PARTS)
    assert placed(solution) == {"b": "2026-W48"}
    assert [(tier.value, tier.bound) for tier in solution.tiers] == [(0.0, 0.0), (4.0, 4.0)]
    assert solution.termination == "optimal"


def test_of_equal_plans_the_one_that_moves_nobody_is_taken() -> None:
    """Both requests of 4 fit in either order of weeks; the last plan had b first."""
    previous = [
        {
            "key": key,
            "pool": "west",
            "domain": None,
            "start": (FIRST + timedelta(weeks=week)).isoformat(),
            "weeks": 1,
            "accelerators": 4,
        }
        for key, week in (("a", 1), ("b", 0))
    ]
    asked = document(weeks=2, requests={"a": 4, "b": 4}, previous=previous)
    assert placed(solve(problem=as_problem(asked), options=PARTS)) == {"a": "2026-W49", "b": "2026-W48"}
    fresh = document(weeks=2, requests={"a": 4, "b": 4})
    assert placed(solve(problem=as_problem(fresh), options=PARTS)) == {"a": "2026-W48", "b": "2026-W49"}


def test_a_place_is_given_up_where_the_tier_is_worth_more_without_it() -> None:
    """The last plan had the 3 where the 4 must go; a move brings both in."""
    previous = [
        {"key": "small", "pool": "west", "domain": None, "start": FIRST.isoformat(), "weeks": 1, "accelerators": 3}
    ]
    asked = document(weeks=2, requests={"large": 4, "small": 3}, previous=previous)
    large = next(row for row in asked["experiments"] if row["key"] == "large")
    large["latest_start"] = FIRST.isoformat()
    solution = solve(problem=as_problem(asked), options=PARTS)
    assert placed(solution) == {"large": "2026-W48", "small": "2026-W49"}
    assert solution.termination == "optimal"


def test_quick_and_record_agree_where_both_prove_the_plan() -> None:
    asked = as_problem(document(weeks=3, requests={"a": 4, "b": 3, "c": 2, "d": 1, "e": 4}))
    quick = solve(problem=asked, options=PARTS)
    record = solve(problem=asked, options=SolveOptions(whole_limit=0, effort="record"))
    assert [tier.value for tier in quick.tiers] == [tier.value for tier in record.tiers] == [0.0, 12.0]


def two_pools(*, requests: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """West of 8 and east of 16; serving of 8 in one replica lies in the cheaper west and may move to the east."""
    asked = document(supply=8, replica=8, requests={})
    asked["pools"].append(asked["pools"][0] | {"key": "east", "allocatable": [16], "usd_per_accelerator_hour": 2})
    asked["serving"][0]["work"] = [8]
    asked["serving"][0]["options"].append({"pool": "east", "work_per_accelerator": 1, "replica_accelerators": 8})
    base = document(requests={"x": 1})["experiments"][0]
    asked["experiments"] = [base | row for row in requests]
    return asked | changes


def test_serving_moves_out_of_the_pool_that_a_gang_needs() -> None:
    """Nothing but a move lets the gang of 8 into the west pool; serving loses nothing by it."""
    arrays = arrays_of(two_pools(requests=[{"key": "a", "accelerators": 8, "pools": ["west"]}]))
    state = ServedPlan(arrays, Plan(), node_limit=40, one_week=None)
    state.serve((0,))
    west = arrays.pool_index["west"]
    assert [arrays.classes[c].options[o].pool for c, _, o, _ in state.plan.replicas] == [west]
    state.insert([0])
    assert [column.pool for column in state.plan.gangs.values()] == [west]
    assert [arrays.classes[c].options[o].pool for c, _, o, _ in state.plan.replicas] == [arrays.pool_index["east"]]
    assert state.served[0].values == {0: TierValue()}


def test_divisible_work_takes_as_much_as_serving_can_make_way_for() -> None:
    """Of 12 wanted the west pool has 8, all of them once serving has moved to the east."""
    row = {"key": "a", "accelerators": 12, "pools": ["west"], "divisible": True}
    arrays = arrays_of(two_pools(requests=[row]))
    state = ServedPlan(arrays, Plan(), node_limit=40, one_week=None)
    state.serve((0,))
    state.insert([0])
    taken = sum(state.plan.divided.values())
    assert taken == 8
    use = ExperimentUse.of(arrays, state.plan)
    use.add_serving(state.plan)
    assert not use.is_overdrawn(0)


def test_a_cut_of_one_week_holds_in_another_with_the_side_of_that_week() -> None:
    """Serving of 6 and of 3 in replicas of 3 leaves 4 of 10 and 7 of 10."""
    asked = document(weeks=2, requests={"a": 5, "b": 4})
    asked["serving"][0]["work"] = [6, 3]
    arrays = arrays_of(asked)
    cuts = ServingCuts(arrays, WeeklyServing(arrays, node_limit=40), held=ExperimentUse(arrays))
    frozen = {0: TierValue()}
    first = Cut(0, {0: 1}, {}, 4)
    assert cuts.same_cut(0, first, frozen=frozen) == first
    assert cuts.same_cut(1, first, frozen=frozen) == Cut(1, {0: 1}, {}, 7)


def test_a_bound_rests_on_nothing_that_was_only_kept_away_from() -> None:
    """Two classes of 5 in replicas of 4 need 2 + 2 replicas, 16 of 21 in two pools; the quick plan may stop short of
    the best packing, but its bound is never below it."""
    for supply in range(16, 24):
        asked = two_pools(requests=[{"key": k, "accelerators": n, "pools": ["west", "east"]} for k, n in REQUESTS])
        asked["pools"][0]["allocatable"], asked["pools"][1]["allocatable"] = [supply - 8], [8]
        asked["serving"][0]["work"] = [5]
        for option in asked["serving"][0]["options"]:
            option["replica_accelerators"] = 4
        problem = as_problem(asked)
        exact = solve(problem=problem, options=SolveOptions(whole_limit=10**6))
        quick = solve(problem=problem, options=PARTS)
        assert quick.tiers[1].value <= exact.tiers[1].value + 1e-9 <= quick.tiers[1].bound + 2e-9


def test_another_plan_may_lose_in_a_week_what_it_saves_in_the_others() -> None:
    """Of two weeks the first loses $10 where $8 is proven least, the second $5, proven: no plan as good as this one
    loses more than 10 in the first, for the second saves nothing, nor more than 5 + 2 in the second."""
    arrays = arrays_of(document(weeks=2, requests={"a": 5}))
    state = ServedPlan(arrays, Plan(), node_limit=40, one_week=None)
    state.serve((0,))
    assert state.is_proven
    for week, (usd, least) in enumerate([(10, 8), (5, 5)]):
        state.served[week] = ServedWeek(Plan(), {0: TierValue(Fraction(usd))}, {0: float(least)})
    state.note_gaps((0,))
    assert not state.is_proven
    assert [state.certain(week)[0].usd for week in range(2)] == [10, 7]
    # Fewer dollars may be had for any work of unknown loss.
    assert all(state.certain(week)[0].unmet > 10**9 for week in range(2))


def test_unmet_work_of_unknown_loss_may_lie_in_any_week_where_dollars_are_least() -> None:
    arrays = arrays_of(document(weeks=2, requests={"a": 5}))
    state = ServedPlan(arrays, Plan(), node_limit=40, one_week=None)
    state.serve((0,))
    for week, unmet in enumerate([3, 4]):
        state.served[week] = ServedWeek(Plan(), {0: TierValue(Fraction(5), Fraction(unmet))}, {0: 5.0})
    state.note_gaps((0,))
    assert not state.is_proven
    assert [state.certain(week)[0] for week in range(2)] == [TierValue(Fraction(5), Fraction(7))] * 2
