"""From terms and usage to a bill: tiers, drawdown, take-or-pay, minimum, credits (methods: Billing rules).

Every function is exact and unrounded; an invoice line is rounded once, where it is shown. Not here: cost and margin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, localcontext

from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, Exact, exact
from contracts.domain.terms import (
    ONE,
    ZERO,
    ContractTerms,
    Meter,
    PriceLine,
    PriceTier,
    SlaTier,
    SpendCommitment,
    TakeOrPay,
    TierMode,
)
from workloads.domain.serving import Traffic

Usage = Mapping[Meter, Decimal]


@dataclass(frozen=True, kw_only=True, slots=True)
class BillLine:
    """One line: quantity in priced units (None where there is none) and its amount."""

    key: str
    amount_usd: Decimal
    quantity: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """lines sum to total_usd. breakage_usd: committed money paid and not used; makeup_quantity: paid, still owed."""

    lines: tuple[BillLine, ...]
    total_usd: Decimal
    breakage_usd: Decimal = ZERO
    makeup_quantity: Decimal = ZERO


def token_usage(*, traffic: Traffic, hours: Exact, written_share: Exact = 0) -> dict[Meter, Decimal]:
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
    are scaled by hours ÷ 730. on_date: which step of the unit lines is in force.
    """
    with localcontext(exact_context()):
        months = Decimal(hours) / HOURS_PER_MONTH
        metered, makeup = _metered_lines(terms, usage, months)
        adjusted, breakage = _draw_down(terms, metered, months)
        lines = [
            *(
                BillLine(key=fee.key, amount_usd=fee.quantity * fee.unit_price_usd * months, quantity=fee.quantity)
                for fee in terms.fixed_fees
            ),
            *_unit_lines(terms, on_date, Decimal(hours)),
            *metered,
            *adjusted,
        ]
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


def _unit_lines(terms: ContractTerms, on_date: date, hours: Decimal) -> Iterable[BillLine]:
    for line in terms.unit_lines:
        units = line.units_on(on_date)
        amount = units * hours / line.per_hours * line.price_usd * line.paid_share
        yield BillLine(key=line.key, amount_usd=amount, quantity=units)


def _metered_lines(terms: ContractTerms, usage: Usage, months: Decimal) -> tuple[list[BillLine], Decimal]:
    lines, makeup = [], ZERO
    for line in terms.price_lines:
        quantity = sum((usage.get(meter, ZERO) for meter in line.meters), ZERO) / line.per
        billed = quantity
        if terms.take_or_pay is not None and terms.take_or_pay.line_key == line.key:
            billed = max(terms.take_or_pay.take_share * terms.take_or_pay.quantity * months, quantity)
            makeup = billed - quantity
        amount = priced_amount(line=line, quantity=billed, months=months) * terms.usage_multiplier
        lines.append(BillLine(key=line.key, amount_usd=amount, quantity=billed))
    return lines, makeup


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawdown:
    """billed = drawn + true_up + overage. breakage: paid, unused and not rolled over."""

    billed_usd: Decimal
    drawn_usd: Decimal
    true_up_usd: Decimal
    overage_usd: Decimal
    breakage_usd: Decimal


def draw_down(
    *, commitment: SpendCommitment, list_usage_usd: Decimal, committed_usd: Decimal | None = None
) -> Drawdown:
    """What a committed spend bills for usage at list prices. committed_usd: the period's part (default: all of it).

    Discounted usage draws down the commitment; what is unused is trued up; overage is discounted too, or at list.
    $1.2 M at 10 % off: 1.0 M list → billed 1.2 M, true-up 300 k; 1.5 M list → 1,366,666.67. (methods: Committed spend)
    """
    with localcontext(exact_context()):
        commit = commitment.amount_usd if committed_usd is None else committed_usd
        discounted = list_usage_usd * (1 - commitment.discount_share)
        drawn = min(commit, discounted)
        over = discounted - drawn
        overage = over if commitment.overage_keeps_discount else over / (1 - commitment.discount_share)
        true_up = commit - drawn
        return Drawdown(
            billed_usd=drawn + true_up + overage,
            drawn_usd=drawn,
            true_up_usd=true_up,
            overage_usd=overage,
            breakage_usd=true_up * (1 - commitment.rolled_over_share),
        )


def _draw_down(terms: ContractTerms, metered: Sequence[BillLine], months: Decimal) -> tuple[list[BillLine], Decimal]:
    """The lines that turn metered list amounts into the drawdown's bill: discount and true-up."""
    if terms.spend_commitment is None:
        return [], ZERO
    eligible = {line.key for line in terms.price_lines if line.draws_down}
    at_list = sum((line.amount_usd for line in metered if line.key in eligible), ZERO)
    commitment = terms.spend_commitment
    found = draw_down(
        commitment=commitment,
        list_usage_usd=at_list,
        committed_usd=commitment.amount_usd * months / commitment.period_months,
    )
    discount = found.drawn_usd + found.overage_usd - at_list
    lines = [
        BillLine(key="commitment_discount", amount_usd=discount),
        BillLine(key="commitment_true_up", amount_usd=found.true_up_usd),
    ]
    return lines, found.breakage_usd


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeOrPayPeriod:
    """One period, in priced units. makeup_left: what may still be taken free after it; expired: lost in it."""

    usage: Decimal
    billed: Decimal
    makeup_applied: Decimal
    makeup_created: Decimal
    makeup_left: Decimal
    expired: Decimal


def settle_take_or_pay(*, terms: TakeOrPay, usage: Sequence[Decimal]) -> tuple[TakeOrPayPeriod, ...]:
    """Period by period: billed = max(θ·commit, usage − make-up applied). (methods: Take-or-pay)

    Make-up is applied only to usage above θ·commit, oldest first, in the `makeup_periods` after its own; then it
    expires. Commit 10, θ 0.8, usage 6 → billed 8, make-up 2.
    """
    taken = terms.take_share * terms.quantity
    open_credits: list[tuple[int, Decimal]] = []
    settled = []
    for period, used in enumerate(usage):
        applied, open_credits = _apply_makeup(open_credits, max(ZERO, used - taken))
        billed = max(taken, used - applied)
        created = max(ZERO, taken - used)
        if created:
            open_credits.append((period, created))
        expired = sum((left for born, left in open_credits if period >= born + terms.makeup_periods), ZERO)
        open_credits = [(born, left) for born, left in open_credits if period < born + terms.makeup_periods]
        settled.append(
            TakeOrPayPeriod(
                usage=used,
                billed=billed,
                makeup_applied=applied,
                makeup_created=created,
                makeup_left=sum((left for _, left in open_credits), ZERO),
                expired=expired,
            )
        )
    return tuple(settled)


def _apply_makeup(
    open_credits: Sequence[tuple[int, Decimal]], wanted: Decimal
) -> tuple[Decimal, list[tuple[int, Decimal]]]:
    applied, left_over = ZERO, []
    for born, left in open_credits:
        now = min(left, wanted - applied)
        applied += now
        if left > now:
            left_over.append((born, left - now))
    return applied, left_over


def sla_credit_share(*, tiers: Sequence[SlaTier], uptime_share: Decimal) -> Decimal:
    """The credit of the lowest bound the uptime is strictly below, else 0: 99.0 % exactly stays in the 10 % tier."""
    below = [tier for tier in tiers if uptime_share < tier.below_share]
    return min(below, key=lambda tier: tier.below_share).credit_share if below else ZERO


def expected_credits(*, fee_usd: Decimal, chances: Iterable[tuple[Decimal, Decimal]]) -> Decimal:
    """Σ probability × credit share × fee, at most the fee. chances: (probability, credit share). (methods: Credits)"""
    with localcontext(exact_context()):
        return min(fee_usd, sum((chance * share * fee_usd for chance, share in chances), ZERO))


def units_in_force(*, terms: ContractTerms, week: Week) -> dict[str, Decimal]:
    """Unit line → units the week must be able to provide."""
    return {line.key: line.units_in(week) for line in terms.unit_lines}
