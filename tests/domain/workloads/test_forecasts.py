"""Forecasts by week, by hand (methods: Forecasts)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from capacity.lib.horizon import Horizon, Week
from workloads.domain.forecasts import Band, ForecastStep, forecast_by_week, planned_source


def step(starts: date, p50: int, *, p10: int | None = None, p90: int | None = None) -> ForecastStep:
    band = Band.of(p10=p10, p50=p50, p90=p90)
    return ForecastStep(starts_date=starts, input=band, output=Band.of(p10=None, p50=1, p90=None))


def p50_by_week(*steps: ForecastStep, weeks: int = 4) -> list[int | None]:
    horizon = Horizon(first=Week.containing(date(2026, 10, 5)), weeks=weeks)
    return [None if each is None else int(each[0].p50) for each in forecast_by_week(steps=steps, horizon=horizon)]


def test_the_worked_example() -> None:
    monday, thursday = step(date(2026, 10, 5), 9000), step(date(2026, 10, 15), 12_000)
    assert p50_by_week(monday, thursday) == [9000, 12_000, 12_000, 12_000]
    assert p50_by_week(thursday, monday) == [9000, 12_000, 12_000, 12_000]


def test_a_fall_inside_a_week_counts_from_the_next() -> None:
    assert p50_by_week(step(date(2026, 10, 5), 9000), step(date(2026, 10, 15), 2000)) == [9000, 9000, 2000, 2000]


def test_nothing_is_forecast_before_the_first_step() -> None:
    assert p50_by_week(step(date(2026, 10, 21), 5), weeks=3) == [None, None, 5]
    assert p50_by_week(weeks=2) == [None, None]


def test_steps_before_the_horizon_hold_until_the_next() -> None:
    assert p50_by_week(step(date(2025, 1, 1), 7), step(date(2026, 9, 1), 8), weeks=2) == [8, 8]


def test_the_band_of_a_week_with_a_change_is_the_larger_figure_by_figure() -> None:
    # A wide band first, a narrow one from Wednesday: P10 of the second, P90 of the first.
    horizon = Horizon(first=Week.containing(date(2026, 10, 5)), weeks=1)
    (week,) = forecast_by_week(
        steps=[step(date(2026, 10, 5), 100, p10=50, p90=200), step(date(2026, 10, 7), 110, p10=100, p90=120)],
        horizon=horizon,
    )
    assert week is not None
    assert (week[0].p10, week[0].p50, week[0].p90) == (100, 110, 200)


def test_an_end_that_is_not_given_is_its_multiple_of_p50() -> None:
    band = Band.of(p10=None, p50=1000, p90=None, p10_multiple=Fraction(3, 4), p90_multiple=Fraction(27, 20))
    assert (band.p10, band.p50, band.p90) == (750, 1000, 1350)
    assert Band.of(p10=None, p50=1000, p90=None) == Band.of(p10=1000, p50=1000, p90=1000)


@pytest.mark.parametrize(("p10", "p50", "p90"), [(2, 1, 3), (1, 3, 2), (-1, 0, 0)])
def test_a_band_out_of_order_is_refused(p10: int, p50: int, p90: int) -> None:
    with pytest.raises(ValueError, match="rises from P10"):
        Band.of(p10=p10, p50=p50, p90=p90)


def test_the_named_source_is_planned_or_the_only_one() -> None:
    assert planned_source(sources={"sales", "product"}, named="product") == "product"
    assert planned_source(sources={"sales"}, named="") == "sales"
    assert planned_source(sources={"sales", "product"}, named="") is None
    assert planned_source(sources={"sales"}, named="product") is None
    assert planned_source(sources=set(), named="") is None
