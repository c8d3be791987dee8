"""Further components of a cost rate: capital with a life of its own, prices by the hour, another currency.

Pure (methods: Cost lines, Currencies). The rate itself is cost.py's. Rates are Decimals of 50 digits, sums exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from capacity.inventory.domain.cost import CostError, HourRate
from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_YEAR, exact

SILICON = "accelerator"


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """Per accelerator: capital written off in a straight line over its own life, and a price by the hour."""

    key: str
    component: str
    capex_usd: Decimal | None = None
    residual_usd: Decimal = Decimal(0)
    life_years: Decimal | None = None
    usd_per_hour: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.capex_usd is not None and (self.life_years is None or self.life_years <= 0):
            raise CostError(f"The capital cost of {self.key} needs a life above zero.")


def line_rate(*, line: CostLine, wacc: Decimal) -> Decimal:
    """$ per installed hour: (capex − residual) ÷ (life·8760) + (capex + residual)/2·WACC ÷ 8760 + price by the hour.

    Worked: a building of 8,760 without residual over 20 years at 10 %: 0.05 + 0.05 = $0.10. (methods: Cost lines)
    """
    total = exact(line.usd_per_hour)
    if line.capex_usd is not None and line.life_years is not None:
        capex, residual = exact(line.capex_usd), exact(line.residual_usd)
        total += (capex - residual) / (exact(line.life_years) * HOURS_PER_YEAR)
        total += (capex + residual) / 2 * exact(wacc) / HOURS_PER_YEAR
    return to_decimal(total)


def with_lines(*, rate: HourRate, lines: Sequence[CostLine], wacc: Decimal) -> HourRate:
    """The rate with a component more for each line, named `<component>/<line>`. (methods: Cost lines)"""
    extra = {f"{line.component}/{line.key}": line_rate(line=line, wacc=wacc) for line in lines}
    return replace(rate, components={**rate.components, **extra})


def in_dollars(*, rate: HourRate, usd_per_unit: Decimal) -> HourRate:
    """Every component at the exchange rate. (methods: Currencies)"""
    factor = exact(usd_per_unit)
    return replace(
        rate, components={name: to_decimal(exact(value) * factor) for name, value in rate.components.items()}
    )


def silicon_share(
    *, accelerator_usd: Decimal, life_years: Decimal, lines: Sequence[CostLine], rate: HourRate
) -> Decimal | None:
    """Accelerators' gross price by the hour of their life ÷ the whole rate. Worked: 36.6 %. (methods: Total cost)

    Lines of accelerators count over their own life. None for a rate of zero.
    """
    total = exact(rate.installed_usd)
    if not total:
        return None
    silicon = exact(accelerator_usd) / (exact(life_years) * HOURS_PER_YEAR)
    silicon += sum(
        (
            exact(line.capex_usd) / (exact(line.life_years) * HOURS_PER_YEAR)
            for line in lines
            if line.component == SILICON and line.capex_usd is not None and line.life_years is not None
        ),
        Fraction(0),
    )
    return to_decimal(silicon / total)
