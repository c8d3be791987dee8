"""Ways out of a shortfall, worked out by hand on one demand, and how they and the tiers are put in words."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.idle import idle_by_reason
from capacity.review.remedies import Remedies, Remedy, remedy_rows
from capacity.review.shortage_rows import shortages
from capacity.review.tier_words import plan_quality, tier_words
from tests.domain.allocation.test_explanations import floor, pool, problem
from tests.domain.allocation.test_prices_by_node import asks
from tests.domain.allocation.tiny_problems import as_problem

MONDAY = date(2026, 12, 21)


def rows_of(document: dict[str, Any], *, lead: tuple[int, int] | None = (2, 3), as_of: date = MONDAY) -> Any:
    """As much of PlanRows as remedies read: one pool, no contract."""
    given = as_problem(document)
    solution = solve(problem=given)
    idle = {(row.pool, row.week): row for row in idle_by_reason(problem=given, solution=solution)}
    classes = defaultdict(list)
    for row in solution.allocations:
        classes[row.pool, row.week].append(row.class_)
    leads = (
        []
        if lead is None
        else [{"accelerator_type": "h100", "supplier": "s", "p50_weeks": lead[0], "p90_weeks": lead[1]}]
    )
    return SimpleNamespace(
        plan=SimpleNamespace(problem=given, solution=solution, inputs=SimpleNamespace(as_of=as_of)),
        demands={demand.key: demand for demand in given.serving},
        idle_parts=idle,
        burst={(row.pool, row.week): row.accelerators for row in solution.burst},
        classes_in=classes,
        allocated={(row.class_, row.pool, row.week): row.accelerators for row in solution.allocations},
        served_parts=lambda class_key, week: {class_key: Fraction(1)},
        pools={each.key: {"accelerator_type": each.accelerator_type} for each in given.pools},
        tables={"lead_times": leads, "suppliers": [], "lots": []},
        contract_of={},
        workload_of=lambda key: key,
    )


def short_by_ten(**more: Any) -> dict[str, Any]:
    """20 asked of 10 for three weeks at $100; burst of 8 at $0.5 an hour that only another tier may buy."""
    burst = {"accelerators": [8, 8, 8], "usd_per_accelerator_hour": 0.5, "tiers": ["forecast"]}
    west = pool("west", [10, 10, 10], node_size=8, burst=burst, usd_per_accelerator_hour=0.25)
    return problem(allocatable=[10] * 3, requests=[], serving=[asks("d", [20] * 3, 100)], pools=[west], **more)


def by_kind(document: dict[str, Any], **how: Any) -> dict[str, Remedy]:
    finder = Remedies(rows_of(document, **how))
    return {remedy.kind: remedy for remedy in finder.cheapest(finder.shortages[0])}


def test_doing_nothing_loses_three_thousand_and_burst_covers_most_of_it() -> None:
    rows = remedy_rows(rows_of(short_by_ten()))
    assert [row["remedy"] for row in rows] == ["do_nothing", "burst", "more_supply", "call"]
    assert (rows[0]["usd"], rows[0]["short_accelerators"], rows[0]["short_accelerator_weeks"]) == (3000, 10, 30)
    # 8 × 168 × 0.5 × 3 weeks; 24 of the 30 accelerator-weeks.
    assert (rows[1]["usd"], rows[1]["accelerators"], rows[1]["covered_accelerator_weeks"]) == (2016, 8, 24)
    assert (rows[3]["usd"], rows[3]["covered_accelerator_weeks"]) == (3000, 30)


def test_accelerators_ordered_on_a_monday_are_there_after_their_lead_time() -> None:
    remedy = by_kind(short_by_ten())["more_supply"]
    # Two nodes of 8 for 10; there in the third week: 16 × 168 × 0.25 = $672 and 10 of the 30 accelerator-weeks.
    assert (remedy.accelerators, remedy.usd, remedy.covered) == (16, 672, 10)
    assert remedy.helps_from is not None and remedy.helps_from.monday == date(2027, 1, 4)


def test_accelerators_ordered_in_the_middle_of_a_week_count_from_the_monday_after() -> None:
    remedy = by_kind(short_by_ten(), as_of=date(2026, 12, 23))["more_supply"]
    assert remedy.helps_from is not None and remedy.helps_from.monday == date(2027, 1, 11)
    assert remedy.covered == 0


def test_what_comes_too_late_stands_last_and_an_unknown_lead_time_is_said() -> None:
    late = remedy_rows(rows_of(short_by_ten(), lead=(30, 40)))
    assert late[-1]["remedy"] == "more_supply"
    unknown = by_kind(short_by_ten(), lead=None)["more_supply"]
    assert (unknown.lead_p50, unknown.helps_from, unknown.covered) == (None, None, 0)


def test_a_floor_that_stands_unused_is_offered_as_a_waiver() -> None:
    remedy = by_kind(short_by_ten(floors=[floor([6, 6, 6])]))["waiver"]
    # Six of the ten are kept: 4 serve, 16 are short; the six would serve six of them at no cost.
    assert (remedy.accelerators, remedy.usd, remedy.covered, dict(remedy.displaces)) == (6, 0, 18, {"development": 6})


def test_words_of_a_shortage_name_place_cost_and_time() -> None:
    rows = [{**row, "label": "Demand D"} for row in remedy_rows(rows_of(short_by_ten()))]
    (shown,) = shortages(rows, names={"west": "H100 West"}, year=2026)
    assert shown["remedies"] == [
        "Buy burst: 8 in H100 West, $2.02k, now; covers 24 of 30 accelerator-weeks",
        "Order accelerators: 16 in H100 West, $672, 2–3 weeks to deliver, there from 4 Jan 2027; "
        "covers 10 of 30 accelerator-weeks",
        "Call the customer: 10, $3.00k, now",
    ]


def tier(name: str, unit: str, value: float, bound: float) -> dict[str, Any]:
    largest = max(abs(value), abs(bound))
    relative = abs(value - bound) / largest if largest else 0
    return {"tier": name, "position": 0, "unit": unit, "value": value, "bound": bound, "gap_relative": relative,
            "unmet_accelerators": None}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (tier("committed", "usd", 0, 0), "Nothing is lost: proven best."),
        (tier("forecast", "usd", 2000, 2000), "$2.00k lost by unmet work or spent on burst: proven best."),
        (
            tier("P1", "weighted_accelerator_weeks", 4950, 5000),
            "4,950 accelerator-weeks placed, weighted: within 1.0% of what is possible; at most 5,000 could be.",
        ),
        (tier("holds", "", 0, 0), "Nothing asks for this tier."),
    ],
)
def test_each_tier_says_how_good_it_is(row: dict[str, Any], words: str) -> None:
    assert tier_words(row) == words


def test_the_plan_names_the_tiers_that_are_not_proven_the_furthest_first() -> None:
    proven, near, far = tier("committed", "usd", 0, 0), tier("P1", "w", 99, 100), tier("P2", "w", 90, 100)
    assert plan_quality([proven]) == "every tier is proven best"
    assert plan_quality([proven, near, far]) == (
        "1 of 3 tiers proven best, P2 within 10.0%, P1 within 1.0% of what is possible"
    )
