"""Explanations: every reason code on a problem made for it, and every smallest change re-checked by a second hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.solution import SmallestChange, Solution, _to_json, solution_to_json
from tests.domain.allocation.tiny_problems import as_problem, monday, tiny_problem
from tests.residual_check import ResidualCheck

Json = dict[str, Any]


def problem(*, allocatable: list[int], requests: list[Json], **more: Any) -> Json:
    """One pool "west" over as many weeks as `allocatable` has."""
    return {
        "version": 1,
        "first_week": monday(0),
        "weeks": len(allocatable),
        "tiers": ["committed", "forecast", "holds", "P0", "P1"],
        "floors": [],
        "pools": [pool("west", allocatable)],
        "serving": [],
        "experiments": requests,
        "previous": [],
        **more,
    }


def pool(key: str, allocatable: list[int], **more: Any) -> Json:
    return {
        "key": key, "accelerator_type": "h100", "region": key, "node_size": 1, "allocatable": allocatable,
        "usd_per_accelerator_hour": 1, **more,
    }  # fmt: skip


def request(key: str, accelerators: int, *, start: int = 0, last: int | None = None, **more: Any) -> Json:
    return {
        "key": key, "tier": "P0", "team": "t", "model_development": False, "accelerators": accelerators, "weeks": 1,
        "earliest_start": monday(start), "latest_start": monday(start if last is None else last), "pools": ["west"],
        **more,
    }  # fmt: skip


def serves(key: str, tier: str, work: list[int]) -> Json:
    return {
        "key": key, "class": key, "tier": tier, "work": work, "usd_lost_per_work_week": 9,
        "options": [{"pool": "west", "work_per_accelerator": 1, "replica_accelerators": 1}],
    }  # fmt: skip


def floor(accelerators: list[int], **more: Any) -> Json:
    return {"key": "development", "pools": ["west"], "accelerators": accelerators, "lendable": False, **more}


def domains(*sizes: list[int]) -> list[Json]:
    return [{"key": "abc"[n], "allocatable": size} for n, size in enumerate(sizes)]


PINNED = {"pool": "west", "domain": None, "start": monday(0)}
# reason → a problem in which the request "asks" has it.
REASONS: dict[str, Json] = {
    "exceeds_any_pool": problem(allocatable=[10], requests=[request("asks", 11)]),
    "no_domain_large_enough": problem(
        allocatable=[10], requests=[request("asks", 8)], pools=[pool("west", [10], domains=domains([5], [5]))]
    ),
    "window_closed": problem(allocatable=[10, 10], requests=[request("asks", 4, start=-3, last=-1)]),
    "beyond_horizon": problem(allocatable=[10, 10], requests=[request("asks", 4, start=1, weeks=2)]),
    "floor_reserved": problem(allocatable=[10], requests=[request("asks", 8)], floors=[floor([4])]),
    "blocked_by_running": problem(
        allocatable=[10], requests=[request("asks", 8), request("runs", 4, tier="P1", pinned=PINNED)]
    ),
    "blocked_by_commitment": problem(
        allocatable=[10], requests=[request("asks", 8)], serving=[serves("c", "committed", [4])]
    ),
    "blocked_by_forecast": problem(
        allocatable=[10],
        requests=[request("asks", 8)],
        serving=[serves("c", "committed", [1]), serves("f", "forecast", [4])],
    ),
    "blocked_by_hold": problem(
        allocatable=[10],
        requests=[request("asks", 8)],
        serving=[serves("c", "committed", [1]), serves("f", "forecast", [1]), serves("h", "holds", [4])],
    ),
    "blocked_by_higher_class": problem(allocatable=[10], requests=[request("asks", 8, tier="P1"), request("first", 4)]),
    "blocked_by_same_class": problem(allocatable=[10], requests=[request("asks", 4), request("larger", 8)]),
    "capacity_ends": problem(allocatable=[10, 5], requests=[request("asks", 8, start=1)]),
    "late_delivery": problem(allocatable=[5, 10], requests=[request("asks", 8)]),
    "region": problem(allocatable=[10], requests=[request("asks", 8, pools=[])]),
}


def solved(document: Json) -> tuple[Json, Solution]:
    """The problem with what it left out filled in, and its solution."""
    document = copy.deepcopy(document)
    for row in document["experiments"]:
        for name, value in (("preemptible", False), ("divisible", False), ("pinned", None), ("weight", 1)):
            row.setdefault(name, value)
    return document, solve(problem=as_problem(document))


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_given_where_it_is_true(reason: str) -> None:
    _, solution = solved(REASONS[reason])
    assert [(row.key, row.reason) for row in solution.unplaced] == [("asks", reason)]


def change_of(document: Json, kind: str) -> SmallestChange | None:
    _, solution = solved(document)
    row = next(row for row in solution.unplaced if row.key == "asks")
    return next((change for change in row.smallest_changes if change.change == kind), None)


def test_a_request_whose_window_closed_is_told_its_next_start() -> None:
    # Week 0 has room for 4 beside the 7 that run: none; week 1 is free.
    document = problem(
        allocatable=[10, 10],
        requests=[request("asks", 4, start=-2, last=-1), request("runs", 7, pinned=PINNED)],
    )
    change = change_of(document, "later_start")
    assert change is not None and change.start is not None
    assert change.start.monday.isoformat() == monday(1)


def test_a_request_that_ends_after_the_horizon_is_told_how_long_it_could_run() -> None:
    change = change_of(problem(allocatable=[10] * 3, requests=[request("asks", 4, start=1, weeks=4)]), "shorter")
    assert change is not None and change.weeks == 2


def test_a_delivery_two_weeks_earlier_would_be_enough_and_one_would_not() -> None:
    # 5 until week 3, then 10; eight are asked for from week 1 for one week: the five must come in week 1.
    document = problem(allocatable=[5, 5, 5, 10, 10], requests=[request("asks", 8, start=1)])
    change = change_of(document, "earlier_delivery")
    assert change is not None
    assert (change.accelerators, change.weeks, change.pool) == (5, 2, "west")


def test_the_file_form_knows_no_earlier_delivery() -> None:
    _, solution = solved(REASONS["late_delivery"])
    written = solution_to_json(solution)["unplaced"][0]["smallest_changes"]
    assert "earlier_delivery" not in {change["change"] for change in written}
    assert {change["change"] for change in written} == {"fewer_accelerators", "later_start", "more_supply"}


def test_a_lower_class_in_the_way_is_listed_and_is_not_the_reason() -> None:
    # 4 are left beside the commitment of 6; "asks" needs 8, so P1 takes the 4. Asked of the commitment: 8 - 4 = 4.
    document = problem(
        allocatable=[10],
        requests=[request("asks", 8), request("small", 4, tier="P1")],
        serving=[serves("c", "committed", [6])],
    )
    _, solution = solved(document)
    (row,) = solution.unplaced
    assert (row.reason, row.free, row.short_by) == ("blocked_by_commitment", 0, 8)
    assert [(each.key, each.accelerators) for each in row.blockers] == [("c", 6), ("small", 4)]


def test_where_the_nearest_place_is_too_small_for_ever_the_reason_is_told_of_the_one_that_is_not() -> None:
    # "small" has 7 of the 8 asked for and never more; "west" has 10, of which the commitment holds 6.
    document = problem(
        allocatable=[10],
        requests=[request("asks", 8, pools=["small", "west"])],
        serving=[serves("c", "committed", [6])],
        pools=[pool("west", [10]), pool("small", [7])],
    )
    _, solution = solved(document)
    (row,) = solution.unplaced
    assert (row.reason, row.free, row.short_by) == ("blocked_by_commitment", 7, 1)
    assert [each.key for each in row.blockers] == ["c"]


def test_supply_that_changes_where_the_request_cannot_end_in_time_is_not_its_reason() -> None:
    """5 of west, which always has 4, or 1 for two weeks of north, whose last week is too late to start in."""
    options = [{"pool": "west", "accelerators": 5, "weeks": 1}, {"pool": "north", "accelerators": 1, "weeks": 2}]
    asks = request("asks", 5, start=2)
    del asks["accelerators"], asks["weeks"], asks["pools"]
    pools = [pool("west", [4, 4, 4]), pool("north", [4, 4, 3])]
    _, solution = solved(problem(allocatable=[4, 4, 4], requests=[asks | {"options": options}], pools=pools))
    assert [row.reason for row in solution.unplaced] == ["no_domain_large_enough"]


def test_a_lower_class_that_lies_across_a_delivery_a_higher_one_waits_for_is_warned_of() -> None:
    # Ten more arrive in week 2, after the window of "asks" (15). "long" holds 8 through it, and is not preemptible.
    requests = [request("asks", 15), request("long", 8, tier="P1", weeks=4)]
    document = problem(allocatable=[10, 10, 20, 20], requests=requests)
    _, solution = solved(document)
    (warning,) = solution.warnings
    assert (warning.key, warning.blocks, warning.accelerators) == ("long", "asks", 8)
    assert warning.week.monday.isoformat() == monday(2)
    requests[1]["preemptible"] = True
    assert solved(document)[1].warnings == ()
    assert "warnings" not in solution_to_json(solution)


def test_every_smallest_change_of_tiny_problems_fits_and_one_unit_less_does_not() -> None:
    seen = 0
    for seed in range(200):
        document, solution = solved(tiny_problem(seed))
        check = ResidualCheck(document, solution_to_json(solution))
        for row in solution.unplaced:
            asked = check.requests[row.key]
            if row.needed is None or row.short_by is None or asked["divisible"] or asked["pinned"]:
                continue
            room = check.room(row.key)
            options = check.asked(row.key).options
            least = min(options[number][1] - free for number, free in room.items())
            assert row.short_by == min(least, row.needed), (seed, row)
            for change in row.smallest_changes:
                assert check.verdict(_to_json(row), _to_json(change)) == (True, False), (seed, row.key, change)
                seen += 1
    assert seen > 100


def test_divisible_work_is_kept_out_by_the_floor_though_its_first_domain_has_nothing() -> None:
    """In the second week the pool has 1, in its second domain; the floor asks for 2 and keeps that 1."""
    pools = [pool("west", [4, 1], domains=domains([1, 0], [3, 1]))]
    asked = request("asks", 1, start=1, divisible=True)
    _, solution = solved(problem(allocatable=[4, 1], pools=pools, requests=[asked], floors=[floor([0, 2])]))
    assert [(row.key, row.reason) for row in solution.unplaced] == [("asks", "floor_reserved")]


def test_replicas_of_a_tier_that_serve_another_tier_of_their_class_are_that_demands() -> None:
    """A commitment that loses nothing unserved, and a forecast of its class that is served on all four accelerators."""
    chat = {"class": "chat", "options": [{"pool": "west", "work_per_accelerator": 0.5, "replica_accelerators": 1}]}
    free = chat | {"key": "free", "tier": "committed", "work": [1], "usd_lost_per_work_week": 0}
    paid = chat | {"key": "paid", "tier": "forecast", "work": [2], "usd_lost_per_work_week": 1}
    _, solution = solved(problem(allocatable=[4], serving=[free, paid], requests=[request("ask", 1)]))
    assert {row.key: row.work for row in solution.served} == {"free": 0, "paid": 2}
    (told,) = solution.unplaced
    assert [(row.key, row.accelerators) for row in told.blockers] == [("paid", 4)]
    assert [(c.key, c.accelerators) for c in told.smallest_changes if c.change == "smaller_serving"] == [("paid", 1)]


def changes_of(document: Json, key: str = "asks") -> dict[str, SmallestChange]:
    _, solution = solved(document)
    row = next(row for row in solution.unplaced if row.key == key)
    return {change.change: change for change in row.smallest_changes}


def test_another_pool_is_looked_for_of_every_type_the_request_accepts() -> None:
    """8 asked; short by least in the h100 pool (6). No other h100 pool is there, a b200 one has 13 free."""
    pools = [
        pool("small", [4], accelerator_type="b200"),
        pool("west", [6]),
        pool("wide", [13], accelerator_type="b200"),
    ]
    asks = request("asks", 8, pools=["small", "west"])
    assert changes_of(problem(allocatable=[6], pools=pools, requests=[asks]))["other_pool"].pool == "wide"


def with_options(row: Json, *options: Json) -> Json:
    return {name: row[name] for name in row if name not in ("pools", "accelerators", "weeks")} | {"options": options}


def test_an_option_is_tried_in_pools_of_its_own_type_only() -> None:
    """3 of b200 or 9 of h100: the 4 of the other h100 pool would hold three, but three are accepted of b200 only."""
    pools = [pool("b", [2], accelerator_type="b200"), pool("h", [4]), pool("h2", [4])]
    options = [{"pool": "b", "accelerators": 3, "weeks": 1}, {"pool": "h", "accelerators": 9, "weeks": 1}]
    document = problem(allocatable=[4], pools=pools, requests=[with_options(request("asks", 1), *options)])
    assert "other_pool" not in changes_of(document)
    wide = problem(
        allocatable=[4],
        pools=[*pools, pool("wide", [3], accelerator_type="b200")],
        requests=[with_options(request("asks", 1), *options)],
    )
    change = changes_of(wide)["other_pool"]
    assert (change.pool, change.accelerators) == ("wide", 3)


def test_the_longest_run_of_any_option_is_told_with_its_size() -> None:
    """6 in west for 2 weeks, which has 6 and then 5: one week. 4 in north for 4, which has 4, 4, 4 and then none: 3."""
    pools = [pool("west", [6, 5, 5, 5]), pool("north", [4, 4, 4, 0])]
    options = [{"pool": "west", "accelerators": 6, "weeks": 2}, {"pool": "north", "accelerators": 4, "weeks": 4}]
    document = problem(allocatable=[0] * 4, pools=pools, requests=[with_options(request("asks", 1), *options)])
    change = changes_of(document)["shorter"]
    assert (change.weeks, change.accelerators) == (3, 4)
    _, solution = solved(document)
    assert {"change": "shorter", "weeks": 3} in solution_to_json(solution)["unplaced"][0]["smallest_changes"]


def over_two_pools(**more: Any) -> Json:
    """A floor of 8 over west (6, nodes of 4) and north (5, nodes of 1); 6 of west asked for: 11 - 8 = 3 are open."""
    pools = [pool("west", [6], node_size=4), pool("north", [5])]
    both = {"key": "md", "pools": ["west", "north"], "accelerators": [8], "lendable": False}
    return problem(allocatable=[6], pools=pools, floors=[both], requests=[request("asks", 6)], **more)


def test_more_supply_may_be_in_another_pool_of_a_floor_that_is_short() -> None:
    """3 more: one node of 4 in west, or three of 1 in north, which is less and leaves west as empty as it is."""
    change = changes_of(over_two_pools())["more_supply"]
    assert (change.pool, change.accelerators, change.weeks) == ("north", 3, 1)


def test_more_supply_in_another_pool_does_not_help_where_the_pool_itself_is_short() -> None:
    """7 of west asked for, which has 6: only west, by a node of 4, which frees the floor's row by the 4 it lacks."""
    document = over_two_pools()
    document["experiments"][0]["accelerators"] = 7
    change = changes_of(document)["more_supply"]
    assert (change.pool, change.accelerators) == ("west", 4)


def test_of_equal_amounts_of_supply_the_request_s_own_pool_is_told() -> None:
    document = over_two_pools()
    document["pools"][0]["node_size"] = 1
    assert changes_of(document)["more_supply"].pool == "west"


def test_what_is_due_in_another_pool_of_the_floor_may_come_earlier() -> None:
    """North grows by 3 in the second week: a week earlier it frees the three that the floor's row is short."""
    document = over_two_pools()
    document["weeks"] = 2
    for row, supply in zip(document["pools"], ([6, 6], [5, 8]), strict=True):
        row["allocatable"] = supply
    document["floors"][0]["accelerators"] = [8, 8]
    change = changes_of(document)["earlier_delivery"]
    assert (change.pool, change.accelerators, change.weeks) == ("north", 3, 1)


def test_serving_in_another_pool_of_the_floor_may_give_way() -> None:
    """A floor of 4 over 12: 8 are open, of which a commitment has 5 in north; 6 of west asked for: 3 less of it."""
    pools = [pool("west", [6]), pool("north", [6])]
    both = {"key": "md", "pools": ["west", "north"], "accelerators": [4], "lendable": False}
    promised = serves("c", "committed", [5])
    promised["options"] = [{**promised["options"][0], "pool": "north"}]
    document = problem(allocatable=[6], pools=pools, floors=[both], serving=[promised], requests=[request("asks", 6)])
    change = changes_of(document)["smaller_serving"]
    assert (change.key, change.accelerators) == ("c", 3)


def test_a_demand_that_fills_what_another_s_replica_leaves_frees_nothing_by_itself() -> None:
    """Replicas of 2. One of work 1 and, below it, one of work 3 need two: 4. Without the first still 2, for the 3."""
    class_ = {"class": "chat", "options": [{"pool": "west", "work_per_accelerator": 1, "replica_accelerators": 2}]}
    first = class_ | {"key": "first", "tier": "committed", "work": [1], "usd_lost_per_work_week": 9}
    second = class_ | {"key": "second", "tier": "forecast", "work": [3], "usd_lost_per_work_week": 9}
    _, solution = solved(problem(allocatable=[4], serving=[first, second], requests=[request("asks", 1)]))
    (row,) = solution.unplaced
    given = [(each.key, each.accelerators) for each in row.smallest_changes if each.change == "smaller_serving"]
    assert given == [("second", 2)]


def test_a_pin_that_does_not_fit_is_told_what_would_let_it_run_where_it_is() -> None:
    """10 for three weeks; 4 run, pinned, in the first two. 7 pinned from the second week are one short, for one week."""
    runs = request("runs", 4, pinned=PINNED | {"start": monday(0)}) | {"weeks": 2}
    asks = request("asks", 7, start=1, tier="P1", pinned=PINNED | {"start": monday(1)}) | {"weeks": 2}
    found = changes_of(problem(allocatable=[10] * 3, requests=[runs, asks]))
    assert set(found) == {"fewer_accelerators", "more_supply"}
    assert found["fewer_accelerators"].accelerators == 6
    supply = found["more_supply"]
    assert (supply.pool, supply.accelerators, supply.weeks) == ("west", 1, 1)


def test_a_pin_that_began_before_the_horizon_may_run_for_fewer_weeks() -> None:
    """3 weeks from the week before the horizon; 10 in its first week, 5 in its second: 7 fit for two of the three."""
    asks = request("asks", 7, start=-1, pinned=PINNED | {"start": monday(-1)}) | {"weeks": 3}
    found = changes_of(problem(allocatable=[10, 5], requests=[asks]))
    assert found["shorter"].weeks == 2
    assert "later_start" not in found and "other_pool" not in found


def test_a_run_that_enters_the_floor_is_told_that_it_and_not_part_of_it_makes_way() -> None:
    """10, a floor of 4, a commitment of 8, and 7 that run: it is one too many, so serving takes the 6. It lacks 7."""
    _, solution = solved(
        problem(
            allocatable=[10],
            floors=[floor([4])],
            serving=[serves("c", "committed", [8])],
            requests=[request("asks", 7, tier="P1", pinned=PINNED)],
        )
    )
    (row,) = solution.unplaced
    assert (row.reason, row.free, row.short_by) == ("floor_reserved", 0, 7)
    assert [(each.change, each.accelerators) for each in row.smallest_changes] == [("more_supply", 7)]


def test_a_lower_class_in_the_tightest_week_is_no_reason_where_running_work_is_in_the_other() -> None:
    """Of 8, running work has 6 in the second week, so a lower class took all of the first."""
    requests = [
        request("runs", 6, start=1, tier="P1", pinned={"pool": "west", "domain": None, "start": monday(1)}),
        request("asks", 4, weeks=2),
        request("later", 8, tier="P1", divisible=True),
    ]
    _, solution = solved(problem(allocatable=[8, 8], requests=requests))
    (told,) = solution.unplaced
    assert (told.key, told.reason, told.free) == ("asks", "blocked_by_running", 0)
    assert [(row.key, row.accelerators) for row in told.blockers] == [("runs", 6)]
