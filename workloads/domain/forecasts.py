"""Forecast steps → what is expected by week, with its own band. Pure (methods: Forecasts).

What belongs here: which source is planned with, and what a week takes of steps that change inside it. Not here: which
vintage counts (selectors), what the tokens need (serving).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from capacity.lib.horizon import Horizon, Week
from capacity.lib.units import Exact, exact


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """P10 ≤ P50 ≤ P90 of one figure, tokens per second."""

    p10: Fraction
    p50: Fraction
    p90: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.p10 <= self.p50 <= self.p90:
            raise ValueError("A forecast rises from P10 to P50 to P90 and is not negative.")

    @classmethod
    def of(
        cls, *, p10: Exact | None, p50: Exact, p90: Exact | None, p10_multiple: Exact = 1, p90_multiple: Exact = 1
    ) -> Band:
        """The band; an end that is not given is its multiple of P50."""
        middle = exact(p50)
        return cls(
            p10=middle * exact(p10_multiple) if p10 is None else exact(p10),
            p50=middle,
            p90=middle * exact(p90_multiple) if p90 is None else exact(p90),
        )

    def or_more(self, other: Band) -> Band:
        """The larger of each figure; still in order."""
        return Band(p10=max(self.p10, other.p10), p50=max(self.p50, other.p50), p90=max(self.p90, other.p90))


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastStep:
    """What is expected from a day on, until the next step's day."""

    starts_date: date
    input: Band
    output: Band


def planned_source(*, sources: Collection[str], named: str) -> str | None:
    """The source a workload is planned with: the named one if it forecasts, or without a name the only one. Else None."""
    if named:
        return named if named in sources else None
    return next(iter(sources)) if len(set(sources)) == 1 else None


def forecast_by_week(*, steps: Sequence[ForecastStep], horizon: Horizon) -> tuple[tuple[Band, Band] | None, ...]:
    """(input, output) by week; None in weeks before the first step. A week takes the larger of what holds in it.

    9,000 from 5 Oct and 12,000 from Thursday 15 Oct: the week of 12 Oct takes 12,000. (methods: Forecasts)
    """
    ordered = sorted(steps, key=lambda step: step.starts_date)
    return tuple(_of_week(ordered, week) for week in horizon)


def _of_week(ordered: Sequence[ForecastStep], week: Week) -> tuple[Band, Band] | None:
    next_monday = week.plus(1).monday
    begun = [step for step in ordered if step.starts_date < next_monday]
    if not begun:
        return None
    before = [step for step in begun if step.starts_date <= week.monday]
    holding = [*before[-1:], *(step for step in begun if step.starts_date > week.monday)]
    tokens_in, tokens_out = holding[0].input, holding[0].output
    for step in holding[1:]:
        tokens_in, tokens_out = tokens_in.or_more(step.input), tokens_out.or_more(step.output)
    return tokens_in, tokens_out
