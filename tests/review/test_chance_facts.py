"""What draws of use are made of: a contract's curve, weeks that are short, what follows use, where a renewal goes."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal as D
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

from capacity.lib.horizon import Horizon, Week
from capacity.review.chance_facts import draws_of, pool_spans
from contracts.domain.monte_carlo import OWED, RENEWAL, RENEWED_WHOLE, Draw, Knot, chances
from contracts.domain.scenarios import SCENARIOS, UseBand, WeekAmounts
from contracts.scenario_costing import ContractScenarios

FIRST = Week.parse("2026-W48")
DEMAND = "c.acme.v1"
MONEY = {"p10": (80, 50), "p50": (100, 60), "p90": (130, 70), "heavy": (150, 90)}


def amounts(revenue: int, cost: int) -> WeekAmounts:
    values = {name: D(0) for name in WeekAmounts.__slots__}
    return WeekAmounts(**{**values, "revenue_usd": D(revenue), "reserved_usd": D(cost)})  # type: ignore[arg-type]


def contract(
    *, p10: str = "1", p90: str = "1", worst: str = "3", follows_use: bool = True, is_owed: bool = False, **parts: Any
) -> ContractScenarios:
    version: Any = SimpleNamespace(
        indexes=[0],
        demand_key=DEMAND,
        follows_use=follows_use,
        contract=SimpleNamespace(row={"key": "acme", "renewal_probability": "0.5"}, traffic=None, is_owed=is_owed),
        worst_multiple=lambda index: Fraction(worst),
    )
    return ContractScenarios(
        versions=[version],
        band=UseBand(p10=Fraction(p10), p90=Fraction(p90), is_known=True),
        weeks={scenario: [amounts(*MONEY.get(scenario, (0, 0)))] for scenario in SCENARIOS},
        **parts,
    )


def world(*, short: list[int], idle: list[int], serving: int = 100) -> Any:
    """One pool, one class, the demand of one contract in it; accelerators by week."""
    horizon = Horizon(first=FIRST, weeks=len(short))
    weeks = list(horizon)
    options = [
        SimpleNamespace(pool="p", work_per_accelerator=Fraction(1)),
        SimpleNamespace(pool="q", work_per_accelerator=Fraction(2)),
    ]
    rows = [
        {"pool_key": "p", "week_index": index, "capacity_shortfall": short[index], "idle": idle[index], "idle_floor": 0}
        for index in range(len(short))
    ]
    return SimpleNamespace(
        plan=SimpleNamespace(
            classes=[],
            problem=SimpleNamespace(
                pools=[
                    SimpleNamespace(key="p", allocatable=[300] * len(short)),
                    SimpleNamespace(key="q", allocatable=[100] * len(short)),
                ]
            ),
        ),
        horizon=horizon,
        weeks=weeks,
        pools={"p": {}},
        pool_week_rows=rows,
        allocated={("class", "p", week): serving for week in weeks},
        classes_in=defaultdict(list, {("p", week): ["class"] for week in weeks}),
        class_by_key={},
        demands_of_class={"class": [DEMAND]},
        demands={DEMAND: SimpleNamespace(work=[serving] * len(short), options=options)},
    )


def curve(each: ContractScenarios) -> list[tuple[float, float, float]]:
    [draw] = draws_of(world(short=[0], idle=[0]), [each])
    return [(knot.multiple, knot.revenue_usd, knot.cost_usd) for knot in draw.knots]


def test_a_contract_without_a_band_earns_its_expected_money_at_its_expected_use() -> None:
    """P10 and P90 are P50 then: $100 and $60, not the $80 and $50 of everybody's P10."""
    assert curve(contract()) == [(1, 100, 60), (3, 150, 90)]


def test_the_curve_goes_through_every_scenario_of_a_band() -> None:
    assert curve(contract(p10="1/2", p90="3/2")) == [(0.5, 80, 50), (1, 100, 60), (1.5, 130, 70), (3, 150, 90)]


def test_heavy_use_within_a_fifth_of_another_scenario_is_no_point_of_the_curve() -> None:
    assert curve(contract(p10="1/2", p90="3/2", worst="1.79"))[-1] == (1.5, 130, 70)
    assert curve(contract(p10="1/2", p90="3/2", worst="1.8"))[-1] == (1.8, 150, 90)
    assert curve(contract(p10="1/2", p90="3/2", worst="1.3"))[-1] == (1.5, 130, 70)


def test_idle_weeks_do_not_make_up_for_a_short_one() -> None:
    """100 short in the first week, 40 idle in the next three: 100 accelerator-weeks, in every draw."""
    rows, found = world(short=[100, 0, 0, 0], idle=[0, 40, 40, 40]), [contract()]
    spans = pool_spans(rows, found)
    assert [(span.weeks, span.supply, span.fixed) for span in spans] == [(1, 100, 100), (3, 140, 0)]
    drawn = chances(facts=draws_of(rows, found), pools=spans, market_share=0.5, draws=20, seed=1)
    assert (drawn.shortfall.p10, drawn.shortfall.p90, drawn.shortfall.probability) == (100, 100, 1)


def test_what_lies_idle_beside_a_shortage_in_the_same_week_serves_none_of_it() -> None:
    [span] = pool_spans(world(short=[100], idle=[40]), [contract()])
    assert (span.supply, span.fixed) == (100, 100)


def test_weeks_alike_are_looked_at_four_at_a_time() -> None:
    spans = pool_spans(world(short=[0, 0, 0, 0, 0, 5, 5, 0], idle=[0] * 8), [contract()])
    assert [span.weeks for span in spans] == [4, 1, 2, 1]


def test_what_is_reserved_whatever_the_use_follows_no_draw() -> None:
    def asked(each: ContractScenarios) -> list[str]:
        [span] = pool_spans(world(short=[0], idle=[0]), [each])
        return list(span.loads)

    assert asked(contract()) == ["acme"]
    assert asked(contract(is_owed=True)) == [OWED + "acme"]
    assert asked(contract(follows_use=False)) == [DEMAND]


def test_who_is_owed_capacity_asks_for_no_less_than_expected() -> None:
    """Use of 0.5 or 1.5 in equal halves of the draws, 100 held: 50 more in the upper half, 0 and never −50 below it."""
    knots = (Knot(multiple=1, revenue_usd=1, cost_usd=0),)
    fact = Draw(key="acme", p10=0.5, p90=1.5, knots=knots)
    [owed] = pool_spans(world(short=[100], idle=[0]), [contract(is_owed=True)])
    [free] = pool_spans(world(short=[100], idle=[0]), [contract()])
    [least, other] = [
        chances(facts=[fact], pools=[span], market_share=0, draws=500, seed=3).shortfall for span in (owed, free)
    ]
    assert least.p10 == 100
    assert other.p10 < 60
    assert least.p90 == other.p90 > 140


def test_a_renewal_is_laid_on_its_pools_by_size_in_their_own_accelerators() -> None:
    """80 of the reference type on 300 and 100 accelerators, of which the latter do twice the work: 60 and 10."""
    more = {"renewed_accelerators": {0: 80.0}, "renewed_class": "class"}
    [span] = pool_spans(world(short=[0], idle=[0]), [contract(**more)])
    assert span.loads[RENEWAL + "acme"] == 60
    rows = world(short=[0], idle=[0])
    rows.pools["q"] = {}
    rows.pool_week_rows.append(
        {"pool_key": "q", "week_index": 0, "capacity_shortfall": 0, "idle": 100, "idle_floor": 0}
    )
    whole = pool_spans(rows, [contract(follows_use=False, **more)])
    assert [span.loads.get(RENEWED_WHOLE + "acme") for span in whole] == [60, 10]
