"""The envelope of every pool and week, checked before anything is published: its lines make what its lots cost. Pure.

Computed a second time and by another way than the rows were (methods: Envelope): what the lots cost, what classes and
experiments hold, what is left. A line that is off by a cent is a defect, and the run says so instead of publishing.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.checks import PlanInconsistent
from capacity.inventory.domain.facts import SupplyWeek
from capacity.lib.horizon import Week
from capacity.lib.money import round_usd, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.plan_rows import PlanRows

# What the purposes of serving are paid by.
SERVING_LINES = ("serving_consumed", "serving_headroom", "serving_spare", "internal", "no_choice")
LESS_THAN_A_CENT = Fraction(1, 200)


def check_envelopes(rows: PlanRows) -> None:
    """Raises PlanInconsistent, one sentence a line that is off, if any envelope does not hold to the cent."""
    supply = {(each.pool_key, each.week): each for each in rows.plan.calendar.pool_weeks}
    sentences: list[str] = []
    for row in rows.pool_week_rows:
        place = (row["pool_key"], rows.week_by_key[row["week"]])
        sentences += envelope_faults(rows, row, supply[place])
    if sentences:
        raise PlanInconsistent(sentences)


def envelope_faults(rows: PlanRows, row: dict[str, Any], supply: SupplyWeek) -> Iterator[str]:
    """What is wrong with the envelope of one pool's week; nothing where a rate is missing and there is none."""
    if row["envelope_parts"] is None:
        return
    place = (row["pool_key"], rows.week_by_key[row["week"]])
    stored = {line: Decimal(usd) for line, usd in row["envelope_parts"].items()}
    for line, expected in _expected(rows, place, supply):
        found = _line(stored, line)
        if abs(exact(found) - expected) >= LESS_THAN_A_CENT:
            yield (
                f"Envelope of {place[0]} in {place[1]}: {line.replace('_', ' ')} is {round_usd(found)} USD, "
                f"and should be {round_usd(to_decimal(expected))}."
            )
    if round_usd(row["envelope_usd"]) != round_usd(sum(stored.values(), Decimal(0))):
        yield f"Envelope of {place[0]} in {place[1]}: its lines do not make its total."


def _line(stored: dict[str, Decimal], line: str) -> Decimal:
    if line == "serving":
        return sum((stored[name] for name in SERVING_LINES), Decimal(0))
    return sum(stored.values(), Decimal(0)) if line == "total" else stored[line]


def _expected(rows: PlanRows, place: tuple[str, Week], supply: SupplyWeek) -> Iterator[tuple[str, Fraction]]:
    """(line, USD): what the lots cost and what those who hold accelerators are charged, each by its own way."""
    pool, week = place
    cost = rows.plan.costs[place]
    burst = rows.burst.get(place, 0)
    bought = Fraction(0)
    if burst:
        bought = burst * HOURS_PER_WEEK * exact(rows.pools[pool]["burst_usd_per_accelerator_hour"])
    serving = sum(rows.allocated[key, pool, week] for key in rows.classes_in.get(place, ())) - burst
    learning = sum(amount for _, amount in rows.running_by_pool.get(place, []))
    by_use = cost.on_demand_usd_per_hour is not None and not cost.counted_usd
    if by_use:
        rate = exact(cost.on_demand_usd_per_hour or 0)
        counted = (max(0, serving) + learning) * HOURS_PER_WEEK * rate
        part_week = Fraction(0)
    else:
        counted, part_week = exact(cost.counted_usd or 0), exact(cost.part_week_usd or 0)
        available = exact(supply.available) * HOURS_PER_WEEK
        rate = counted / available if available else Fraction(0)
    hour = HOURS_PER_WEEK * rate
    yield "total", counted + part_week + bought
    yield "burst", bought
    yield "serving", max(0, serving) * hour
    yield "learning", learning * hour
    if by_use or not exact(supply.available):
        return
    allocatable = Fraction(supply.allocatable)
    yield "idle", (allocatable - max(0, serving) - learning) * hour + part_week
    yield "fragment", (exact(supply.available) - exact(supply.maintenance) - allocatable) * hour
    yield "maintenance", exact(supply.maintenance) * hour
