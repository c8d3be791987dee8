"""Short weeks and since when they could be seen, by hand (methods: Actuals)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Week
from workloads.domain.accuracy import Vintage
from workloads.domain.forecasts import Band, ForecastStep
from workloads.domain.post_mortem import PastWeek, demand_there, post_mortem, week_capacity, working_replicas
from workloads.domain.serving import SpareRule

WEEK = Week(date(2026, 10, 5))


def says(weeks_before: int, p50: int, p90: int, source: str = "Sales") -> Vintage:
    step = ForecastStep(
        starts_date=WEEK.monday, input=Band.of(p10=0, p50=p50, p90=p90), output=Band.of(p10=0, p50=0, p90=0)
    )
    return Vintage(source=source, vintage_date=WEEK.monday - timedelta(weeks=weeks_before), steps=(step,))


def past(
    capacity: int | None = 840_000, demand: int | None = 1_000_000, throttled: Fraction | None = None
) -> PastWeek:  # fmt: skip
    return PastWeek(
        week=WEEK,
        demand_tps=None if demand is None else Fraction(demand),
        throttled_share=throttled,
        capacity_tps=None if capacity is None else Fraction(capacity),
    )


def test_demand_counts_what_was_turned_away() -> None:
    assert demand_there(served_tps=900_000, throttled_share=Fraction(1, 10)) == 1_000_000
    assert demand_there(served_tps=900_000, throttled_share=None) == 900_000
    assert demand_there(served_tps=0, throttled_share=Fraction(1)) is None


def test_capacity_is_what_the_ready_replicas_carry_at_their_target() -> None:
    # 104 accelerators of 8 are 13 replicas, one of them spare: 12 × 0.7 ÷ 10 = 0.84 of the demand.
    carried = week_capacity(
        demand_tps=Fraction(1_000_000),
        peak_load=Fraction(10),
        accelerators=104,
        replica_accelerators=8,
        spares=SpareRule(),
        utilisation=Fraction(7, 10),
    )
    assert carried == 840_000


def test_capacity_of_no_load_is_not_known() -> None:
    assert (
        week_capacity(
            demand_tps=Fraction(0),
            peak_load=Fraction(0),
            accelerators=8,
            replica_accelerators=8,
            spares=SpareRule(),
            utilisation=1,
        )
        is None
    )


@pytest.mark.parametrize(("replicas", "at_work"), [(0, 0), (1, 0), (13, 12), (30, 29), (31, 29), (32, 30), (40, 38)])
def test_spares_are_kept_back(replicas: int, at_work: int) -> None:
    assert working_replicas(replicas=replicas, spares=SpareRule()) == at_work


@given(st.integers(0, 500), st.integers(0, 3), st.integers(0, 3), st.integers(1, 60))
def test_work_and_its_spares_never_exceed_what_is_there(replicas: int, few: int, more: int, many_from: int) -> None:
    rule = SpareRule(few=few, many=few + more, many_from=many_from)
    at_work = working_replicas(replicas=replicas, spares=rule)
    assert at_work + rule.spares(at_work) <= replicas


def test_the_shortfall_was_visible_at_p90_thirteen_and_at_p50_six_weeks_before() -> None:
    (found,) = post_mortem(weeks=[past()], vintages=[says(13, 800_000, 950_000), says(6, 870_000, 990_000)])
    assert (found.p50_weeks, found.p90_weeks) == (6, 13)
    assert [each.weeks_before for each in found.said] == [13, 6]


def test_a_forecast_below_capacity_never_showed_it() -> None:
    (found,) = post_mortem(weeks=[past()], vintages=[says(13, 700_000, 840_000)])
    assert (found.p50_weeks, found.p90_weeks) == (None, None)


def test_a_forecast_made_in_the_week_is_no_forewarning() -> None:
    (found,) = post_mortem(weeks=[past()], vintages=[says(-1, 10**9, 10**9)])
    assert found.said == ()


def test_a_week_is_short_by_capacity_or_by_what_was_turned_away() -> None:
    weeks = [
        past(demand=840_000),
        past(capacity=None, throttled=Fraction(1, 1000)),
        past(capacity=None, throttled=Fraction(2, 1000)),
        past(demand=840_001),
    ]
    assert [each.is_short for each in weeks] == [False, False, True, True]


def test_without_a_capacity_it_is_not_said_when_it_was_visible() -> None:
    (found,) = post_mortem(weeks=[past(capacity=None, throttled=Fraction(1, 2))], vintages=[says(6, 10**9, 10**9)])
    assert (found.p50_weeks, found.p90_weeks, len(found.said)) == (None, None, 1)


def test_forecasts_come_beside_what_contracts_used() -> None:
    week = replace(past(), contracts_tps=Fraction(40_000))
    (found,) = post_mortem(weeks=[week], vintages=[says(9, 800_000, 810_000)])
    # 800,000 + 40,000 is no more than the capacity; 810,000 + 40,000 is.
    assert (found.p50_weeks, found.p90_weeks, found.said[0].p90_tps) == (None, 9, 850_000)


def test_a_week_in_which_all_was_turned_away_is_short_and_what_was_asked_is_not_known() -> None:
    asked = demand_there(served_tps=0, throttled_share=Fraction(1))
    (found,) = post_mortem(
        weeks=[replace(past(throttled=Fraction(1)), demand_tps=asked)], vintages=[says(6, 800_000, 900_000)]
    )
    # What could be carried is known all the same: 900,000 at P90 was above 840,000 six weeks before.
    assert (found.past.demand_tps, found.p50_weeks, found.p90_weeks) == (None, None, 6)
