"""The four results of one contract: committed, planned and worst-reasonable capacity, and the money at each.

Pure arithmetic over terms, traffic, profile and a rate (methods: The four results). None means unknown or "n/a",
never zero. Not here: one month at one multiple (month.py), pooled shares and the allocation plan (the review composes
them), quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from capacity.lib.units import Exact, exact
from contracts.domain.billing import Bill
from contracts.domain.largest_loss import StepLosses
from contracts.domain.month import (
    ExposurePolicy,
    Month,
    UsageCase,
    UsageProfile,
    cost_share,
    difference,
    month_of,
    total_or_none,
    usage_cap,
)
from contracts.domain.streams import SizedStream, StreamNeed, largest_fitting
from contracts.domain.terms import ZERO, ContractTerms
from workloads.domain.serving import Profile

# Use far beyond any expected: what a price does where nothing bounds the need.
BEYOND_ANY = Fraction(10**6)
# Why there is no m*; "": there is one.
NoBreakEven = Literal[
    "", "revenue_follows_use", "fee_below_promise", "fee_below_one_replica", "limit_holds", "unsized", "unknown_cost"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEvenMultiple:
    """multiple m* of P50 at which a fixed fee no longer covers its replicas; None with the reason why there is none."""

    multiple: Fraction | None
    reason: NoBreakEven = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractResult:
    """The four results and what follows from them, for one planning month.

    capacity_gap_accelerators: worst need − reserved; loss_exposure_usd: the largest loss between P50 and worst use,
    plus expected credits and make-good; margin_swing_usd: margin at P50 − margin at worst; inference_ratio: reserved
    cost ÷ revenue at P50. badges: "unsized", "uncapped_exposure", "unknown_cost". at_multiples: as asked for;
    losses_at_multiples: of each the largest loss between P50 and it, credits and make-good included, None = unknown.
    """

    key: str
    committed: UsageCase
    planned: UsageCase
    worst: UsageCase
    capacity_gap_accelerators: int | None
    loss_exposure_usd: Decimal | None
    margin_swing_usd: Decimal | None
    break_even: BreakEvenMultiple
    inference_ratio: Decimal | None
    badges: tuple[str, ...]
    at_multiples: tuple[UsageCase, ...] = ()
    losses_at_multiples: tuple[Decimal | None, ...] = ()


def assess_contract(
    *,
    terms: ContractTerms,
    usage: UsageProfile,
    profile: Profile | None,
    rate_usd_per_hour: Decimal | None,
    on_date: date,
    policy: ExposurePolicy | None = None,
    reserved_accelerators: int | None = None,
    expected_credits_usd: Decimal = ZERO,
    make_good_usd: Decimal = ZERO,
    multiples: Sequence[Exact] = (),
    bills: dict[tuple[Fraction, bool], Bill] | None = None,
) -> ContractResult:
    """The four results of a contract on a day, sized alone (a pool shares the ceiling). (methods: The four results)

    rate_usd_per_hour: per allocatable accelerator-hour, None = unknown. reserved_accelerators: what the plan holds
    for it; by default the planned need. profile: of usage.traffic; streams bring their own. multiples: of P50, to be
    assessed beside the results. bills: as in month_of.
    """
    month = month_of(
        terms=terms,
        usage=usage,
        profile=profile,
        rate_usd_per_hour=rate_usd_per_hour,
        on_date=on_date,
        policy=policy or ExposurePolicy(),
        bills=bills,
    )
    planned = month.at("planned", Fraction(1))
    worst = month.at("worst", worst_multiple(month))
    reserved = planned.accelerators if reserved_accelerators is None else reserved_accelerators
    gap = None if worst.accelerators is None or reserved is None else max(0, worst.accelerators - reserved)
    losses = StepLosses(month)
    loss = losses.largest(planned, worst)
    cases = tuple(month.at("multiple", exact(multiple)) for multiple in multiples)
    more = expected_credits_usd + make_good_usd
    return ContractResult(
        key=terms.key,
        committed=_committed_case(month, planned),
        planned=planned,
        worst=worst,
        capacity_gap_accelerators=gap,
        loss_exposure_usd=None if loss is None else loss + more,
        margin_swing_usd=difference(planned.gross_margin_usd, worst.gross_margin_usd),
        break_even=_break_even(month),
        inference_ratio=cost_share(revenue_usd=planned.revenue_usd, cost_usd=planned.reserved_cost_usd),
        badges=_badges(month, planned),
        at_multiples=cases,
        losses_at_multiples=tuple(
            None if each is None else each + more for each in (losses.largest(planned, case) for case in cases)
        ),
    )


def worst_multiple(month: Month) -> Fraction:
    """U_wr = min(cap or ∞, P95 or the policy's default multiple), as a multiple of P50. (methods: Worst use)

    The cap is the contract's own, or the multiple at which average use reaches the rate limit (of every stream).
    """
    usage, policy = month.usage, month.policy
    cap = usage_cap(terms=month.terms, usage=usage)
    if usage.p95_multiple is not None:
        expected = exact(usage.p95_multiple)
    else:
        expected = exact(policy.flat_multiple if month.is_flat else policy.metered_multiple)
    return expected if cap is None else min(cap, expected)


def _committed_case(month: Month, planned: UsageCase) -> UsageCase:
    """What must be held against what is paid even without use: nothing consumed, only guaranteed revenue."""
    guaranteed = month.bill_at(Fraction(0), is_used=False)
    held = [committed_accelerators(month, each, need) for each, need in zip(month.pools, planned.needs, strict=True)]
    costs = [None if n is None else each.cost(n) for n, each in zip(held, month.pools, strict=True)]
    return UsageCase(
        basis="committed",
        multiple=Fraction(0),
        accelerators=total_or_none(held),
        revenue_usd=guaranteed.total_usd,
        reserved_cost_usd=total_or_none(costs),
        consumed_cost_usd=total_or_none([each.cost(0) for each in month.pools]),
        bill=guaranteed,
    )


def committed_accelerators(month: Month, stream: SizedStream, planned: StreamNeed) -> int | None:
    """What is promised or committed to be taken, else planned use where something binds us to serve it, else 0."""
    if stream.promised is None:
        return None
    if stream.least_accelerators:
        return stream.least_accelerators
    if month.terms.take_or_pay is not None and not stream.is_sized:
        return None
    return planned.accelerators if _binds(month) else 0


def _binds(month: Month) -> bool:
    """Whether expected use is owed: an SLA, money or outcomes committed, use paid ahead. (methods: Committed capacity)

    A free credit commits nobody to anything.
    """
    terms = month.terms
    return bool(
        terms.sla_tiers
        or any(not each.is_free for each in terms.spend_commitments)
        or terms.minimum_usd
        or (terms.fixed_fees and any(line.included_quantity for line in terms.price_lines))
        or any(not month.usage.fixed_usage.keys().isdisjoint(line.meters) for line in terms.price_lines)
    )


def _break_even(month: Month) -> BreakEvenMultiple:
    """m*, the largest multiple whose replicas with their spares a fixed fee pays. (methods: Break-even use)"""
    follows_use = BreakEvenMultiple(multiple=None, reason="revenue_follows_use")
    if month.revenue_follows_use(Fraction(1)):
        return follows_use
    if not all(each.is_sized for each in month.pools) or any(each.promised is None for each in month.pools):
        return BreakEvenMultiple(multiple=None, reason="unsized")
    if any(each.rate_usd_per_hour is None or each.rate_usd_per_hour <= 0 for each in month.pools):
        return BreakEvenMultiple(multiple=None, reason="unknown_cost")
    fee = exact(month.bill_at(Fraction(1)).total_usd)
    is_too_little, multiple = largest_fitting(streams=list(month.pools), budget_usd=fee)
    if is_too_little:
        return BreakEvenMultiple(multiple=None, reason="fee_below_promise")
    # What a fee includes is free only so far.
    if month.revenue_follows_use(BEYOND_ANY if multiple is None else multiple):
        return follows_use
    if multiple is None:
        has_load = any(each.need_at(Fraction(1)) != each.need_at(Fraction(0)) for each in month.pools)
        return BreakEvenMultiple(multiple=None, reason="limit_holds" if has_load else "unsized")
    if multiple == 0:
        return BreakEvenMultiple(multiple=None, reason="fee_below_one_replica")
    return BreakEvenMultiple(multiple=multiple)


def _badges(month: Month, planned: UsageCase) -> tuple[str, ...]:
    found = []
    if planned.accelerators is None:
        found.append("unsized")
    if any(each.rate_usd_per_hour is None for each in month.pools):
        found.append("unknown_cost")
    if usage_cap(terms=month.terms, usage=month.usage) is None and month.usage.p95_multiple is None:
        found.append("uncapped_exposure")
    return tuple(found)
