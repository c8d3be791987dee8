"""Work that runs → what the plan may do with it: pinned, or kept only while nobody above needs its room. Pure.

What is said of a run stands in the review; the engine knows only the pin, or the weeks that are left to it.
(methods: Running work)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from capacity.allocation.domain.problem import Experiment, ExperimentOption, Pin, Placement
from capacity.lib.horizon import Horizon, Week

Row = Mapping[str, Any]
RUNNING = "running"


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A running request in whole weeks, as of one day and for one horizon.

    end: the week after the last one it asked for; of preemptible work in parts the end of its window, `full_end` being
    when it would be over at its full size. A run past its end (`weeks_past`) occupies its accelerators all the same, so
    the plan counts with it in the horizon's first week. (methods: Running work)
    """

    key: str
    pool: str
    domain: str | None
    start: Week
    full_end: Week
    end: Week
    accelerators: int
    is_preemptible: bool
    is_divisible: bool
    today: Week
    first: Week
    last: Week

    @property
    def is_pinned(self) -> bool:
        return not self.is_preemptible

    @property
    def weeks_past(self) -> int | None:
        """Whole weeks since its end, 0 in the first of them; None while it is inside what it asked for."""
        return self.end.weeks_until(self.today) if self.end <= self.today else None

    @property
    def planned_end(self) -> Week:
        return self.end if self.weeks_past is None else max(self.end, self.first.plus(1))

    @property
    def here(self) -> Week:
        """The first week of the horizon in which it runs."""
        return max(self.start, self.first)

    @property
    def weeks_left(self) -> int:
        """Weeks of the horizon that are left to it; 0 where its last week lies before the horizon.

        Work in parts counts as having had its full size since it started, and has a week left while its window is open.
        """
        open_weeks = max(0, self.here.weeks_until(min(self.planned_end, self.last.plus(1))))
        return min(open_weeks, max(1, self.here.weeks_until(self.full_end))) if self.is_divisible else open_weeks

    def options(self, pools: Iterable[str]) -> tuple[ExperimentOption, ...]:
        """A gang keeps as many of its next weeks as there is room for, in its pool; longest first.

        Work in parts has what is left of it, in all its pools.
        """
        if self.is_pinned:
            return (ExperimentOption((self.pool,), self.accelerators, self.start.weeks_until(self.planned_end)),)
        if self.is_divisible:
            places = tuple(sorted({self.pool, *pools}))
            return (ExperimentOption(places, self.accelerators, self.weeks_left),) if self.weeks_left else ()
        return tuple(
            ExperimentOption((self.pool,), self.accelerators, weeks) for weeks in range(self.weeks_left, 0, -1)
        )

    def pin(self) -> Pin | None:
        return Pin(pool=self.pool, domain=self.domain, start=self.start) if self.is_pinned else None

    @property
    def latest(self) -> Week:
        """The latest start of what is left: a gang goes on or stops, work in parts has the time to its end."""
        return max(self.here, self.planned_end.plus(-self.weeks_left)) if self.is_divisible else self.here

    def place(self) -> Placement | None:
        """Where it stands now, as a placement of an earlier plan, so that it stays there if it can; None of a pin."""
        if self.is_pinned or self.is_divisible or not self.weeks_left:
            return None
        return Placement(self.key, self.pool, self.domain, self.here, self.weeks_left, self.accelerators)

    def since_start(self, placement: Placement) -> Placement:
        """What the plan leaves to it where it stands, told from the day it started; any other placement as it is."""
        is_here = (placement.pool, placement.domain, placement.start) == (self.pool, self.domain, self.here)
        if self.is_pinned or self.is_divisible or not is_here:
            return placement
        weeks = self.start.weeks_until(self.here) + placement.weeks
        return Placement(self.key, self.pool, self.domain, self.start, weeks, placement.accelerators)


def run_of(row: Row, *, as_of: date, horizon: Horizon) -> Run | None:
    """The run of a request's row; None where it does not run."""
    if row["state"] != RUNNING:
        return None
    start = Week.containing(row["started_date"])
    full_end = end = start.plus(row["weeks"])
    if row["divisible"] and row["preemptible"]:
        end = max(end, Week.containing(row["latest_start_date"]).plus(row["weeks"]))
    return Run(
        key=row["key"],
        pool=row["pool"],
        domain=row["domain_key"] or None,
        start=start,
        full_end=full_end,
        end=end,
        accelerators=row["accelerators"],
        is_preemptible=row["preemptible"],
        is_divisible=row["divisible"],
        today=Week.containing(as_of),
        first=horizon.first,
        last=horizon.last,
    )


def runs_by_key(rows: Iterable[Row], *, as_of: date, horizon: Horizon) -> dict[str, Run]:
    """Every run of the rows, by request."""
    found = (run_of(row, as_of=as_of, horizon=horizon) for row in rows)
    return {run.key: run for run in found if run is not None}


def planned_as(run: Run, request: Experiment) -> Experiment | None:
    """The request as it runs: pinned, or with what is left to it; None where nothing is."""
    options = run.options(pool for option in request.options for pool in option.pools)
    if run.is_pinned or not options:
        return replace(request, options=options, pinned=run.pin()) if options else None
    return replace(request, options=options, earliest_start=run.here, latest_start=run.latest)
