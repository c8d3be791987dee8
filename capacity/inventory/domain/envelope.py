"""Where the money of a pool's week went: purposes, idle, fragment and maintenance, summing exactly (methods: Envelope).

Not here: what an hour costs (cost.py), how many hours a plan gave to whom (the review composes them).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.inventory.domain.cost import ZERO, CostError, as_decimals
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact

PURPOSES = ("serving_consumed", "serving_headroom", "serving_spare", "learning", "internal", "no_choice")
LINES = (*PURPOSES, "idle", "fragment", "maintenance")
PART_STEP = Decimal("1e-20")


@dataclass(frozen=True, kw_only=True, slots=True)
class PurposeHours:
    """Allocatable accelerator-hours of one pool and week by purpose; what is left of allocatable is idle."""

    serving_consumed: Fraction = Fraction(0)
    serving_headroom: Fraction = Fraction(0)
    serving_spare: Fraction = Fraction(0)
    learning: Fraction = Fraction(0)
    internal: Fraction = Fraction(0)
    no_choice: Fraction = Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Where the money of one pool and week went. parts_usd and hours have the keys LINES; parts sum to total_usd.

    rate_usd_per_hour: cost of an hour left after failures; None when nothing was installed.
    part_week_usd: billed days of lots that were not there all week; it is inside the idle part.
    """

    parts_usd: Mapping[str, Decimal]
    hours: Mapping[str, Decimal]
    total_usd: Decimal
    rate_usd_per_hour: Decimal | None
    part_week_usd: Decimal = ZERO


def split_envelope(
    *,
    cost_usd: Decimal,
    available_accelerators: Decimal,
    maintenance_accelerators: Decimal,
    allocatable_accelerators: int,
    purpose_hours: PurposeHours,
    part_week_usd: Decimal = ZERO,
    hours: int = HOURS_PER_WEEK,
) -> Envelope:
    """Split the cost of a pool's week over LINES so that the parts sum to it. (methods: Envelope)

    cost_usd: all lots that counted the whole week; part_week_usd: lots billed for days in which they did not count.
    available_accelerators = installed·a. Worked: $314,160 = 120,000 + 80,000 + 80,000 + 31,808 idle + 2,352 fragment.
    Raises CostError when more hours have a purpose than are allocatable, or capacity adds up to more than available.
    """
    amounts = _line_hours(
        available=exact(available_accelerators) * hours,
        maintenance=exact(maintenance_accelerators) * hours,
        allocatable=Fraction(allocatable_accelerators * hours),
        purpose_hours=purpose_hours,
    )
    available = exact(available_accelerators) * hours
    counted, part_week = exact(cost_usd), exact(part_week_usd)
    if not available:
        # Nothing stood there all week, so there is no hour to charge: whatever was billed is idle.
        parts = {**dict.fromkeys(LINES, Fraction(0)), "idle": counted + part_week}
    else:
        parts = {line: amount * counted / available for line, amount in amounts.items()}
        parts["idle"] += part_week
    return Envelope(
        parts_usd=_closed(parts, total=counted + part_week),
        hours=as_decimals(amounts),
        total_usd=to_decimal(counted + part_week),
        rate_usd_per_hour=to_decimal(counted / available) if available else None,
        part_week_usd=part_week_usd,
    )


def _line_hours(
    *, available: Fraction, maintenance: Fraction, allocatable: Fraction, purpose_hours: PurposeHours
) -> dict[str, Fraction]:
    used = {name: Fraction(getattr(purpose_hours, name)) for name in PURPOSES}
    negative = [name for name, amount in used.items() if amount < 0]
    if negative:
        raise CostError(f"Hours of {', '.join(negative)} are negative.")
    idle = allocatable - sum(used.values())
    fragment = available - maintenance - allocatable
    if idle < 0:
        raise CostError(f"{to_decimal(-idle)} more hours have a purpose than are allocatable.")
    if fragment < 0:
        raise CostError(
            f"Maintenance and allocatable together exceed what is available by {to_decimal(-fragment)} hours."
        )
    return {**used, "idle": idle, "fragment": fragment, "maintenance": maintenance}


def _closed(parts: Mapping[str, Fraction], *, total: Fraction) -> dict[str, Decimal]:
    """The parts as Decimals whose sum is the total exactly: at 20 decimals each, idle takes what that leaves."""
    with localcontext(exact_context()):
        found = {line: to_decimal(amount).quantize(PART_STEP) for line, amount in parts.items() if line != "idle"}
        idle = to_decimal(total) - sum(found.values(), ZERO)
        return {line: idle if line == "idle" else found[line] for line in parts}


def stranded_ahead(*, weeks: Iterable[tuple[int, int]], rate_usd_per_hour: Decimal) -> Decimal:
    """Σ over weeks of max(0, committed supply − need) × 168 × rate: paid for ahead and not needed, in dollars.

    weeks: (committed supply, need) in accelerators; once with the P50 need and once with P10. (methods: Stranded)
    """
    excess = sum(max(0, supply - need) for supply, need in weeks)
    return to_decimal(excess * HOURS_PER_WEEK * exact(rate_usd_per_hour))
