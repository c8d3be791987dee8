"""One month of a contract at a multiple of its expected use: what is billed, what is held, what it costs.

Pure arithmetic over terms, streams and rates (methods: The four results). None means unknown or "n/a", never zero.
The results that compare such months are margin.py; invoices of calendar months are statements.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TypeVar

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, Exact, exact
from contracts.domain.billing import SPILLED, Bill, bill, token_usage
from contracts.domain.promises import NoProfileError, PromisedNeed, promised_need
from contracts.domain.shared_replicas import pools_of
from contracts.domain.spill import spilled_share
from contracts.domain.streams import SizedStream, Stream, StreamNeed
from contracts.domain.terms import TOKEN_METERS, ZERO, ContractTerms, Meter, PriceLine
from workloads.domain.serving import Profile, SpareRule, Traffic

Amount = TypeVar("Amount", int, Decimal)


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

    other_usage: meters that are no tokens, per period at P50, growing with use; fixed_usage: those that do not (outcomes
    sold, however many answers each takes). written_share: of the input, what is written to the cache. streams: in place
    of traffic and the profile given beside it, traffic on several kinds of replicas.
    """

    traffic: Traffic | None = None
    p95_multiple: Decimal | None = None
    cap_multiple: Decimal | None = None
    other_usage: Mapping[str, Decimal] = field(default_factory=dict)
    fixed_usage: Mapping[str, Decimal] = field(default_factory=dict)
    written_share: Decimal = ZERO
    streams: tuple[Stream, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageCase:
    """Capacity and money of one month on one basis. accelerators None = unsized; costs None = unsized or no rate.

    pooled_cost: of the marginal need L_peak ÷ u, unrounded: what a pool or its troughs would take. headroom_cost =
    reserved − consumed. margins are shares of revenue, None when revenue is 0 or the cost unknown.
    """

    basis: str  # "committed" | "planned" | "worst" | "multiple"
    multiple: Fraction
    accelerators: int | None
    revenue_usd: Decimal
    reserved_cost_usd: Decimal | None
    consumed_cost_usd: Decimal | None
    bill: Bill
    pooled_cost_usd: Decimal | None = None
    needs: tuple[StreamNeed, ...] = ()

    @property
    def headroom_cost_usd(self) -> Decimal | None:
        return difference(self.reserved_cost_usd, self.consumed_cost_usd)

    @property
    def gross_margin_usd(self) -> Decimal | None:
        """Revenue − reserved cost: the fully loaded margin in dollars."""
        return difference(self.revenue_usd, self.reserved_cost_usd)

    @property
    def loaded_margin_share(self) -> Decimal | None:
        """The margin that decides: (revenue − reserved cost) ÷ revenue."""
        return margin_share(revenue_usd=self.revenue_usd, cost_usd=self.reserved_cost_usd)

    @property
    def consumed_margin_share(self) -> Decimal | None:
        return margin_share(revenue_usd=self.revenue_usd, cost_usd=self.consumed_cost_usd)

    @property
    def pooled_margin_share(self) -> Decimal | None:
        return margin_share(revenue_usd=self.revenue_usd, cost_usd=self.pooled_cost_usd)


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """Everything that is the same at every multiple. pools: the streams by the replicas they share."""

    terms: ContractTerms
    usage: UsageProfile
    streams: tuple[SizedStream, ...]
    policy: ExposurePolicy
    on_date: date
    # (multiple, is_used) → bill: shared by months that differ only in what an accelerator costs.
    bills: dict[tuple[Fraction, bool], Bill] = field(default_factory=dict, repr=False, compare=False)
    pools: tuple[SizedStream, ...] = ()

    @property
    def hours(self) -> int:
        return self.policy.hours

    @property
    def is_flat(self) -> bool:
        """A fee for any use: nothing of the bill grows up to the multiple a flat contract is judged at."""
        terms = self.terms
        judged = exact(self.policy.flat_multiple)
        return bool(terms.fixed_fees) and not terms.unit_lines and not self.revenue_follows_use(judged)

    def revenue_follows_use(self, multiple: Fraction) -> bool:
        """Whether some price counts what grows with use, beyond what is free of it, at a multiple of expected use.

        Outcomes sold do not grow: heavy use means more tokens for each. What nobody expects a figure for may.
        """
        growing = set(self.usage.other_usage)
        if any(each.stream.traffic is not None for each in self.streams):
            growing |= {*TOKEN_METERS, Meter.INPUT_EQUIVALENT}
            growing |= {f"{each.stream.key}.{meter}" for each in self.streams for meter in TOKEN_METERS}
        lines = [*self.terms.price_lines, *self.terms.spill_lines]
        known = {*growing, *self.usage.fixed_usage}
        if any(meter not in known for line in lines for meter in line.meters):
            return True
        return any(not growing.isdisjoint(line.meters) and self._is_beyond_free(line, multiple) for line in lines)

    def _is_beyond_free(self, line: PriceLine, multiple: Fraction) -> bool:
        """Whether a line bills something at the multiple. Spill and input-equivalents count from their first token."""
        free = line.free_quantity
        if free is None or not self.terms.usage_multiplier and line.takes_multiplier:
            return False
        if not free or line in self.terms.spill_lines or Meter.INPUT_EQUIVALENT in line.meters:
            return True
        used = {**self.usage_at(multiple), **self.usage.fixed_usage}
        quantity = sum((exact(used.get(meter, ZERO)) for meter in line.meters), Fraction(0)) / exact(line.per)
        return quantity > exact(free) * Fraction(self.hours, HOURS_PER_MONTH)

    def at(self, basis: str, multiple: Fraction) -> UsageCase:
        """The month at a multiple of expected use."""
        needs = tuple(each.at(multiple) for each in self.pools)
        billed = self.bill_at(multiple)
        return UsageCase(
            basis=basis,
            multiple=multiple,
            accelerators=total_or_none([each.accelerators for each in needs]),
            revenue_usd=billed.total_usd,
            reserved_cost_usd=total_or_none([each.reserved_cost_usd for each in needs]),
            consumed_cost_usd=total_or_none([each.consumed_cost_usd for each in needs]),
            bill=billed,
            pooled_cost_usd=total_or_none([each.pooled_cost_usd for each in needs]),
            needs=needs,
        )

    def bill_at(self, multiple: Fraction, *, is_used: bool = True) -> Bill:
        """The bill at a multiple; is_used False leaves out even what does not grow with use."""
        place = (multiple, is_used)
        if place not in self.bills:
            used = self.usage_at(multiple)
            if is_used:
                used |= self.usage.fixed_usage
            self.bills[place] = bill(terms=self.terms, usage=used, on_date=self.on_date, hours=self.hours)
        return self.bills[place]

    def usage_at(self, multiple: Fraction) -> dict[str, Decimal]:
        """Meter → quantity of the month: tokens of all streams, each stream's own, and what grows with them."""
        with localcontext(exact_context()):
            used = {meter: to_decimal(multiple) * amount for meter, amount in self.usage.other_usage.items()}
            for position, each in enumerate(self.streams):
                counted = tokens_of(
                    terms=self.terms,
                    stream=each.stream,
                    is_first=position == 0,
                    multiple=multiple,
                    hours=self.hours,
                    on_date=self.on_date,
                )
                for meter, tokens in counted.items():
                    used[meter] = used.get(meter, ZERO) + tokens
            return used


def month_of(
    *,
    terms: ContractTerms,
    usage: UsageProfile,
    profile: Profile | None,
    rate_usd_per_hour: Decimal | None,
    on_date: date,
    policy: ExposurePolicy,
    bills: dict[tuple[Fraction, bool], Bill] | None = None,
) -> Month:
    """The month of a contract on a day. profile: of usage.traffic; streams bring their own.

    bills: known of the same terms, use, day and hours at another rate; new ones are added.
    """
    streams = usage.streams or (
        Stream(traffic=usage.traffic, profile=profile, limit=terms.rate_limit, written_share=usage.written_share),
    )
    sized = tuple(
        _sized(terms, stream, rate_usd_per_hour, on_date, policy, takes_unnamed=position == 0)
        for position, stream in enumerate(streams)
    )
    known = {} if bills is None else bills
    month = Month(terms=terms, usage=usage, streams=sized, policy=policy, on_date=on_date, bills=known)
    month = _holding_commitment(month)
    return replace(month, pools=pools_of(month.streams))


def _holding_commitment(month: Month) -> Month:
    """The month with the whole take-or-pay quantity held on the streams it counts, used or not."""
    line = month.terms.take_or_pay_line
    if line is None:
        return month
    multiple = commitment_multiple(terms=month.terms, usage=month.usage_at(Fraction(1)), hours=month.hours)
    return replace(
        month,
        streams=tuple(
            replace(each, committed=each.need_at(multiple)) if _counts(line, each.stream) else each
            for each in month.streams
        ),
    )


def commitment_multiple(*, terms: ContractTerms, usage: Mapping[str, Decimal], hours: int) -> Fraction:
    """Take-or-pay: the whole commitment as a multiple of the usage of its line in some hours; 1 where it has none."""
    commitment, line = terms.take_or_pay, terms.take_or_pay_line
    if commitment is None or line is None:
        return Fraction(1)
    quantity = sum((exact(usage.get(meter, ZERO)) for meter in line.meters), Fraction(0)) / exact(line.per)
    months = Fraction(hours, HOURS_PER_MONTH)
    return exact(commitment.quantity) * months / quantity if quantity else Fraction(1)


def is_billed_by_use(*, terms: ContractTerms, stream: Stream) -> bool:
    """Whether some price counts tokens of a stream, spilled ones aside."""
    return any(_counts(line, stream) for line in terms.price_lines)


def _counts(line: PriceLine, stream: Stream) -> bool:
    """Whether a price line counts tokens of a stream."""
    own = {*TOKEN_METERS, Meter.INPUT_EQUIVALENT, *(f"{stream.key}.{meter}" for meter in TOKEN_METERS)}
    return not own.isdisjoint(line.meters)


def _sized(
    terms: ContractTerms,
    stream: Stream,
    rate: Decimal | None,
    on_date: date,
    policy: ExposurePolicy,
    *,
    takes_unnamed: bool,
) -> SizedStream:
    """The stream with the units promised of it; units that name no stream are the first one's."""
    spares = stream.spares or policy.spares
    own = {stream.key, ""} if takes_unnamed else {stream.key}
    promises = [
        (line.promise, line.units_on(on_date))
        for line in terms.unit_lines
        if line.promise is not None and line.stream in own
    ]
    try:
        promised = promised_need(promises=promises, profile=stream.profile, spares=spares)
    except NoProfileError:
        promised = None
    return SizedStream(
        stream=stream,
        promised=promised,
        spares=spares,
        rate_usd_per_hour=rate if stream.rate_usd_per_hour is None else stream.rate_usd_per_hour,
        hours=policy.hours,
        apart_accelerators=_apart(terms, stream, promised),
    )


def _apart(terms: ContractTerms, stream: Stream, promised: PromisedNeed | None) -> int:
    """Exclusive accelerators that traffic billed by use does not run on. (methods: Dedicated accelerators)"""
    if promised is None or not is_billed_by_use(terms=terms, stream=stream):
        return 0
    return promised.exclusive_accelerators


def tokens_of(
    *, terms: ContractTerms, stream: Stream, is_first: bool, multiple: Fraction, hours: Exact, on_date: date
) -> dict[str, Decimal]:
    """Meter → tokens of a stream over some hours: plain, under the stream's name, and what spills over its units.

    Nothing where its traffic is not known.
    """
    traffic = stream.traffic_at(multiple)
    if traffic is None:
        return {}
    tokens = token_usage(traffic=traffic, hours=hours, written_share=stream.written_share)
    spilled = spilled_share(terms=terms, stream=stream.key, is_first=is_first, traffic=traffic, on_date=on_date)
    found = dict(tokens)
    for meter, amount in tokens.items():
        if stream.key:
            found[f"{stream.key}.{meter}"] = amount
        if terms.spill_lines:
            found[f"{SPILLED}{meter}"] = to_decimal(exact(amount) * spilled)
    return found


def usage_cap(*, terms: ContractTerms, usage: UsageProfile) -> Fraction | None:
    """The most use there can be as a multiple of P50: the contract's own cap, or rate limits on every stream."""
    streams = usage.streams or (Stream(traffic=usage.traffic, limit=terms.rate_limit),)
    caps = [] if usage.cap_multiple is None else [exact(usage.cap_multiple)]
    limits = [stream.cap for stream in streams if stream.traffic is not None]
    known = [limit for limit in limits if limit is not None]
    if known and len(known) == len(limits):
        caps.append(max(known))
    return min(caps, default=None)


def total_or_none(amounts: Iterable[Amount | None]) -> Amount | None:
    """The sum; None where any part is not known."""
    found = list(amounts)
    known = [amount for amount in found if amount is not None]
    if not found or len(known) < len(found):
        return None
    with localcontext(exact_context()):
        return sum(known[1:], known[0])


def margin_share(*, revenue_usd: Decimal, cost_usd: Decimal | None) -> Decimal | None:
    """(revenue − cost) ÷ revenue; None ("n/a") without revenue or with an unknown cost."""
    share = cost_share(revenue_usd=revenue_usd, cost_usd=cost_usd)
    return None if share is None else 1 - share


def cost_share(*, revenue_usd: Decimal, cost_usd: Decimal | None) -> Decimal | None:
    """cost ÷ revenue; None without revenue or with an unknown cost. The inference ratio when cost is reserved."""
    if cost_usd is None or revenue_usd == 0:
        return None
    return to_decimal(exact(cost_usd) / exact(revenue_usd))


def difference(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    with localcontext(exact_context()):
        return left - right
