"""A past week that was short: what was asked, what could be carried, and since when forecasts showed it. Pure.

Methods: Actuals. Demand counts what was turned away; capacity is of the accelerators that stood ready.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from capacity.lib.horizon import DAYS_PER_WEEK, Week
from capacity.lib.units import Exact, exact, floor_fraction
from workloads.domain.accuracy import Vintage
from workloads.domain.actuals import FELT_LIMIT
from workloads.domain.serving import SpareRule


@dataclass(frozen=True, kw_only=True, slots=True)
class PastWeek:
    """Tokens a second, in and out together. throttled_share, capacity: None where not known.

    demand_tps: None where all requests were turned away, so that what they asked for was never counted.
    contracts_tps: what contracts used of it; forecasts are of what comes beside them.
    """

    week: Week
    demand_tps: Fraction | None
    throttled_share: Fraction | None
    capacity_tps: Fraction | None
    contracts_tps: Fraction = Fraction(0)

    @property
    def is_short(self) -> bool:
        """Whether more was asked than could be carried, or more than 0.1 % of requests were turned away."""
        asked, carried = self.demand_tps, self.capacity_tps
        above = asked is not None and carried is not None and asked > carried
        return above or (self.throttled_share is not None and self.throttled_share > FELT_LIMIT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What one vintage said of the week, with what contracts used. weeks_before: whole weeks before its Monday."""

    source: str
    vintage_date: date
    weeks_before: int
    p50_tps: Fraction
    p90_tps: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A short week. p50_weeks, p90_weeks: the earliest vintage of any source that was above capacity, in weeks before.

    None: no vintage was, or capacity is not known.
    """

    past: PastWeek
    said: tuple[Said, ...]
    p50_weeks: int | None
    p90_weeks: int | None


def demand_there(*, served_tps: Exact, throttled_share: Fraction | None) -> Fraction | None:
    """Served ÷ (1 − throttled share): 900 with a tenth turned away are 1,000. None where all was turned away."""
    turned_away = throttled_share or Fraction(0)
    return None if turned_away >= 1 else exact(served_tps) / (1 - turned_away)


def week_capacity(
    *,
    demand_tps: Fraction,
    peak_load: Fraction,
    accelerators: Exact,
    replica_accelerators: int,
    spares: SpareRule,
    utilisation: Exact,
) -> Fraction | None:
    """Tokens a second of this mix that the accelerators carry: demand × (N − s)·u ÷ L_peak. None of no load.

    N = ⌊accelerators ÷ k⌋ replicas, s their spares. 12 at work, u 0.7, L_peak 10, demand 1,000: 840. (methods: Actuals)
    """
    if peak_load <= 0:
        return None
    work = working_replicas(replicas=floor_fraction(exact(accelerators) / replica_accelerators), spares=spares)
    return demand_tps * work * exact(utilisation) / peak_load


def working_replicas(*, replicas: int, spares: SpareRule) -> int:
    """The most replicas at work of which all, with the spares they need, are there."""
    for idle in (spares.few, spares.many):
        if spares.spares(max(0, replicas - idle)) <= idle:
            return max(0, replicas - idle)
    return max(0, replicas - spares.many)


def post_mortem(*, weeks: Iterable[PastWeek], vintages: Sequence[Vintage]) -> tuple[Finding, ...]:
    """A finding for each short week, in order of weeks."""
    return tuple(_finding(past, vintages) for past in sorted(weeks, key=lambda each: each.week) if past.is_short)


def _finding(past: PastWeek, vintages: Sequence[Vintage]) -> Finding:
    said = sorted(_said(past, vintages), key=lambda each: (-each.weeks_before, each.source))
    return Finding(
        past=past,
        said=tuple(said),
        p50_weeks=_earliest(past, [(each.weeks_before, each.p50_tps) for each in said]),
        p90_weeks=_earliest(past, [(each.weeks_before, each.p90_tps) for each in said]),
    )


def _said(past: PastWeek, vintages: Sequence[Vintage]) -> Iterable[Said]:
    for vintage in vintages:
        bands = vintage.of_week(past.week)
        days = (past.week.monday - vintage.vintage_date).days
        if bands is None or days < 0:
            continue
        yield Said(
            source=vintage.source,
            vintage_date=vintage.vintage_date,
            weeks_before=days // DAYS_PER_WEEK,
            p50_tps=bands[0].p50 + bands[1].p50 + past.contracts_tps,
            p90_tps=bands[0].p90 + bands[1].p90 + past.contracts_tps,
        )


def _earliest(past: PastWeek, said: Sequence[tuple[int, Fraction]]) -> int | None:
    if past.capacity_tps is None:
        return None
    return max((weeks for weeks, tokens in said if tokens > past.capacity_tps), default=None)
