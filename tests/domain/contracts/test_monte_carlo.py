"""Draws of use: what can be said without drawing, what a closed form says, and that a seed says the same again."""

from __future__ import annotations

import math

import pytest

from contracts.domain.monte_carlo import RENEWAL, Draw, Knot, PoolSpan, chances, quantile

DRAWS, SEED = 4_000, 7


def line(key: str, *, p10: float = 1, p90: float = 1, price: float = 10, cost: float = 4, fixed: float = 0) -> Draw:
    """Earns price × m and costs fixed + cost × m."""
    knots = tuple(Knot(multiple=m, revenue_usd=price * m, cost_usd=fixed + cost * m) for m in (0.5, 1.0, 2.0))
    return Draw(key=key, p10=p10, p90=p90, knots=knots)


def test_without_spread_every_quantile_is_the_expected_margin() -> None:
    found = chances(facts=[line("a"), line("b", price=5, cost=7)], pools=[], market_share=0.5, draws=50, seed=SEED)
    margin = found.margin_usd
    # (10 − 4) + (5 − 7) = 4 in every draw.
    assert (margin.p10, margin.p50, margin.p90, margin.mean, margin.probability) == (4, 4, 4, 4, 0)
    assert (found.revenue_usd.p50, found.cost_usd.p50, found.shortfall.mean) == (15, 11, 0)


def test_quantiles_of_contracts_with_all_in_common_add() -> None:
    one, other = line("a", p10=0.8, p90=1.3), line("b", p10=0.6, p90=1.1, price=20, cost=5)
    both = chances(facts=[one, other], pools=[], market_share=1, draws=DRAWS, seed=SEED).margin_usd
    alone = [
        chances(facts=[fact], pools=[], market_share=1, draws=DRAWS, seed=SEED).margin_usd for fact in (one, other)
    ]
    for name in ("p10", "p50", "p90", "mean"):
        assert getattr(both, name) == pytest.approx(sum(getattr(each, name) for each in alone), rel=1e-12)


def test_the_drawn_quantiles_are_those_the_band_was_given_as() -> None:
    found = chances(facts=[line("a", p10=0.8, p90=1.5)], pools=[], market_share=0.3, draws=20_000, seed=SEED).margin_usd
    # 6 USD a multiple: 4.8 at P10, 6 at P50, 9 at P90.
    assert found.p10 == pytest.approx(4.8, abs=0.1)
    assert found.p50 == pytest.approx(6, abs=0.1)
    assert found.p90 == pytest.approx(9, abs=0.1)


def test_the_mean_converges_to_the_closed_form_of_the_split_normal() -> None:
    p10, p90 = 0.8, 1.5
    found = chances(facts=[line("a", p10=p10, p90=p90)], pools=[], market_share=0, draws=40_000, seed=SEED).margin_usd
    # Half a normal on either side: E[m] = 1 + (σ above − σ below) ÷ √(2π), σ = distance ÷ 1.28155.
    mean = 1 + ((p90 - 1) - (1 - p10)) / 1.2815515655446004 / math.sqrt(2 * math.pi)
    error = 3 * 6 * 0.5 / 1.28155 / math.sqrt(40_000)
    assert found.mean == pytest.approx(6 * mean, abs=error)


def test_independent_contracts_spread_less_than_common_ones() -> None:
    facts = [line(f"c{n}", p10=0.7, p90=1.3) for n in range(12)]
    apart = chances(facts=facts, pools=[], market_share=0, draws=DRAWS, seed=SEED).margin_usd
    common = chances(facts=facts, pools=[], market_share=1, draws=DRAWS, seed=SEED).margin_usd
    assert (apart.p90 - apart.p10) == pytest.approx((common.p90 - common.p10) / math.sqrt(12), rel=0.1)


def test_the_same_seed_says_the_same_and_another_one_does_not() -> None:
    facts = [line("a", p10=0.8, p90=1.3), line("b", p10=0.5, p90=2)]
    one, again = (chances(facts=facts, pools=[], market_share=0.5, draws=500, seed=SEED) for _ in range(2))
    other = chances(facts=facts[::-1], pools=[], market_share=0.5, draws=500, seed=SEED)
    assert one == again == other
    assert chances(facts=facts, pools=[], market_share=0.5, draws=500, seed=8) != one


def test_a_contract_more_moves_no_other_ones_draws() -> None:
    steady = line("b", p10=1, p90=1)
    alone = chances(facts=[line("a", p10=0.8, p90=1.3)], pools=[], market_share=0.5, draws=500, seed=SEED).margin_usd
    beside = chances(facts=[line("a", p10=0.8, p90=1.3), steady], pools=[], market_share=0.5, draws=500, seed=SEED)
    assert beside.margin_usd.p10 == pytest.approx(alone.p10 + 6)


def test_use_never_exceeds_its_cap_nor_falls_below_nothing() -> None:
    fact = Draw(key="a", p10=0.1, p90=3, cap=1.2, knots=line("a").knots)
    found = chances(facts=[fact], pools=[], market_share=0, draws=DRAWS, seed=SEED)
    assert found.revenue_usd.p90 == pytest.approx(12)
    assert found.revenue_usd.p10 >= 0


def test_a_fee_that_does_not_grow_loses_in_as_many_draws_as_use_is_above_break_even() -> None:
    # 10 USD fixed against 8 × m: a loss above m = 1.25, which is z = 0.25 × 1.28155 ÷ 0.5 = 0.6408: 26.1 % of draws.
    knots = tuple(Knot(multiple=m, revenue_usd=10, cost_usd=8 * m) for m in (0.5, 1.0, 3.0))
    found = chances(
        facts=[Draw(key="a", p10=0.5, p90=1.5, knots=knots)], pools=[], market_share=0, draws=20_000, seed=SEED
    )
    assert found.margin_usd.probability == pytest.approx(0.261, abs=0.01)


def test_a_renewal_comes_as_often_as_its_probability() -> None:
    once = Draw(
        key="a",
        knots=(Knot(multiple=1, revenue_usd=100, cost_usd=40),),
        renewal_probability=0.6,
        renewed=(Knot(multiple=1, revenue_usd=50, cost_usd=20),),
    )
    found = chances(facts=[once], pools=[], market_share=0, draws=20_000, seed=SEED).margin_usd
    # 60 in term and 30 after it in 60 % of the draws.
    assert found.mean == pytest.approx(78, abs=0.5)
    assert (found.p10, found.p90) == (60, 90)


def test_what_is_asked_above_supply_is_short_for_the_weeks_of_its_span() -> None:
    span = PoolSpan(pool="p", weeks=4, supply=100, fixed=10, loads={"a": 90.0, "held": 5.0, RENEWAL + "a": 2.0})
    found = chances(facts=[Draw(key="a")], pools=[span], market_share=0, draws=10, seed=SEED)
    # 10 + 90 + 5 + 2 (no draw of a renewal without a probability: it stays as it is) − 100 = 7 for four weeks.
    assert (found.shortfall.mean, found.shortfall.p90, found.by_pool["p"].probability) == (28, 28, 1)


def test_expected_shortfall_converges_to_the_closed_form() -> None:
    # Need 100 × m, m normal with σ = 0.2, supply 100: E[(need − supply)⁺] = 100 × 0.2 ÷ √(2π) = 7.98 a week.
    use = 1.2815515655446004 * 0.2
    span = PoolSpan(pool="p", weeks=1, supply=100, fixed=0, loads={"a": 100.0})
    fact = Draw(key="a", p10=1 - use, p90=1 + use)
    found = chances(facts=[fact], pools=[span], market_share=0.5, draws=40_000, seed=SEED)
    assert found.shortfall.mean == pytest.approx(20 / math.sqrt(2 * math.pi), abs=0.2)
    assert found.shortfall.probability == pytest.approx(0.5, abs=0.01)


def test_a_quantile_is_the_least_value_that_enough_draws_do_not_exceed() -> None:
    assert [quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], share) for share in (0.1, 0.5, 0.9)] == [1, 5, 9]
    assert quantile([5], 0.9) == 5


@pytest.mark.parametrize(("share", "draws"), [(-0.1, 5), (1.1, 5), (0.5, 0)])
def test_chances_of_nothing_are_refused(share: float, draws: int) -> None:
    with pytest.raises(ValueError, match="make no chances"):
        chances(facts=[], pools=[], market_share=share, draws=draws, seed=1)
