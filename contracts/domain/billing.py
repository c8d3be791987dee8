"""From terms and usage to a bill: tiers, drawdown, take-or-pay, minimum, credits (methods: Billing rules).

Every function is exact and unrounded; an invoice line is rounded once, where it is shown. Not here: cost and margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, Exact, exact
from contracts.domain.drawdown import Balance, burn
from contracts.domain.terms import (
    ONE,
    TOKEN_METERS,
    ZERO,
    BurndownRate,
    ContractTerms,
    Meter,
    PriceLine,
    PriceTier,
    TermsError,
    TierMode,
)
from workloads.domain.serving import Traffic

Usage = Mapping[str, Decimal]
# Before a meter: what of it did not fit the reserved units.
SPILLED = "spilled."


@dataclass(frozen=True, kw_only=True, slots=True)
class BillLine:
    """One line: quantity in priced units (None where there is none), its amount, and what a cap of use refused."""

    key: str
    amount_usd: Decimal
    quantity: Decimal | None = None
    refused: Decimal = ZERO


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """lines sum to total_usd. breakage_usd: committed money paid and not used; makeup_quantity: paid, still owed."""

    lines: tuple[BillLine, ...]
    total_usd: Decimal
    breakage_usd: Decimal = ZERO
    makeup_quantity: Decimal = ZERO


def token_usage(*, traffic: Traffic, hours: Exact, written_share: Exact = 0) -> dict[str, Decimal]:
    """Tokens of a traffic over some hours, by meter. (methods: Billing rules)

    written_share: of the input, what is written to the cache; it is part of what was not read from it.
    """
    seconds = exact(hours) * 3600
    sent = traffic.input_tokens_per_second * seconds
    written = exact(written_share)
    return {
        Meter.INPUT_UNCACHED: to_decimal(sent * (1 - traffic.cache_hit_share - written)),
        Meter.INPUT_CACHED: to_decimal(sent * traffic.cache_hit_share),
        **({Meter.CACHE_WRITE: to_decimal(sent * written)} if written else {}),
        Meter.OUTPUT: to_decimal(traffic.output_tokens_per_second * seconds),
    }


def bill(*, terms: ContractTerms, usage: Usage, on_date: date, hours: int | Decimal = HOURS_PER_MONTH) -> Bill:
    """max(minimum, fees + units + metered lines after drawdown), with every part a line. (methods: Billing rules)

    usage: meter → quantity in the period (a missing meter is not used). hours: the period's length; monthly amounts
    are scaled by hours ÷ 730. on_date: which step of the unit lines is in force. A period of invoices, with balances
    carried on, is statements.py.
    """
    with localcontext(exact_context()):
        months = Decimal(hours) / HOURS_PER_MONTH
        counted = with_equivalents(terms=terms, usage=usage, on_date=on_date)
        billed, makeup = _taken_or_paid(terms, counted, months)
        metered = metered_lines(terms=terms, usage=counted, months=months, billed=billed)
        adjusted, breakage = _draw_down(terms, metered, months)
        fixed = fixed_lines(terms=terms, on_date=on_date, hours=Decimal(hours), months=months)
        lines = [*fixed, *metered, *adjusted]
        subtotal = sum((line.amount_usd for line in lines), ZERO)
        minimum = terms.minimum_usd * months
        if minimum > subtotal:
            lines.append(BillLine(key="minimum_true_up", amount_usd=minimum - subtotal))
        return Bill(
            lines=tuple(lines),
            total_usd=max(minimum, subtotal),
            breakage_usd=breakage,
            makeup_quantity=makeup,
        )


def with_equivalents(*, terms: ContractTerms, usage: Usage, on_date: date) -> Usage:
    """The usage and, where burndown rates are in force, its tokens as input-equivalents. (methods: Burndown)

    Qualified meters (`stream.meter`) count at their stream's rate, what is left of the plain ones at the rate of "".
    Raises TermsError where a used token meter has no weight.
    """
    rates = {rate.stream: dict(rate.weights) for rate in burndown_on(terms=terms, day=on_date)}
    if not rates or Meter.INPUT_EQUIVALENT in usage:
        return usage
    found = ZERO
    for meter in TOKEN_METERS:
        own = {key: usage[f"{key}.{meter}"] for key in rates if key and f"{key}.{meter}" in usage}
        rest = usage.get(meter, ZERO) - sum(own.values(), ZERO)
        for stream, quantity in (*own.items(), ("", rest)):
            if not quantity:
                continue
            if stream not in rates or meter not in rates[stream]:
                raise TermsError(f"No burndown rate says what a token of {meter} counts as on {on_date}.")
            found += quantity * rates[stream][meter]
    return {**usage, Meter.INPUT_EQUIVALENT: found}


def burndown_on(*, terms: ContractTerms, day: date) -> list[BurndownRate]:
    """The rate of each stream in force on the day: the last that has begun."""
    begun = [rate for rate in terms.burndown if rate.from_date <= day]
    latest: dict[str, BurndownRate] = {}
    for rate in sorted(begun, key=lambda rate: rate.from_date):
        latest[rate.stream] = rate
    return list(latest.values())


def facts_of_day(terms: ContractTerms, day: date) -> tuple[Any, ...]:
    """All that a day changes in a bill of these terms: the units in force of each line, the burndown rates in force."""
    return (*(line.units_on(day) for line in terms.unit_lines), *burndown_on(terms=terms, day=day))


def fixed_lines(*, terms: ContractTerms, on_date: date, hours: Decimal, months: Decimal) -> list[BillLine]:
    """What is paid used or not: fees by the month, reserved units by the hour."""
    with localcontext(exact_context()):
        lines = [
            BillLine(key=fee.key, amount_usd=fee.quantity * fee.unit_price_usd * months, quantity=fee.quantity)
            for fee in terms.fixed_fees
        ]
        for line in terms.unit_lines:
            units = line.units_on(on_date)
            amount = units * hours / line.per_hours * line.price_usd * line.paid_share
            lines.append(BillLine(key=line.key, amount_usd=amount, quantity=units))
        return lines


def metered_lines(
    *,
    terms: ContractTerms,
    usage: Usage,
    months: Decimal,
    billed: Mapping[str, Decimal] | None = None,
) -> list[BillLine]:
    """Every price line at list prices times the contract's multiplier; then what spilled over reserved units.

    billed: line → priced units billed instead of those used (take-or-pay). A spill line counts `spilled.<meter>`.
    """
    lines = []
    with localcontext(exact_context()):
        for line in terms.price_lines:
            used = quantity_of(line=line, usage=usage)
            quantity = (billed or {}).get(line.key, used)
            lines.append(priced_line(line=line, multiplier=terms.usage_multiplier, quantity=quantity, months=months))
        for line in terms.spill_lines:
            quantity = quantity_of(line=spilled_line(line), usage=usage)
            lines.append(priced_line(line=line, multiplier=terms.usage_multiplier, quantity=quantity, months=months))
    return lines


def spilled_line(line: PriceLine) -> PriceLine:
    """The line, counting what spilled."""
    return replace(line, meters=tuple(f"{SPILLED}{meter}" for meter in line.meters))


def quantity_of(*, line: PriceLine, usage: Usage) -> Decimal:
    """What the line's meters counted, in its priced units."""
    with localcontext(exact_context()):
        return sum((usage.get(meter, ZERO) for meter in line.meters), ZERO) / line.per


def priced_line(*, line: PriceLine, multiplier: Decimal, quantity: Decimal, months: Decimal) -> BillLine:
    """One line's bill of a quantity over so many months, within its caps."""
    with localcontext(exact_context()):
        served = quantity if line.max_quantity is None else min(quantity, line.max_quantity * months)
        amount = priced_amount(line=line, quantity=served, months=months)
        if line.takes_multiplier:
            amount *= multiplier
        if line.max_usd is not None:
            amount = min(amount, line.max_usd * months)
        return BillLine(key=line.key, amount_usd=amount, quantity=served, refused=quantity - served)


def _taken_or_paid(terms: ContractTerms, usage: Usage, months: Decimal) -> tuple[dict[str, Decimal], Decimal]:
    """(line → quantity billed, make-up created): at least θ × commitment of the take-or-pay line."""
    commitment = terms.take_or_pay
    if commitment is None:
        return {}, ZERO
    line = next(line for line in terms.price_lines if line.key == commitment.line_key)
    used = quantity_of(line=line, usage=usage)
    billed = max(commitment.take_share * commitment.quantity * months, used)
    return {line.key: billed}, billed - used


def _draw_down(terms: ContractTerms, metered: Sequence[BillLine], months: Decimal) -> tuple[list[BillLine], Decimal]:
    """The lines that turn metered list amounts into the drawdown's bill: discount and true-up."""
    # Over a month of a planning year it does not matter when a commitment is invoiced.
    balances = [
        Balance(commitment=replace(each, is_prepaid=False), left_usd=each.amount_usd * months / each.period_months)
        for each in terms.spend_commitments
    ]
    found = burn(balances=balances, list_usd=drawable(terms=terms, metered=metered))
    lines, breakage = [], ZERO
    for balance in balances:
        commitment, drawn = balance.commitment, found.drawn[balance.key]
        lines.append(BillLine(key=f"{commitment.key}_discount", amount_usd=found.adjustments[balance.key]))
        if not commitment.is_free:
            unused = balance.left_usd - drawn
            lines.append(BillLine(key=f"{commitment.key}_true_up", amount_usd=unused))
            breakage += unused * (1 - commitment.rolled_over_share)
    return lines, breakage


def drawable(*, terms: ContractTerms, metered: Sequence[BillLine]) -> dict[str, Decimal]:
    """Line → list amount, of the lines that draw commitments down."""
    eligible = {line.key for line in (*terms.price_lines, *terms.spill_lines) if line.draws_down}
    return {line.key: line.amount_usd for line in metered if line.key in eligible}


def priced_amount(*, line: PriceLine, quantity: Decimal, months: Decimal = ONE) -> Decimal:
    """The line's price of a quantity in priced units over so many months, beyond what is included.

    What is included and the bounds of the tiers are monthly, so both scale with the period.
    """
    with localcontext(exact_context()):
        beyond = max(ZERO, quantity - line.included_quantity * months)
        tiers = [replace(tier, up_to=None if tier.up_to is None else tier.up_to * months) for tier in line.tiers]
        return tiered_amount(quantity=beyond, tiers=tiers, mode=line.tier_mode)


def tiered_amount(*, quantity: Decimal, tiers: Sequence[PriceTier], mode: TierMode) -> Decimal:
    """Graduated or volume pricing; upper bounds are inclusive. (methods: Billing rules)"""
    if mode is TierMode.VOLUME:
        return quantity * _tier_reached(quantity, tiers).unit_price_usd
    amount, start = ZERO, ZERO
    for tier in tiers:
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        amount += max(ZERO, end - start) * tier.unit_price_usd
        start = max(start, end)
    return amount


def _tier_reached(quantity: Decimal, tiers: Sequence[PriceTier]) -> PriceTier:
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)


def volume_cliffs(*, line: PriceLine) -> tuple[Decimal, ...]:
    """Quantities just above which a volume-priced bill falls: warn there. 15 at 10 = 150, above at 5."""
    if line.tier_mode is TierMode.GRADUATED:
        return ()
    pairs = zip(line.tiers, line.tiers[1:], strict=False)
    return tuple(
        tier.up_to
        for tier, following in pairs
        if tier.up_to is not None and following.unit_price_usd < tier.unit_price_usd
    )


def units_in_force(*, terms: ContractTerms, week: Week) -> dict[str, Decimal]:
    """Unit line → units the week must be able to provide."""
    return {line.key: line.units_in(week) for line in terms.unit_lines}
