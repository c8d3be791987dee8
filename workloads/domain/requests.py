"""Experiment requests: their size in accelerator-weeks, operations and dollars, and their window in whole weeks.

Pure arithmetic (methods: Experiment requests). Not here: whether and where a request is placed (allocation).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, Exact, exact


class RequestError(ValueError):
    """A request with no meaning: nothing asked for, or a window that ends before it starts. The message says which."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestWindow:
    """The weeks in which a request may start, first to last, both included; weeks: how long it runs."""

    earliest: Week
    latest: Week
    weeks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ClippedWindow:
    """A window on a horizon. reason "" = it can start; else window_closed or beyond_horizon (window as asked)."""

    window: RequestWindow
    reason: str = ""


def clean_window(*, earliest_date: date, latest_date: date, weeks: int) -> RequestWindow:
    """Dates to whole weeks: the first Monday on or after the earliest day, the last on or before the latest.

    Raises RequestError for no weeks, a window that ends before it starts, or one that holds no Monday.
    """
    if weeks < 1:
        raise RequestError(f"A request runs for at least one week, not {weeks}.")
    if latest_date < earliest_date:
        raise RequestError(f"The latest start {latest_date} lies before the earliest {earliest_date}.")
    earliest, latest = Week.starting_on_or_after(earliest_date), Week.containing(latest_date)
    if latest < earliest:
        raise RequestError(f"No week starts between {earliest_date} and {latest_date}; runs start on Mondays.")
    return RequestWindow(earliest=earliest, latest=latest, weeks=weeks)


def clip_window(*, window: RequestWindow, horizon: Horizon) -> ClippedWindow:
    """The starts that lie in the horizon and end in it. (methods: Experiment requests)"""
    if window.latest < horizon.first:
        return ClippedWindow(window=window, reason="window_closed")
    earliest = max(window.earliest, horizon.first)
    latest = min(window.latest, horizon.last.plus(1 - window.weeks))
    if latest < earliest:
        return ClippedWindow(window=window, reason="beyond_horizon")
    return ClippedWindow(window=RequestWindow(earliest=earliest, latest=latest, weeks=window.weeks))


def accelerator_weeks(*, accelerators: int, weeks: int) -> int:
    if accelerators < 1 or weeks < 1:
        raise RequestError("A request asks for at least one accelerator and one week.")
    return accelerators * weeks


def request_cost(*, accelerators: int, weeks: int, rate_usd_per_hour: Decimal | None) -> Decimal | None:
    """accelerators × weeks × 168 × the loaded rate; None when the rate is unknown. 256 × 1 × $2 = $86,016 a week."""
    if rate_usd_per_hour is None:
        return None
    hours = accelerator_weeks(accelerators=accelerators, weeks=weeks) * HOURS_PER_WEEK
    return to_decimal(hours * exact(rate_usd_per_hour))


def training_operations(*, parameters: Exact, tokens: Exact) -> Decimal:
    """6·N·D: operations to train N parameters on D tokens (forward and backward). (methods: Training operations)"""
    return to_decimal(6 * exact(parameters) * exact(tokens))


def run_operations(*, accelerators: int, seconds: Exact, peak_operations_per_second: Exact, mfu: Exact) -> Decimal:
    """accelerators × seconds × peak × MFU (share of peak reached, in (0, 1]).

    16,384 × 54 days × 9.894e14 × 0.4 = 3.03e25. (methods: Training operations)
    """
    if not 0 < exact(mfu) <= 1:
        raise RequestError("The share of peak reached (MFU) lies above 0 and at most 1.")
    return to_decimal(accelerators * exact(seconds) * exact(peak_operations_per_second) * exact(mfu))
