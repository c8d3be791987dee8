"""What was really used: weeks of usage, requests that customers felt, peaks that coincide, granted hours. Pure.

Methods: Actuals. A missing hour is a gap and never zero; a week with less than 95 % of its hours is partial and counts
in no share. Here stand sums and shares; forecasts against them are `accuracy`, short weeks `post_mortem`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from capacity.lib.horizon import HOURS_PER_WEEK, Week
from capacity.lib.units import Exact, exact
from workloads.domain.usage import HOURS_PER_DAY, DayCount, at_peak, is_partial

# Above this share of requests customers feel it (methods: Actuals).
FELT_LIMIT = Fraction(1, 1000)
# An older week says nothing about how customers fare now.
NEWEST_WEEKS = 4
# Peaks of less than a week of common hours do not tell whether they coincide.
LEAST_COMMON_HOURS = 160


@dataclass(frozen=True, kw_only=True, slots=True)
class WeekUse:
    """A workload's week over all its contracts. None: not said by (some of) the sources.

    hours_covered: hours that every part of the sums covers.
    quality_hours: hours that say requests, throttled and late ones; these sums and the minutes are over them.
    """

    workload: str
    week: Week
    hours_covered: int
    input_tokens: int
    cached_input_tokens: int | None
    output_tokens: int
    quality_hours: int
    requests: int | None
    throttled: int | None
    late: int | None
    minutes_lost: Fraction | None
    accelerator_hours: Decimal | None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def is_partial(self) -> bool:
        return is_partial(hours=self.hours_covered, expected=HOURS_PER_WEEK)

    @property
    def tells_quality(self) -> bool:
        """Whether enough of its hours say how requests fared."""
        return self.requests is not None and not is_partial(hours=self.quality_hours, expected=HOURS_PER_WEEK)

    @property
    def throttled_share(self) -> Fraction | None:
        """Throttled ÷ all requests; None where the hours do not say, and of no request."""
        return self._share(self.throttled)

    @property
    def late_share(self) -> Fraction | None:
        """Late ÷ all requests, likewise."""
        return self._share(self.late)

    def _share(self, part: int | None) -> Fraction | None:
        return None if not self.tells_quality or not self.requests or part is None else Fraction(part, self.requests)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUse:
    """One day of a workload under one contract ("" for none). sources: hours that each counted of it, where several do."""

    workload: str
    contract: str
    day: date
    count: DayCount
    sources: Mapping[str, int] = field(default_factory=dict)

    def parts(self) -> dict[tuple[str, str], int]:
        """What the day's sums are of, contract and source → its hours."""
        return {
            (self.contract, source): hours for source, hours in (self.sources or {"": self.count.hours_covered}).items()
        }


def weeks_of_days(days: Iterable[DayUse]) -> list[WeekUse]:
    """Workload and week → sums, in that order. Weeks without any day are not there.

    A sum is whole only in the hours that every part of it covers: use of its own and each contract that the week names,
    of each source that counted it. A part without a row on a day covers none of its hours.
    """
    grouped: dict[tuple[str, Week], list[DayUse]] = {}
    for each in days:
        grouped.setdefault((each.workload, Week.containing(each.day)), []).append(each)
    return [
        _week(workload, week, found)
        for (workload, week), found in sorted(grouped.items(), key=lambda item: (item[0][0], item[0][1]))
    ]


def _week(workload: str, week: Week, days: Sequence[DayUse]) -> WeekUse:
    counts = [each.count for each in days]
    told = [count for count in counts if count.quality_hours]
    by_day: dict[date, list[DayCount]] = {}
    hours: dict[date, dict[tuple[str, str], int]] = {}
    for each in days:
        by_day.setdefault(each.day, []).append(each.count)
        hours.setdefault(each.day, {}).update(each.parts())
    parts = {part for found in hours.values() for part in found}
    common = [day for day, found in hours.items() if parts == found.keys()]
    return WeekUse(
        workload=workload,
        week=week,
        hours_covered=sum(min(hours[day].values()) for day in common),
        input_tokens=sum(count.input_tokens for count in counts),
        cached_input_tokens=_known_sum([count.cached_input_tokens for count in counts]),
        output_tokens=sum(count.output_tokens for count in counts),
        quality_hours=sum(min(*hours[day].values(), *(count.quality_hours for count in by_day[day])) for day in common),
        requests=_known_sum([count.requests for count in told]),
        throttled=_known_sum([count.throttled_requests for count in told]),
        late=_known_sum([count.late_requests for count in told]),
        minutes_lost=_minutes([[count for count in found if count.quality_hours] for found in by_day.values()]),
        accelerator_hours=_known_decimals([count.accelerator_hours for count in counts]),
    )


def _minutes(days: Sequence[Sequence[DayCount]]) -> Fraction | None:
    """Minutes of the days; of several contracts on a day the mean by their requests, since they are the same minutes."""
    if not any(days):
        return None
    total = Fraction(0)
    for day in days:
        requests = sum(count.requests or 0 for count in day)
        lost = sum(((count.sla_minutes_lost or Fraction(0)) * (count.requests or 0) for count in day), Fraction(0))
        total += lost / requests if requests else Fraction(0)
    return total


def _known_sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _known_decimals(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


# --- what customers felt ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Felt:
    """H3 of one week. share: throttled or late ÷ all requests; None with the reason in `absent`.

    minutes: of the workload that lost most (`worst`). left_out: workloads whose week is partial or says no counts.
    """

    week: Week | None
    requests: int
    throttled: int
    late: int
    minutes: Fraction | None
    worst: str
    left_out: tuple[str, ...]
    share: Fraction | None
    absent: str


def felt(uses: Sequence[WeekUse], *, now: Week) -> Felt:
    """The newest of the last four ended weeks that any workload tells whole, over the workloads that do.

    12,000 requests, 12 throttled, 6 late: 18 ÷ 12,000 = 0.15 %. (methods: Actuals)
    """
    recent = [use for use in uses if now.plus(-NEWEST_WEEKS) <= use.week < now]
    whole = [use for use in recent if not use.is_partial and use.tells_quality]
    week = max((use.week for use in whole), default=None)
    told = [use for use in whole if use.week == week]
    # Of a week that none tells whole: the workloads of the newest one there is.
    newest = week or max((use.week for use in recent), default=None)
    names = {use.workload for use in told}
    left_out = tuple(sorted({use.workload for use in recent if use.week == newest} - names))
    requests = sum(use.requests or 0 for use in told)
    throttled, late = sum(use.throttled or 0 for use in told), sum(use.late or 0 for use in told)
    worst = max(told, key=lambda use: (use.minutes_lost or 0, use.workload), default=None)
    absent = ""
    if not recent:
        absent = "no usage in the last four weeks"
    elif not told:
        absent = "no week is whole"
    elif not requests:
        absent = "no request"
    return Felt(
        week=week,
        requests=requests,
        throttled=throttled,
        late=late,
        minutes=worst.minutes_lost if worst and requests else None,
        worst=worst.workload if worst and requests else "",
        left_out=left_out,
        share=None if absent else Fraction(throttled + late, requests),
        absent=absent,
    )


# --- peaks that coincide ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Coincidence:
    """factor ρ: P99 of the sum ÷ sum of the P99s, over `hours` that all `members` have."""

    factor: Fraction
    hours: int
    members: int


def measured_coincidence(
    members: Mapping[str, Mapping[datetime, int]], *, least_hours: int = LEAST_COMMON_HOURS
) -> Coincidence | None:
    """ρ of members' hourly tokens; None of fewer than two, of too few common hours, and where nothing was used.

    Members [10, 0, 4] and [0, 10, 4]: 10 ÷ 20 = 0.5. (methods: Actuals)
    """
    if len(members) < 2:
        return None
    series = [members[key] for key in sorted(members)]
    common = sorted(set(series[0]).intersection(*series[1:]))
    if not common or len(common) < least_hours:
        return None
    apart = sum(at_peak([each[hour] for hour in common]) for each in series)
    together = at_peak([sum(each[hour] for each in series) for hour in common])
    if not apart:
        return None
    return Coincidence(factor=Fraction(together, apart), hours=len(common), members=len(series))


# --- granted against used -----------------------------------------------------------------------------------------


def granted_hours(*, accelerators: int, started: date, ended: date, as_of: date) -> int:
    """Accelerator-hours of `[started, min(ended, as_of))`. 512 for five weeks: 512 × 840 = 430,080. (methods: Actuals)"""
    days = (min(ended, as_of) - started).days
    return accelerators * HOURS_PER_DAY * max(0, days)


def used_share(*, used: Exact | None, granted: int) -> Fraction | None:
    """Used ÷ granted, not cut at 1; None without job accounts or where nothing is granted yet."""
    return None if used is None or not granted else exact(used) / granted
