"""Starts that the last held review promised → what the plan pins beside what runs. Pure.

Which starts count is settled as a run reads its inputs (`promised_rows`) and sealed with it; whether each is still
asked for is told from the run's own rows (`kept_as`). (methods: Promised starts)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from capacity.allocation.domain.problem import Experiment, Pin
from capacity.lib.figures import day
from capacity.lib.horizon import Week

Row = Mapping[str, Any]
# Weeks of a plan in which a start that a review promised is kept.
WEEKS_KEPT = 2
TABLE = "promised_starts"


def promised_rows(
    *, review: str, placed: Sequence[Row], asked: Sequence[Row], as_of: date, first: Week
) -> list[dict[str, Any]]:
    """The starts that count in a plan from the week `first` on, in key order.

    review: the week of the last held review; placed, asked: placements and requests of its frozen plan, as rows. A start
    counts in the first two weeks of the plan, [first, first + 2), or before them in a week that is not over. What ran
    already, may be preempted or comes in parts was promised nothing.
    """
    # Frozen rows may be older than a column.
    gangs = {
        row["key"]
        for row in asked
        if row.get("state") == "approved" and not (row.get("preemptible") or row.get("divisible"))
    }
    earliest, end = min(first, Week.containing(as_of)), first.plus(WEEKS_KEPT)
    return [
        {
            "experiment": row["experiment_key"],
            "review": review,
            "pool": row["pool_key"],
            "domain": row["domain_key"],
            "start_week": row["start_week"],
            "weeks": row["weeks"],
            "accelerators": row["accelerators"],
        }
        for row in sorted(placed, key=lambda row: str(row["experiment_key"]))
        if row["experiment_key"] in gangs and earliest <= Week.parse(row["start_week"]) < end
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """A start that the held review of the week `review` promised."""

    key: str
    review: Week
    pool: str
    domain: str | None
    start: Week
    weeks: int
    accelerators: int

    @classmethod
    def of(cls, row: Row) -> Promise:
        return cls(
            key=row["experiment"],
            review=Week.parse(row["review"]),
            pool=row["pool"],
            domain=row["domain"] or None,
            start=Week.parse(row["start_week"]),
            weeks=row["weeks"],
            accelerators=row["accelerators"],
        )

    def by(self, year: int | None) -> str:
        """Who promised it, in words: "the review of 16 Nov"."""
        return f"the review of {day(self.review.monday, year=year)}"

    def pin(self) -> Pin:
        return Pin(pool=self.pool, domain=self.domain, start=self.start, promised=True)

    def is_asked(self, row: Row) -> bool:
        """Whether the request still asks for what was promised; where, its pools say."""
        return (
            row["state"] == "approved"
            and not (row["preemptible"] or row["divisible"])
            and (row["accelerators"], row["weeks"]) == (self.accelerators, self.weeks)
            and Week.containing(row["earliest_start_date"]) <= self.start <= Week.containing(row["latest_start_date"])
        )

    def is_of(self, row: Row) -> bool:
        """Whether the placement is the promised one."""
        return (row["pool_key"], row["start_week"]) == (self.pool, self.start.key)


def promises_by_key(tables: Mapping[str, Sequence[Row]]) -> dict[str, Promise]:
    """Request → what was promised to it; of inputs from before promises were kept, none."""
    return {row["experiment"]: Promise.of(row) for row in tables.get(TABLE, ())}


def kept_as(promise: Promise | None, request: Experiment, row: Row, *, domains: Iterable[str]) -> Experiment:
    """The request, pinned where it was promised if it still asks for that place and the place is there.

    domains: network domains of the promised pool.
    """
    if promise is None or not promise.is_asked(row):
        return request
    allowed = any(promise.pool in option.pools for option in request.options)
    if not allowed or not is_there(promise, domains):
        return request
    return replace(request, pinned=promise.pin())


def is_there(promise: Promise, domains: Iterable[str]) -> bool:
    """Whether the pool still has the network domain of the promise, or as then none."""
    known = set(domains)
    return promise.domain in known if promise.domain else not known
