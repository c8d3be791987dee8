"""Forecast vintages against what came, by hand (methods: Actuals)."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Week
from capacity.lib.units import SECONDS_PER_WEEK
from workloads.domain.accuracy import Vintage, known_before, score_forecasts
from workloads.domain.forecasts import Band, ForecastStep

FIRST = Week(date(2026, 10, 5))
SECOND = FIRST.plus(1)


def vintage(weeks_before: int, *tokens: int, source: str = "Sales") -> Vintage:
    """One step a week from the first week on, P50 in whole tokens a second of input."""
    steps = tuple(
        ForecastStep(
            starts_date=FIRST.plus(index).monday,
            input=Band.of(p10=each, p50=each, p90=each),
            output=Band.of(p10=0, p50=0, p90=0),
        )
        for index, each in enumerate(tokens)
    )
    return Vintage(source=source, vintage_date=FIRST.monday - timedelta(weeks=weeks_before), steps=steps)


def actual(*tokens_per_second: int) -> dict[Week, int]:
    return {FIRST.plus(index): each * SECONDS_PER_WEEK for index, each in enumerate(tokens_per_second)}


def test_the_weighted_error_and_the_bias_of_two_weeks() -> None:
    score = score_forecasts(actual=actual(100, 120), vintages=[vintage(4, 90, 150)], lead_weeks=4)
    assert (score.wape, score.bias, score.weeks) == (Fraction(40, 220), Fraction(20, 220), 2)


def test_the_latest_vintage_old_enough_counts() -> None:
    old, young = vintage(20, 50), vintage(3, 100)
    assert known_before(vintages=[young, old], week=FIRST, lead_weeks=4) is old
    # A week later the younger one is four weeks old to the day.
    assert known_before(vintages=[young, old], week=SECOND, lead_weeks=4) is young


def test_a_week_not_forecast_that_early_is_left_out_of_both_sums() -> None:
    score = score_forecasts(actual=actual(100, 120), vintages=[vintage(3, 90, 150)], lead_weeks=4)
    assert (score.weeks, score.wape, score.bias) == (1, Fraction(30, 120), Fraction(30, 120))


def test_what_was_not_forecast_not_used_or_zero_is_said() -> None:
    assert score_forecasts(actual=actual(100), vintages=[vintage(4, 90)], lead_weeks=13).absent == "no_forecast"
    assert score_forecasts(actual={}, vintages=[vintage(20, 90)], lead_weeks=4).absent == "no_actual"
    zero = score_forecasts(actual=actual(0), vintages=[vintage(20, 90)], lead_weeks=4)
    assert (zero.absent, zero.wape, zero.bias) == ("zero_actual", None, None)


def test_a_forecast_that_starts_later_says_nothing_of_a_week_before() -> None:
    late = Vintage(source="Sales", vintage_date=date(2026, 1, 1), steps=vintage(30, 5).steps)
    assert late.tokens(FIRST.plus(-1)) is None
    assert late.tokens(FIRST.plus(9)) == 5 * SECONDS_PER_WEEK


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=13), st.sampled_from([4, 13])
)
def test_the_error_is_never_below_the_bias_and_exact_forecasts_score_zero(
    pairs: list[tuple[int, int]], lead: int
) -> None:
    came = actual(*(each for each, _ in pairs))
    score = score_forecasts(actual=came, vintages=[vintage(lead, *(each for _, each in pairs))], lead_weeks=lead)
    assert score.wape is not None
    assert score.bias is not None
    assert abs(score.bias) <= score.wape
    right = score_forecasts(actual=came, vintages=[vintage(lead, *(each for each, _ in pairs))], lead_weeks=lead)
    assert (right.wape, right.bias) == (0, 0)
