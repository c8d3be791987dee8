"""Hours of usage to days and the measured peak, by hand (methods: Usage by day)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest

from workloads.domain.usage import HourCount, days_of_hours, is_partial, measured_peak

DAY = datetime(2026, 10, 5, tzinfo=UTC)


def hour(at: int, tokens: int = 100, *, requests: int | None = None, hurt: tuple[int, int] | None = None) -> HourCount:
    throttled, late = hurt or ((0, 0) if requests is not None else (None, None))
    return HourCount(
        hour_at=DAY + timedelta(hours=at),
        input_tokens=tokens,
        output_tokens=tokens // 10,
        requests=requests,
        throttled_requests=throttled,
        late_requests=late,
    )


def test_a_day_sums_its_hours_and_its_sources() -> None:
    (day,) = days_of_hours([hour(0, 100), hour(0, 50), hour(1, 30)]).values()
    assert (day.hours_covered, day.input_tokens, day.output_tokens) == (2, 180, 18)


def test_a_gap_is_not_zero() -> None:
    days = days_of_hours([hour(0), hour(48)])
    assert list(days) == [date(2026, 10, 5), date(2026, 10, 7)]
    assert days[date(2026, 10, 5)].hours_covered == 1
    assert days[date(2026, 10, 5)].is_partial


@pytest.mark.parametrize(
    ("hours", "expected", "partial"), [(23, 24, False), (22, 24, True), (160, 168, False), (159, 168, True)]
)
def test_less_than_95_per_cent_of_the_hours_is_partial(hours: int, expected: int, partial: bool) -> None:
    assert is_partial(hours=hours, expected=expected) is partial


def test_minutes_lost_are_the_hours_share_of_hurt_requests() -> None:
    # 60 × 18 ÷ 12,000 = 0.09; 60 × 3 ÷ 6,000 = 0.03; an hour without requests loses nothing.
    (day,) = days_of_hours(
        [hour(0, requests=12_000, hurt=(12, 6)), hour(1, requests=6000, hurt=(0, 3)), hour(2, requests=0)]
    ).values()
    assert day.sla_minutes_lost == Fraction("0.12")
    assert (day.throttled_share, day.late_share) == (Fraction(12, 18_000), Fraction(9, 18_000))


def test_an_hour_of_two_sources_is_weighed_by_request() -> None:
    (day,) = days_of_hours([hour(0, requests=900, hurt=(0, 0)), hour(0, requests=100, hurt=(50, 0))]).values()
    assert day.sla_minutes_lost == 3


def test_hours_that_do_not_say_how_requests_fared_are_left_out_of_the_shares() -> None:
    told, silent = hour(0, requests=100, hurt=(10, 0)), hour(1)
    (day,) = days_of_hours([told, silent]).values()
    assert (day.hours_covered, day.quality_hours, day.requests, day.sla_minutes_lost) == (2, 1, 100, 6)
    (half_told,) = days_of_hours([told, hour(0)]).values()
    assert (half_told.quality_hours, half_told.requests, half_told.sla_minutes_lost) == (0, None, None)


def test_a_share_of_no_requests_is_not_a_number() -> None:
    (day,) = days_of_hours([hour(0, requests=0)]).values()
    assert (day.throttled_share, day.sla_minutes_lost) == (None, 0)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    known = HourCount(hour_at=DAY, input_tokens=10, output_tokens=1, cached_input_tokens=4, accelerators=Decimal("2.5"))
    (day,) = days_of_hours([known]).values()
    assert (day.cached_input_tokens, day.accelerator_hours) == (4, Decimal("2.5"))
    (mixed,) = days_of_hours([known, hour(1)]).values()
    assert (mixed.cached_input_tokens, mixed.accelerator_hours) == (None, None)


def test_days_are_days_of_utc() -> None:
    tokyo = datetime(2026, 10, 6, 8, tzinfo=timezone(timedelta(hours=9)))
    (day,) = days_of_hours([HourCount(hour_at=tokyo, input_tokens=1, output_tokens=1)])
    assert day == date(2026, 10, 5)


def test_the_peak_is_the_99th_percentile_over_the_mean() -> None:
    # 672 hours: 665 of 100 and 7 of 1,000. Rank ⌈0.99 × 672⌉ = 666: 1,000. Mean 73,500 ÷ 672 = 109.375.
    peak = measured_peak([1000] * 7 + [100] * 665)
    assert peak is not None
    assert peak.peak_factor == Fraction(672_000, 73_500)
    assert (peak.hours, peak.is_partial) == (672, False)
    # With 6 such hours the 666th is 100, below the mean of 108.04: a peak is never below the mean.
    lower = measured_peak([1000] * 6 + [100] * 666)
    assert lower is not None
    assert lower.peak_factor == 1


def test_a_peak_of_few_hours_is_partial_and_of_no_use_none() -> None:
    few = measured_peak([100, 300])
    assert few is not None
    assert (few.peak_factor, few.is_partial) == (Fraction(3, 2), True)
    assert measured_peak([]) is None
    assert measured_peak([0, 0]) is None
