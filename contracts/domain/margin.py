"""The four results of one contract: committed, planned and worst-reasonable capacity, and the money at each.

Pure arithmetic over terms, traffic, profile and a rate (methods: The four results). None means unknown or "n/a",
never zero. Not here: pooled shares and the allocation plan (the review composes them), quotes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, Exact, exact, floor_fraction
from contracts.domain.billing import Bill, bill, token_usage
from contracts.domain.promises import NoProfileError, PromisedNeed, promised_need
from contracts.domain.terms import ZERO, ContractTerms, Meter
from workloads.domain.serving import Need, Profile, SpareRule, Traffic, peak_load, size_traffic
from workloads.domain.unit_cost import serving_cost


@dataclass(frozen=True, kw_only=True, slots=True)
class ExposurePolicy:
    """Dated policy: default worst multiples of P50 where no P95 is known, spares, hours of the month."""

    metered_multiple: Decimal = Decimal(2)
    flat_multiple: Decimal = Decimal(3)
    spares: SpareRule = field(default_factory=SpareRule)
    hours: int = HOURS_PER_MONTH


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageProfile:
    """What the customer is expected to use: P50 traffic, the P95 multiple of it, the contract's cap as a multiple.

    other_usage: meters that are no tokens (outcomes), per period at P50. written_share: of the input, what is written
    to the cache.
    """

    traffic: Traffic | None = None
    p95_multiple: Decimal | None = None
    cap_multiple: Decimal | None = None
    other_usage: Mapping[Meter, Decimal] = field(default_factory=dict)
    written_share: Decimal = ZERO


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageCase:
    """Capacity and money of one month on one basis. accelerators None = unsized; costs None = unsized or no rate.

    headroom_cost = reserved − consumed. margins are shares of revenue, None when revenue is 0 or the cost unknown.
    """

    basis: str  # "committed" | "planned" | "worst"
    multiple: Fraction
    accelerators: int | None
    need: Need | None
    revenue_usd: Decimal
    reserved_cost_usd: Decimal | None
    consumed_cost_usd: Decimal | None
    bill: Bill

    @property
    def headroom_cost_usd(self) -> Decimal | None:
        return _minus(self.reserved_cost_usd, self.consumed_cost_usd)

    @property
    def gross_margin_usd(self) -> Decimal | None:
        """Revenue − reserved cost: the fully loaded margin in dollars."""
        return _minus(self.revenue_usd, self.reserved_cost_usd)

    @property
    def loaded_margin_share(self) -> Decimal | None:
        """The margin that decides: (revenue − reserved cost) ÷ revenue."""
        return margin_share(revenue_usd=self.revenue_usd, cost_usd=self.reserved_cost_usd)

    @property
    def consumed_margin_share(self) -> Decimal | None:
        return margin_share(revenue_usd=self.revenue_usd, cost_usd=self.consumed_cost_usd)


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakEvenMultiple:
    """multiple m* of P50 at which a fixed fee no longer covers its replicas; None with the reason why there is none."""

    multiple: Fraction | None
    # "" | "revenue_follows_use" | "fee_below_one_replica" | "limit_holds" | "unsized" | "unknown_cost"
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractResult:
    """The four results and what follows from them, for one planning month.

    capacity_gap_accelerators: worst need − reserved; loss_exposure_usd: the largest loss between P50 and worst use,
    plus expected credits and make-good; margin_swing_usd: margin at P50 − margin at worst; inference_ratio: reserved
    cost ÷ revenue at P50. badges: "unsized", "uncapped_exposure", "unknown_cost".
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sizing:
    """Everything that is the same at every multiple."""

    terms: ContractTerms
    usage: UsageProfile
    profile: Profile | None
    rate_usd_per_hour: Decimal | None
    policy: ExposurePolicy
    on_date: date
    promised: PromisedNeed | None  # None = promised throughput that cannot be sized

    def case(self, *, basis: str, multiple: Fraction, need: Need | None, accelerators: int | None) -> UsageCase:
        billed = self.bill_at(multiple)
        consumed = None if need is None else self.cost(need.consumed_accelerators)
        return UsageCase(
            basis=basis,
            multiple=multiple,
            accelerators=accelerators,
            need=need,
            revenue_usd=billed.total_usd,
            reserved_cost_usd=None if accelerators is None else self.cost(accelerators),
            consumed_cost_usd=consumed,
            bill=billed,
        )

    def bill_at(self, multiple: Fraction) -> Bill:
        with localcontext(exact_context()):
            used = {meter: to_decimal(multiple) * amount for meter, amount in self.usage.other_usage.items()}
        if self.usage.traffic is not None:
            used |= token_usage(
                traffic=self.usage.traffic.times(multiple),
                hours=self.policy.hours,
                written_share=self.usage.written_share,
            )
        return bill(terms=self.terms, usage=used, on_date=self.on_date, hours=self.policy.hours)

    def cost(self, accelerators: Exact) -> Decimal | None:
        if self.rate_usd_per_hour is None:
            return None
        return serving_cost(
            accelerators=accelerators, hours=self.policy.hours, rate_usd_per_hour=self.rate_usd_per_hour
        )

    def need_at(self, multiple: Fraction) -> Need | None:
        if self.usage.traffic is None or self.profile is None:
            return None
        return size_traffic(
            traffic=self.usage.traffic.times(multiple),
            profile=self.profile,
            spares=self.policy.spares,
            limit=self.terms.rate_limit,
        )

    def at(self, basis: str, multiple: Fraction) -> UsageCase:
        need = self.need_at(multiple)
        return self.case(basis=basis, multiple=multiple, need=need, accelerators=self.reserve(need))

    def reserve(self, need: Need | None) -> int | None:
        """Accelerators to hold: the promise or the need of the traffic, whichever is more; None = unsized."""
        if self.promised is None:
            return None
        if need is None:
            return self.promised.accelerators if self.promised.accelerators else None
        return max(self.promised.accelerators, need.accelerators)


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
) -> ContractResult:
    """The four results of a contract on a day, sized alone (a pool shares the ceiling). (methods: The four results)

    rate_usd_per_hour: per allocatable accelerator-hour, None = unknown. reserved_accelerators: what the plan holds
    for it; by default the planned need.
    """
    sizing = _sizing(terms, usage, profile, rate_usd_per_hour, on_date, policy or ExposurePolicy())
    planned = sizing.at("planned", Fraction(1))
    worst = sizing.at("worst", worst_multiple(terms=terms, usage=usage, policy=sizing.policy))
    reserved = planned.accelerators if reserved_accelerators is None else reserved_accelerators
    gap = None if worst.accelerators is None or reserved is None else max(0, worst.accelerators - reserved)
    loss = _largest_loss(sizing, planned, worst)
    return ContractResult(
        key=terms.key,
        committed=_committed_case(sizing, planned),
        planned=planned,
        worst=worst,
        capacity_gap_accelerators=gap,
        loss_exposure_usd=None if loss is None else loss + expected_credits_usd + make_good_usd,
        margin_swing_usd=_minus(planned.gross_margin_usd, worst.gross_margin_usd),
        break_even=_break_even(sizing),
        inference_ratio=cost_share(revenue_usd=planned.revenue_usd, cost_usd=planned.reserved_cost_usd),
        badges=_badges(sizing, planned),
    )


def _sizing(
    terms: ContractTerms,
    usage: UsageProfile,
    profile: Profile | None,
    rate: Decimal | None,
    on_date: date,
    policy: ExposurePolicy,
) -> _Sizing:
    promises = [(line.promise, line.units_on(on_date)) for line in terms.unit_lines if line.promise is not None]
    promised: PromisedNeed | None
    try:
        promised = promised_need(promises=promises, profile=profile, spares=policy.spares)
    except NoProfileError:
        promised = None
    return _Sizing(
        terms=terms,
        usage=usage,
        profile=profile,
        rate_usd_per_hour=rate,
        policy=policy,
        on_date=on_date,
        promised=promised,
    )


def worst_multiple(*, terms: ContractTerms, usage: UsageProfile, policy: ExposurePolicy) -> Fraction:
    """U_wr = min(cap or ∞, P95 or the policy's default multiple), as a multiple of P50. (methods: Worst use)

    The cap is the contract's own, or the multiple at which average use reaches the rate limit.
    """
    default = policy.flat_multiple if terms.is_flat else policy.metered_multiple
    expected = exact(default if usage.p95_multiple is None else usage.p95_multiple)
    cap = _cap(terms, usage)
    return expected if cap is None else min(cap, expected)


def _cap(terms: ContractTerms, usage: UsageProfile) -> Fraction | None:
    caps = [] if usage.cap_multiple is None else [exact(usage.cap_multiple)]
    if usage.traffic is not None:
        limit, traffic = terms.rate_limit, usage.traffic
        sides = (
            (limit.input_tokens_per_second, traffic.input_tokens_per_second),
            (limit.output_tokens_per_second, traffic.output_tokens_per_second),
        )
        caps += [most / average for most, average in sides if most is not None and average > 0]
    return min(caps, default=None)


def _committed_case(sizing: _Sizing, planned: UsageCase) -> UsageCase:
    """What must be held against what is paid even without use: nothing consumed, only guaranteed revenue."""
    return UsageCase(
        basis="committed",
        multiple=Fraction(0),
        accelerators=(held := _committed_accelerators(sizing, planned)),
        need=None,
        revenue_usd=(guaranteed := sizing.bill_at(Fraction(0))).total_usd,
        reserved_cost_usd=None if held is None else sizing.cost(held),
        consumed_cost_usd=sizing.cost(0),
        bill=guaranteed,
    )


def _committed_accelerators(sizing: _Sizing, planned: UsageCase) -> int | None:
    """Promised units, else the whole take-or-pay quantity, else planned use where an SLA or spend binds us, else 0."""
    terms = sizing.terms
    if sizing.promised is None or sizing.promised.accelerators:
        return None if sizing.promised is None else sizing.promised.accelerators
    if terms.take_or_pay is not None:
        need = sizing.need_at(_take_or_pay_multiple(sizing))
        return None if need is None else need.accelerators
    if terms.sla_tiers or terms.spend_commitment is not None:
        return planned.accelerators
    return 0


def _take_or_pay_multiple(sizing: _Sizing) -> Fraction:
    """Full commitment ÷ P50 quantity of its line (1 where nothing is used yet): the whole commitment is held, not θ."""
    used: dict[Meter, Decimal] = dict(sizing.usage.other_usage)
    if sizing.usage.traffic is not None:
        used |= token_usage(
            traffic=sizing.usage.traffic, hours=sizing.policy.hours, written_share=sizing.usage.written_share
        )
    return commitment_multiple(terms=sizing.terms, usage=used, hours=sizing.policy.hours)


def commitment_multiple(*, terms: ContractTerms, usage: Mapping[Meter, Decimal], hours: int) -> Fraction:
    """Take-or-pay: the whole commitment as a multiple of the usage of its line in some hours; 1 where it has none."""
    commitment = terms.take_or_pay
    if commitment is None:
        return Fraction(1)
    line = next(line for line in terms.price_lines if line.key == commitment.line_key)
    quantity = sum((exact(usage.get(meter, ZERO)) for meter in line.meters), Fraction(0)) / exact(line.per)
    months = Fraction(hours, HOURS_PER_MONTH)
    return exact(commitment.quantity) * months / quantity if quantity else Fraction(1)


def _largest_loss(sizing: _Sizing, planned: UsageCase, worst: UsageCase) -> Decimal | None:
    """max over P50, worst use and each replica step between of (cost − revenue)⁺; None = unknown."""
    ends = [_minus(case.reserved_cost_usd, case.revenue_usd) for case in (planned, worst)]
    known = [loss for loss in ends if loss is not None]
    if len(known) < len(ends):
        return None
    return max(ZERO, *known, *_losses_at_steps(sizing, planned, worst))


def _losses_at_steps(sizing: _Sizing, planned: UsageCase, worst: UsageCase) -> Iterator[Decimal]:
    """Just above each multiple that fills n replicas, cost is that of n + 1 while revenue has not grown yet."""
    traffic, profile = sizing.usage.traffic, sizing.profile
    if traffic is None or profile is None or planned.need is None or worst.need is None:
        return
    once = peak_load(traffic=traffic, profile=profile)
    for full in range(planned.need.work_replicas, worst.need.work_replicas):
        if not once:
            return
        multiple = full * profile.utilisation_target / once
        replicas = full + 1 + sizing.policy.spares.spares(full + 1)
        held = replicas * profile.replica_accelerators
        promised = sizing.promised.accelerators if sizing.promised else 0
        loss = _minus(sizing.cost(max(held, promised)), sizing.bill_at(multiple).total_usd)
        if loss is not None:
            yield loss


def _break_even(sizing: _Sizing) -> BreakEvenMultiple:
    """m* = n·u ÷ L_peak, n the most work replicas that the fee pays with their spares. (methods: Break-even use)"""
    if not sizing.terms.is_fixed_fee:
        return BreakEvenMultiple(multiple=None, reason="revenue_follows_use")
    if sizing.usage.traffic is None or sizing.profile is None:
        return BreakEvenMultiple(multiple=None, reason="unsized")
    if sizing.rate_usd_per_hour is None or sizing.rate_usd_per_hour <= 0:
        return BreakEvenMultiple(multiple=None, reason="unknown_cost")
    fee = sizing.bill_at(Fraction(1)).total_usd
    replica = exact(sizing.rate_usd_per_hour) * sizing.profile.replica_accelerators * sizing.policy.hours
    work = affordable_work_replicas(total=floor_fraction(exact(fee) / replica), spares=sizing.policy.spares)
    if work < 1:
        return BreakEvenMultiple(multiple=None, reason="fee_below_one_replica")
    once = peak_load(traffic=sizing.usage.traffic, profile=sizing.profile)
    if not once:
        return BreakEvenMultiple(multiple=None, reason="unsized")
    beyond = sizing.need_at(work * sizing.profile.utilisation_target / once * 2)
    if beyond is not None and beyond.work_replicas <= work:
        # Twice the break-even use needs no more: the rate limit keeps the peak within what the fee pays.
        return BreakEvenMultiple(multiple=None, reason="limit_holds")
    return BreakEvenMultiple(multiple=work * sizing.profile.utilisation_target / once)


def affordable_work_replicas(*, total: int, spares: SpareRule) -> int:
    """The largest n with n + spares(n) ≤ total; 0 if none."""
    # Spares are a step function of n with two values, so the answer lies within `many` of the total.
    candidates = range(max(0, total - spares.many), max(0, total) + 1)
    return max((n for n in candidates if n + spares.spares(n) <= total), default=0)


def _badges(sizing: _Sizing, planned: UsageCase) -> tuple[str, ...]:
    found = []
    if planned.accelerators is None:
        found.append("unsized")
    if sizing.rate_usd_per_hour is None:
        found.append("unknown_cost")
    if _cap(sizing.terms, sizing.usage) is None and sizing.usage.p95_multiple is None:
        found.append("uncapped_exposure")
    return tuple(found)


def margin_share(*, revenue_usd: Decimal, cost_usd: Decimal | None) -> Decimal | None:
    """(revenue − cost) ÷ revenue; None ("n/a") without revenue or with an unknown cost."""
    share = cost_share(revenue_usd=revenue_usd, cost_usd=cost_usd)
    return None if share is None else 1 - share


def cost_share(*, revenue_usd: Decimal, cost_usd: Decimal | None) -> Decimal | None:
    """cost ÷ revenue; None without revenue or with an unknown cost. The inference ratio when cost is reserved."""
    if cost_usd is None or revenue_usd == 0:
        return None
    return to_decimal(exact(cost_usd) / exact(revenue_usd))


def _minus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    with localcontext(exact_context()):
        return left - right
