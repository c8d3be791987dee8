"""The split of what a class holds among the workloads it serves, premiums and gaps: by hand, and for any numbers."""

from __future__ import annotations

from decimal import Decimal as D
from fractions import Fraction as F

from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.map_use import forecast_gap, frontier_share, split_use
from workloads.domain.premium import WeekTokens, lower_tiers, token_premium
from workloads.domain.serving import Traffic
from workloads.domain.unit_cost import TokenCosts

WORK = {"a": F(3, 2), "b": F(1, 2), "e": F(1)}


def test_accelerators_go_by_work_and_the_one_left_to_the_largest_remainder() -> None:
    # 12.5, 4.1667 and 8.3333 accelerators of 25; 25 × 168 × $2.00 = $8,400 by exact shares, not by rounded ones.
    assert split_use(accelerators=25, cents=840_000, served=WORK) == {
        "a": (13, 420_000),
        "b": (4, 140_000),
        "e": (8, 280_000),
    }


def test_ties_go_to_the_first_key() -> None:
    assert split_use(accelerators=3, cents=1, served={"z": F(1), "m": F(1)}) == {"z": (1, 0), "m": (2, 1)}


def test_what_serves_nobody_is_of_no_card() -> None:
    assert split_use(accelerators=8, cents=700, served={}) == {"": (8, 700)}
    assert split_use(accelerators=8, cents=700, served={"a": F(0)}) == {"": (8, 700)}


def test_a_cost_that_is_not_known_is_known_of_no_part() -> None:
    assert split_use(accelerators=25, cents=None, served=WORK) == {"a": (13, None), "b": (4, None), "e": (8, None)}


shares = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.fractions(min_value=0, max_value=50, max_denominator=1_000_000),
    max_size=6,
)


@given(st.integers(0, 100_000), st.integers(0, 10**12), shares)
def test_parts_are_whole_never_negative_and_sum_to_what_is_held(
    accelerators: int, cents: int, served: dict[str, F]
) -> None:
    parts = split_use(accelerators=accelerators, cents=cents, served=served)
    assert sum(count for count, _ in parts.values()) == accelerators
    assert sum(money or 0 for _, money in parts.values()) == cents
    assert all(count >= 0 and money is not None and money >= 0 for count, money in parts.values())


@given(st.integers(0, 100_000), shares)
def test_no_part_is_a_whole_accelerator_off_its_share(accelerators: int, served: dict[str, F]) -> None:
    work = sum(served.values(), F(0))
    for key, (count, _) in split_use(accelerators=accelerators, cents=0, served=served).items():
        exact = accelerators * served[key] / work if work else F(accelerators)
        assert abs(count - exact) < 1


def costs(input_usd: str, cached_usd: str, output_usd: str) -> TokenCosts:
    return TokenCosts(
        basis="fully loaded",
        input_uncached_usd=D(input_usd),
        input_cached_usd=D(cached_usd),
        output_usd=D(output_usd),
    )


def test_a_premium_is_tokens_times_the_difference_of_unit_costs() -> None:
    own, lower = costs("0.7", "0.07", "6.972"), costs("0.2", "0.02", "1.587")
    # 2,000 M × ($6.972 − $1.587) = $10,770.
    assert token_premium(own=own, lower=lower, tokens=WeekTokens(output=F(2_000_000_000))) == D("10770")
    # and 100 M × $0.50 = $50 of prompts, 1,000 M × $0.05 = $50 of cached ones.
    tokens = WeekTokens(input_uncached=F(100_000_000), input_cached=F(1_000_000_000), output=F(2_000_000_000))
    assert token_premium(own=own, lower=lower, tokens=tokens) == D("10870")
    assert token_premium(own=lower, lower=own, tokens=tokens) == D("-10870")


def test_a_week_of_traffic_is_604800_seconds_of_it() -> None:
    traffic = Traffic.of(input_tps=1000, output_tps=100, cache_hit_share=D("0.25"))
    tokens = WeekTokens.of(traffic)
    assert (tokens.input_uncached, tokens.input_cached, tokens.output) == (453_600_000, 151_200_000, 60_480_000)
    half = WeekTokens.of(traffic, share_of_week=F(1, 2))
    assert (half + half).total == tokens.total == 665_280_000


def test_the_next_tier_is_the_nearest_lower_one() -> None:
    assert lower_tiers("frontier") == ("mid", "small")
    assert lower_tiers("small") == ()


def test_a_forecast_lies_a_share_above_or_below_the_planned_one() -> None:
    assert forecast_gap(planned=F(120), other=F(90)) == F(-1, 4)
    assert forecast_gap(planned=F(0), other=F(90)) is None


def test_the_frontier_share_leaves_out_what_is_not_known() -> None:
    assert frontier_share([("frontier", 300), ("mid", 500), ("small", 200), ("frontier", None)]) == D("0.3")
    assert frontier_share([("frontier", None)]) is None
    assert frontier_share([("mid", 0)]) is None
