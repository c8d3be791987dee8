"""Two throughputs from operating points, by hand (methods: Fitting throughputs)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.fitting import FitRefused, Point, fit_throughputs


def point(tokens_in: int, tokens_out: int, seconds: str | Fraction, key: str = "") -> Point:
    rate = Fraction(tokens_out) / Fraction(seconds)
    return Point(
        key=key or f"{tokens_in}/{tokens_out}",
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        output_tokens_per_second=rate,
    )


def test_two_points_are_met_exactly() -> None:
    fit = fit_throughputs([point(4000, 1000, "0.35"), point(20_000, 1000, "0.75")])
    assert (fit.prefill_tps, fit.decode_tps, fit.points) == (40_000, 4000, 2)
    assert (fit.residual_share, fit.worst_share) == (0, 0)


def test_a_third_point_on_the_line_changes_nothing() -> None:
    fit = fit_throughputs([point(4000, 1000, "0.35"), point(12_000, 1000, "0.55"), point(20_000, 1000, "0.75")])
    assert (fit.prefill_tps, fit.decode_tps, fit.residual_share) == (40_000, 4000, 0)


def test_a_third_point_off_the_line_is_the_worst_and_says_by_how_much() -> None:
    # x = 1/40,000 by symmetry; y = (0.35 + 0.605 + 0.75 − 36,000/40,000) ÷ 3,000 = 0.805 ÷ 3,000.
    fit = fit_throughputs([point(4000, 1000, "0.35"), point(12_000, 1000, "0.605"), point(20_000, 1000, "0.75")])
    assert fit.prefill_tps == 40_000
    assert fit.decode_tps == 3000 / Fraction("0.805")
    # 0.1 + 0.268333 = 0.368333 against 0.35; 0.568333 against 0.605; 0.768333 against 0.75.
    assert fit.worst_key == "12000/1000"
    assert fit.worst_share == Fraction("0.805") / 3 / Fraction("0.605") + Fraction("0.3") / Fraction("0.605") - 1
    assert round(fit.residual_share, 6) == Decimal("0.048354")


def test_points_of_different_output_lengths_are_fitted_as_well() -> None:
    # R_in 8,000 and R_out 2,000: 1,000/2,000 → 0.125 + 1; 6,000/500 → 0.75 + 0.25; 2,000/4,000 → 0.25 + 2.
    fit = fit_throughputs([point(1000, 2000, "1.125"), point(6000, 500, "1"), point(2000, 4000, "2.25")])
    assert (fit.prefill_tps, fit.decode_tps, fit.residual_share) == (8000, 2000, 0)


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([point(4000, 1000, "0.35")], "too_few_points"),
        ([], "too_few_points"),
        ([point(4000, 1000, "0.35"), point(4000, 1000, "0.36")], "same_mix"),
        ([point(4000, 1000, "0.35"), point(8000, 2000, "0.70")], "same_mix"),
        ([point(4000, 1000, "0.35"), point(20_000, 1000, "0.35")], "input_costs_nothing"),
        ([point(4000, 1000, "0.35"), point(20_000, 1000, "0.30")], "input_costs_nothing"),
        ([point(4000, 1000, "0.1"), point(20_000, 1000, "0.75")], "output_costs_nothing"),
    ],
)
def test_points_that_give_no_rates_are_refused_with_the_reason(points: list[Point], code: str) -> None:
    with pytest.raises(FitRefused) as refused:
        fit_throughputs(points)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


@given(
    prefill=st.integers(1, 10**6),
    decode=st.integers(1, 10**5),
    mixes=st.lists(st.tuples(st.integers(1, 10**5), st.integers(1, 10**4)), min_size=2, max_size=6),
)
def test_points_made_from_two_rates_give_them_back(prefill: int, decode: int, mixes: list[tuple[int, int]]) -> None:
    points = [
        point(tokens_in, tokens_out, Fraction(tokens_in, prefill) + Fraction(tokens_out, decode), key=str(index))
        for index, (tokens_in, tokens_out) in enumerate(mixes)
    ]
    if len({Fraction(*mix) for mix in mixes}) == 1:
        with pytest.raises(FitRefused, match="same mix"):
            fit_throughputs(points)
        return
    fit = fit_throughputs(points)
    assert (fit.prefill_tps, fit.decode_tps, fit.residual_share) == (prefill, decode, 0)
