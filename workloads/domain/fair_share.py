"""Teams' fair share: entitlement by weight against hours used, the weight of their requests, and who is starved.

Pure arithmetic (methods: Fair share). Hours come as sums by team and week; who counted them stands elsewhere. Deficits
are of the day a run started and never change within it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import exact

TRAILING_WEEKS = 13
# Engine weights are told in hundredths: whoever packs works with whole numbers, and a finer one says nothing.
WEIGHT_PLACES = 2
UNPLACED, BELOW_SHARE = "unplaced", "below_half"


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamShare:
    """One team. entitled, used: shares of one. deficit = entitled − used; None where nothing was used or is known.

    engine_weight: what an accelerator-week of its requests weighs in the plan, 1 where no deficit is known.
    """

    team: str
    weight: Decimal
    entitled: Fraction
    used_hours: Decimal | None
    used: Fraction | None
    deficit: Fraction | None
    engine_weight: Decimal


def fair_shares(
    *, weights: Mapping[str, Decimal], used_hours: Mapping[str, Decimal] | None, limit: Decimal
) -> tuple[TeamShare, ...]:
    """Every team's share, in key order: deficit = w ÷ Σw − used ÷ Σused (methods: Fair share).

    used_hours: by team; a team not named used nothing; None: nobody counted. limit: the most a deficit may add to or
    take from the engine weight, in [0, 1). Deficits sum to zero.
    """
    whole = sum((exact(weight) for weight in weights.values()), Fraction(0))
    hours = None if used_hours is None else {team: used_hours.get(team, Decimal(0)) for team in weights}
    total = sum((exact(each) for each in hours.values()), Fraction(0)) if hours else Fraction(0)
    shares = []
    for team in sorted(weights):
        entitled = exact(weights[team]) / whole
        used = exact(hours[team]) / total if hours and total else None
        deficit = None if used is None else entitled - used
        shares.append(
            TeamShare(
                team=team,
                weight=weights[team],
                entitled=entitled,
                used_hours=None if hours is None else hours[team],
                used=used,
                deficit=deficit,
                engine_weight=engine_weight(deficit=deficit, limit=limit),
            )
        )
    return tuple(shares)


def engine_weight(*, deficit: Fraction | None, limit: Decimal) -> Decimal:
    """1 + the deficit within ±limit, half-even to a hundredth; 1 where it is not known."""
    if deficit is None:
        return Decimal(1)
    most = exact(limit)
    return to_decimal(round(1 + min(most, max(-most, deficit)), WEIGHT_PLACES))


def starvation(*, waits: Iterable[int], below_weeks: int, weeks: int) -> str:
    """Why a team is starved, or "": `unplaced` or `below_half` (methods: Fair share).

    waits: whole weeks each request without a place has waited; more than `weeks` is too long. below_weeks: of weeks_below.
    """
    if any(wait > weeks for wait in waits):
        return UNPLACED
    return BELOW_SHARE if below_weeks >= weeks else ""


def weeks_below(
    *, shares_by_week: Sequence[Fraction | None], entitled: Fraction, demanding: Sequence[bool], below: Fraction
) -> int:
    """How many weeks up to the last one the team had less than `below` of its entitlement while demanding.

    Both by week, oldest first. A week nobody counted (None) is no evidence and ends the count.
    """
    found = 0
    for share, demands in zip(reversed(shares_by_week), reversed(demanding), strict=True):
        if share is None or not demands or share >= below * entitled:
            break
        found += 1
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What one job held. ends_at None: it still runs. accelerator_hours: as counted, of a job that is over."""

    team: str
    starts_at: datetime
    ends_at: datetime | None
    accelerators: int
    accelerator_hours: Decimal


def hours_by_week(*, jobs: Iterable[Job], first: Week, weeks: int) -> dict[tuple[str, Week], Decimal]:
    """(team, week) → accelerator-hours in the weeks from `first`, to a ten-thousandth.

    A job over is spread evenly over its time; one that runs holds its accelerators until the end of the last week. A job
    that ends as it starts counts in its week.
    """
    end = first.plus(weeks).starts_at
    found: dict[tuple[str, Week], Fraction] = {}
    for job in jobs:
        for week, hours in _job_hours(job, first=first, end=end):
            place = (job.team, week)
            found[place] = found.get(place, Fraction(0)) + hours
    return {place: to_decimal(round(hours, 4)) for place, hours in found.items() if hours}


def _job_hours(job: Job, *, first: Week, end: datetime) -> Iterable[tuple[Week, Fraction]]:
    starts = job.starts_at.astimezone(UTC)
    stops = min(job.ends_at.astimezone(UTC), end) if job.ends_at is not None else end
    if starts >= end or (job.ends_at is not None and job.ends_at < first.starts_at):
        return
    if job.ends_at is not None and job.ends_at == job.starts_at:
        week = Week.containing(starts.date())
        if week >= first:
            yield week, exact(job.accelerator_hours)
        return
    rate = _rate(job)
    week = max(first, Week.containing(starts.date()))
    while week.starts_at < stops:
        inside = min(stops, week.plus(1).starts_at) - max(starts, week.starts_at)
        yield week, rate * _hours(inside)
        week = week.plus(1)


def _rate(job: Job) -> Fraction:
    """Accelerators it held at a time, on average."""
    if job.ends_at is None:
        return Fraction(job.accelerators)
    return exact(job.accelerator_hours) / _hours(job.ends_at - job.starts_at)


def _hours(span: timedelta) -> Fraction:
    return Fraction(span // timedelta(microseconds=1), 3_600_000_000)
