"""What an accelerator-hour costs (methods: Cost).

What belongs here: rates of owned, leased and cloud accelerators with every component by name, the mixed pool rate,
break-even, book value. Not here: the weekly split by purpose (envelope.py), prices to customers, tokens.
Rates are Decimals of 50 digits; sums are exact, and nothing is rounded before display.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, HOURS_PER_YEAR, Exact, exact

DAYS_PER_YEAR = 365
ZERO = Decimal(0)


class CostError(ValueError):
    """A cost input that has no meaning; the message is a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HourRate:
    """Cost per accelerator-hour. components: name → $ per installed hour; they sum to installed_usd.

    availability: share of installed (or rented) hours that can be used; allocatable_usd = installed_usd ÷ it.
    """

    basis: str  # "owned" | "leased" | "on_demand"
    components: Mapping[str, Decimal]
    availability: Decimal

    def __post_init__(self) -> None:
        if not 0 < self.availability <= 1:
            raise CostError(f"Availability lies above 0 and at most 1, not {self.availability}.")

    @property
    def installed_usd(self) -> Decimal:
        with localcontext(exact_context()):
            return sum(self.components.values(), ZERO)

    @property
    def allocatable_usd(self) -> Decimal:
        """c = Σ components ÷ a."""
        return to_decimal(Fraction(self.installed_usd) / Fraction(self.availability))


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnedCost:
    """Per accelerator. capex_usd includes accelerator_usd, server, network, site share; residual_usd at end of life.

    wacc per year; power_kw all-in × power_load; pue; usd_per_kwh; space_usd_per_kw_month; net_support_usd_per_year;
    staff_software_usd_per_year.
    """

    capex_usd: Decimal
    residual_usd: Decimal
    life_years: Decimal
    wacc: Decimal
    power_kw: Decimal
    power_load: Decimal
    pue: Decimal
    usd_per_kwh: Decimal
    space_usd_per_kw_month: Decimal
    net_support_usd_per_year: Decimal
    staff_software_usd_per_year: Decimal
    accelerator_usd: Decimal = ZERO

    def __post_init__(self) -> None:
        if self.life_years <= 0:
            raise CostError(f"A useful life is longer than {self.life_years} years.")
        if self.residual_usd > self.capex_usd:
            raise CostError("The residual value cannot exceed the capital cost.")


def owned_rate(*, cost: OwnedCost, availability: Decimal) -> HourRate:
    """Owned accelerator, $ per installed hour. Worked: $1.87; at a = 0.935, $2.00. (methods: Owned accelerators)

    depreciation (capex − residual) ÷ (life·8760); financing (capex + residual)/2·WACC ÷ 8760; power
    kW·load·PUE·$/kWh; space kW·$/kW-month ÷ 730; network and support, staff and software: annual $ ÷ 8760.
    """
    capex, residual = exact(cost.capex_usd), exact(cost.residual_usd)
    kilowatts = exact(cost.power_kw)
    parts = {
        "depreciation": (capex - residual) / (exact(cost.life_years) * HOURS_PER_YEAR),
        "financing": (capex + residual) / 2 * exact(cost.wacc) / HOURS_PER_YEAR,
        "power": kilowatts * exact(cost.power_load) * exact(cost.pue) * exact(cost.usd_per_kwh),
        "space": kilowatts * exact(cost.space_usd_per_kw_month) / HOURS_PER_MONTH,
        "network_support": exact(cost.net_support_usd_per_year) / HOURS_PER_YEAR,
        "staff_software": exact(cost.staff_software_usd_per_year) / HOURS_PER_YEAR,
    }
    return HourRate(basis="owned", components=as_decimals(parts), availability=availability)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseCost:
    """A lease or reservation, per accelerator, paid used or not over `[starts_date, starts_date + term)`.

    escalator per year, applied on each anniversary; prepayment_usd spread over the term, with wacc on the
    straight-line balance; downtime_credit_share: part of the rate the supplier credits for hours it fails to provide.
    """

    usd_per_hour: Decimal
    starts_date: date
    term_years: Decimal
    prepayment_usd: Decimal = ZERO
    wacc: Decimal = ZERO
    escalator: Decimal = ZERO
    downtime_credit_share: Decimal = ZERO

    def __post_init__(self) -> None:
        if self.term_years <= 0:
            raise CostError(f"A lease term is longer than {self.term_years} years.")


def leased_rate(*, cost: LeaseCost, availability: Decimal, on_date: date) -> HourRate:
    """Leased accelerator, $ per contracted hour on a day; availability is the supplier's.

    prepayment: P ÷ (years·8760) an hour; its financing: P/2·WACC·years over the same hours. (methods: Leased
    accelerators)
    """
    rate = exact(cost.usd_per_hour) * (1 + exact(cost.escalator)) ** _anniversaries(cost.starts_date, on_date)
    prepayment = exact(cost.prepayment_usd)
    hours = exact(cost.term_years) * HOURS_PER_YEAR
    parts = {
        "lease": rate,
        "prepayment": prepayment / hours,
        "prepayment_financing": prepayment / 2 * exact(cost.wacc) * exact(cost.term_years) / hours,
        "downtime_credit": -rate * (1 - exact(availability)) * exact(cost.downtime_credit_share),
    }
    return HourRate(basis="leased", components=as_decimals(parts), availability=availability)


def on_demand_rate(*, usd_per_hour: Decimal) -> HourRate:
    """Cloud on demand: paid for used hours only, so it has no idle line. (methods: Cloud on demand)"""
    return HourRate(basis="on_demand", components={"on_demand": usd_per_hour}, availability=Decimal(1))


def _anniversaries(start: date, on_date: date) -> int:
    passed = on_date.year - start.year - ((on_date.month, on_date.day) < (start.month, start.day))
    return max(0, passed)


def as_decimals(parts: Mapping[str, Fraction]) -> dict[str, Decimal]:
    return {name: to_decimal(value) for name, value in parts.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class CostedHours:
    """Some accelerators of a pool and week: their billed installed hours at a rate. rate None = cost unknown."""

    key: str
    billed_hours: int
    usd_per_hour: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BilledCost:
    """total_usd over the lots with a known rate; unknown: keys of the lots without one (never taken as zero)."""

    total_usd: Decimal
    unknown: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.unknown


def billed_cost(*, hours: Iterable[CostedHours]) -> BilledCost:
    """Σ billed hours × installed rate, with the lots of unknown cost named beside it. (methods: Mixed pool rate)"""
    rows = list(hours)
    with localcontext(exact_context()):
        total = sum((row.billed_hours * row.usd_per_hour for row in rows if row.usd_per_hour is not None), ZERO)
    return BilledCost(total_usd=total, unknown=tuple(sorted(row.key for row in rows if row.usd_per_hour is None)))


def mixed_rate(*, cost_usd: Decimal, available_hours: Exact) -> Decimal | None:
    """Σ cost ÷ Σ hours left after failures: the one rate a pool is charged at; None without hours.

    Hours before maintenance and node rounding, because those two are lines of their own. (methods: Mixed pool rate)
    """
    hours = exact(available_hours)
    return to_decimal(exact(cost_usd) / hours) if hours else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A source that still has accelerators, at a rate per allocatable hour."""

    key: str
    usd_per_hour: Decimal
    accelerators: int


def marginal_offer(*, offers: Iterable[Offer]) -> Offer | None:
    """The cheapest source still available (ties by key), or None. (methods: Mixed pool rate)"""
    left = [offer for offer in offers if offer.accelerators > 0]
    return min(left, key=lambda offer: (offer.usd_per_hour, offer.key), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEven:
    """The share of hours above which owning is cheaper than on demand; always say of which hours."""

    of_installed: Decimal
    of_allocatable: Decimal


def break_even_with_on_demand(*, owned: HourRate, on_demand_usd_per_hour: Decimal) -> BreakEven:
    """Owned $ per hour ÷ on-demand $ per hour: 1.87/3.50 = 53.4 % of installed, 2.00/3.50 = 57.1 % of allocatable.

    (methods: Break-even)
    """
    if on_demand_usd_per_hour <= 0:
        raise CostError("There is no break-even against a free source.")
    on_demand = exact(on_demand_usd_per_hour)
    return BreakEven(
        of_installed=to_decimal(exact(owned.installed_usd) / on_demand),
        of_allocatable=to_decimal(exact(owned.installed_usd) / exact(owned.availability) / on_demand),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TotalCost:
    """Cost of one owned accelerator over its life, net of residual, and the gross silicon's share of it."""

    total_usd: Decimal
    silicon_share: Decimal
    silicon_net_of_residual_share: Decimal


def total_cost_of_ownership(*, cost: OwnedCost) -> TotalCost:
    """Installed rate × life·8760. Worked: $81,906, silicon 36.6 %, net of residual 31.3 %. (methods: Total cost)"""
    rate = owned_rate(cost=cost, availability=Decimal(1))
    total = exact(rate.installed_usd) * exact(cost.life_years) * HOURS_PER_YEAR
    silicon = exact(cost.accelerator_usd)
    return TotalCost(
        total_usd=to_decimal(total),
        silicon_share=to_decimal(silicon / total),
        silicon_net_of_residual_share=to_decimal((silicon - exact(cost.residual_usd)) / total),
    )


def net_book_value(
    *, capex_usd: Decimal, residual_usd: Decimal, life_years: Decimal, accepted_date: date, on_date: date
) -> Decimal:
    """Straight line by day from acceptance, life = 365·years days, never below the residual. (methods: Book value)"""
    days = max(0, (on_date - accepted_date).days)
    worn = min(Fraction(1), Fraction(days) / (exact(life_years) * DAYS_PER_YEAR))
    return to_decimal(exact(capex_usd) - (exact(capex_usd) - exact(residual_usd)) * worn)
