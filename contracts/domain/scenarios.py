"""What a contract may come to: the scenarios of use, the band they span, and what one week of one of them costs.

Pure (methods: Scenarios of use). Not here: which contracts and weeks (contracts/scenario_costing.py), the loads of a
pool at another use (contracts/scenario_loads.py), sums over contracts (rollups.py), chances (monte_carlo.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import Exact, exact
from contracts.domain.credits import sla_credit_share
from contracts.domain.terms import ZERO, SlaTier
from workloads.domain.shortage import unmet_token_share

COMMITTED, P10, P50, P90, HEAVY, WORST = "committed", "p10", "p50", "p90", "heavy", "worst"
# In the order in which they are shown.
SCENARIOS = (COMMITTED, P10, P50, P90, HEAVY, WORST)
# Those in which contracts share the replicas of their class; worst is each contract alone.
POOLED = (COMMITTED, P10, P50, P90, HEAVY)

# Standard normal quantiles of 0.9 and 0.95, as exact fractions of five places.
Z90, Z95 = Fraction(128155, 100_000), Fraction(164485, 100_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class UseBand:
    """P10 and P90 of use as multiples of P50, P10 ≤ 1 ≤ P90. is_known: whether anything was given to make it of."""

    p10: Fraction
    p90: Fraction
    is_known: bool


def use_band(*, p10: Exact | None, p90: Exact | None, p95: Exact | None, cap: Exact | None) -> UseBand:
    """The band of a contract's use. (methods: Scenarios of use)

    p10, p90: its workload card's multiples; one of them alone leaves the other end at P50. Without both the contract's
    own P95: P90 = 1 + (P95 − 1) × 1.28155 ÷ 1.64485, as on a normal, and P10 = 1 ÷ P90, as much below as above in
    proportion. Without any of them both ends are P50 itself. No use exceeds the cap.
    """
    low = high = Fraction(1)
    if p10 is not None or p90 is not None:
        low = low if p10 is None else min(low, exact(p10))
        high = high if p90 is None else max(high, exact(p90))
    elif p95 is not None:
        high = max(high, 1 + (exact(p95) - 1) * Z90 / Z95)
        low = 1 / high
    most = high if cap is None else min(high, exact(cap))
    return UseBand(p10=low, p90=max(Fraction(1), most), is_known=any(each is not None for each in (p10, p90, p95)))


@dataclass(frozen=True, kw_only=True, slots=True)
class WeekAmounts:
    """One contract in one week of one scenario. USD and accelerators; None where not known.

    low, high: of a reserved cost that is not known, at the cheapest and the dearest rate that is; else the cost.
    credits: of what the plan leaves short, and of outages (outage, None = no chance on file) where they are known.
    """

    revenue_usd: Decimal | None
    consumed_usd: Decimal | None
    reserved_usd: Decimal | None
    low_usd: Decimal | None
    high_usd: Decimal | None
    gap_accelerators: int | None
    credits_usd: Decimal | None
    outage_usd: Decimal | None
    make_good_usd: Decimal | None
    loss_usd: Decimal | None

    def times(self, share: Decimal) -> WeekAmounts:
        """Its dollars × a chance of coming about. Of accelerators there is then no gap to state: it is not in term."""
        with localcontext(exact_context()):
            dollars = {name: getattr(self, name) for name in self.__slots__ if name != "gap_accelerators"}
            known = {name: None if value is None else value * share for name, value in dollars.items()}
            return WeekAmounts(gap_accelerators=None, **known)


@dataclass(frozen=True, kw_only=True, slots=True)
class WeekCredits:
    """What comes back of a week: shares of its revenue for what the plan leaves short and for outages, and make-good.

    None: no chance of a breach, or no make-good, is on file; then none is counted, and the page says so.
    """

    planned_share: Decimal = ZERO
    outage_share: Decimal | None = ZERO
    make_good_usd: Decimal | None = ZERO

    def of(self, revenue_usd: Decimal) -> Decimal:
        """Credits of a week with this revenue, at most all of it."""
        with localcontext(exact_context()):
            return revenue_usd * (self.planned_share + (self.outage_share or ZERO))

    def outage_of(self, revenue_usd: Decimal | None) -> Decimal | None:
        with localcontext(exact_context()):
            known = revenue_usd is not None and self.outage_share is not None
            return revenue_usd * self.outage_share if known else None  # type: ignore[operator]


def pooled_week(
    *,
    revenue_usd: Decimal | None,
    reserved_usd: Decimal | None,
    consumed_usd: Decimal | None,
    range_usd: tuple[Decimal, Decimal] | None,
    gap_accelerators: int | None,
    back: WeekCredits,
) -> WeekAmounts:
    """A week in which the contract shares replicas: loss = max(0, reserved − revenue) + credits + make-good.

    range_usd: what the reserved cost may be where it is not known; None where the need is not known either.
    """
    with localcontext(exact_context()):
        credits = None if revenue_usd is None else back.of(revenue_usd)
        loss = None
        if revenue_usd is not None and reserved_usd is not None and credits is not None:
            loss = max(ZERO, reserved_usd - revenue_usd) + credits + (back.make_good_usd or ZERO)
    low, high = (reserved_usd, reserved_usd) if reserved_usd is not None else range_usd or (None, None)
    return WeekAmounts(
        revenue_usd=revenue_usd,
        consumed_usd=consumed_usd,
        reserved_usd=reserved_usd,
        low_usd=low,
        high_usd=high,
        gap_accelerators=gap_accelerators,
        credits_usd=credits,
        outage_usd=back.outage_of(revenue_usd),
        make_good_usd=back.make_good_usd,
        loss_usd=loss,
    )


def credit_share_when_short(*, tiers: Sequence[SlaTier], served_share: Exact, peak_factor: Exact) -> Decimal:
    """Of a week's revenue, what the SLA gives back where the plan serves only a share of the contract's peak.

    The week's uptime is the share of its tokens that are served (methods: Shortage). 0 where all is served. What is
    credited for outages follows from their chances: credits.outage_credit_share. (methods: Credits)
    """
    share = exact(served_share)
    if share >= 1 or not tiers:
        return ZERO
    factor = exact(peak_factor)
    unmet = unmet_token_share(capacity_to_mean=share * factor, peak_factor=factor)
    return sla_credit_share(tiers=tiers, uptime_share=to_decimal(1 - unmet))
