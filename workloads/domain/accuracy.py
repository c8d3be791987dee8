"""Forecast vintages against what came: weighted error and bias by source and lead. Pure (methods: Actuals).

What belongs here: which vintage counts for a week, and the two figures. Not here: which rows are read (usage_inputs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from capacity.lib.horizon import DAYS_PER_WEEK, Horizon, Week
from capacity.lib.units import SECONDS_PER_WEEK
from workloads.domain.forecasts import Band, ForecastStep, forecast_by_week

LEADS = (4, 13)
NO_ACTUAL = "no_actual"
NO_FORECAST = "no_forecast"
ZERO_ACTUAL = "zero_actual"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vintage:
    """What one source said on one day."""

    source: str
    vintage_date: date
    steps: tuple[ForecastStep, ...]

    def of_week(self, week: Week) -> tuple[Band, Band] | None:
        """(input, output) of the week, tokens per second; None before its first step."""
        return forecast_by_week(steps=self.steps, horizon=Horizon(first=week, weeks=1))[0]

    def tokens(self, week: Week) -> Fraction | None:
        """P50 of the week in tokens, in and out together."""
        bands = self.of_week(week)
        return None if bands is None else (bands[0].p50 + bands[1].p50) * SECONDS_PER_WEEK


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """weeks: how many were scored. wape: Σ|f − a| ÷ Σa; bias: Σ(f − a) ÷ Σa, above 0 said too much. absent: why none."""

    lead_weeks: int
    weeks: int
    wape: Fraction | None
    bias: Fraction | None
    absent: str = ""


def known_before(*, vintages: Sequence[Vintage], week: Week, lead_weeks: int) -> Vintage | None:
    """The latest vintage not later than `lead_weeks` before the week's Monday."""
    by = week.monday - timedelta(days=DAYS_PER_WEEK * lead_weeks)
    old = [each for each in vintages if each.vintage_date <= by]
    return max(old, key=lambda each: each.vintage_date, default=None)


def pairs_of(*, actual: Mapping[Week, int], vintages: Sequence[Vintage], lead_weeks: int) -> list[tuple[Fraction, int]]:
    """(forecast, actual) tokens of each week that was forecast that early, of one source and workload."""
    pairs: list[tuple[Fraction, int]] = []
    for week, tokens in actual.items():
        vintage = known_before(vintages=vintages, week=week, lead_weeks=lead_weeks)
        forecast = None if vintage is None else vintage.tokens(week)
        if forecast is not None:
            pairs.append((forecast, tokens))
    return pairs


def score(*, pairs: Sequence[tuple[Fraction, int]], lead_weeks: int, has_actual: bool) -> Score:
    """The two figures of pairs, of one workload or of several. has_actual: whether any whole week was counted."""
    total = sum(tokens for _, tokens in pairs)
    absent = "" if total else ZERO_ACTUAL if pairs else NO_FORECAST if has_actual else NO_ACTUAL
    if absent:
        return Score(lead_weeks=lead_weeks, weeks=len(pairs), wape=None, bias=None, absent=absent)
    return Score(
        lead_weeks=lead_weeks,
        weeks=len(pairs),
        wape=sum((abs(forecast - tokens) for forecast, tokens in pairs), Fraction(0)) / total,
        bias=sum((forecast - tokens for forecast, tokens in pairs), Fraction(0)) / total,
    )


def score_forecasts(*, actual: Mapping[Week, int], vintages: Sequence[Vintage], lead_weeks: int) -> Score:
    """One source against the tokens of whole weeks; weeks it did not forecast that early are left out of both sums.

    Actual 100 and 120, forecast 90 and 150: error 40 ÷ 220 = 18.2 %, bias 20 ÷ 220 = +9.1 %. (methods: Actuals)
    """
    pairs = pairs_of(actual=actual, vintages=vintages, lead_weeks=lead_weeks)
    return score(pairs=pairs, lead_weeks=lead_weeks, has_actual=bool(actual))
