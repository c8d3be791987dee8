"""Everything a contract says when it is assessed: bills, the four results, capacity by week, flags (methods: Contract file).

Composes the other modules once; no formula of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from contracts.domain.agreement import Agreement, Version
from contracts.domain.apart import NotPooled, PinCost, not_pooled, pin_costs
from contracts.domain.batch_fit import BatchFit, batch_fit
from contracts.domain.credits import expected_credits
from contracts.domain.flags import Flag, contract_flags
from contracts.domain.margin import ContractResult, assess_contract
from contracts.domain.month import Month
from contracts.domain.orders import OrderBy, orders_of
from contracts.domain.renewals import notice_by, stranded_usd
from contracts.domain.statements import Statement, guaranteed_usd, statements
from contracts.domain.terms import TOKEN_METERS, ZERO, Meter
from contracts.domain.token_margins import cached_margins, seats_of
from contracts.domain.unit_margin import CachedMargin, SeatMargin
from contracts.domain.unpriced import unpriced_tokens, with_fallbacks
from contracts.domain.weeks import WeekCapacity, capacity_by_week, month_on, usage_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """on_date: the day the four results are of. unknown_meters: what is billed by use and nobody expects a figure for,
    and tokens that are expected and have no price.
    """

    agreement: Agreement
    on_date: date
    result: ContractResult
    expected_credits_usd: Decimal | None
    unknown_meters: tuple[str, ...]
    statements: tuple[Statement, ...]
    guaranteed_usd: Decimal
    weeks: tuple[WeekCapacity, ...]
    not_pooled: tuple[NotPooled, ...]
    pins: tuple[PinCost, ...]
    batch: tuple[BatchFit, ...]
    cached: dict[str, CachedMargin]
    seats: SeatMargin | None
    orders: tuple[OrderBy, ...]
    stranded_usd: Decimal | None
    notice_by: date | None
    flags: tuple[Flag, ...]

    @property
    def is_revenue_known(self) -> bool:
        return not self.unknown_meters


def assess(agreement: Agreement) -> Assessment:
    """All results of a contract. Raises TermsError where its terms contradict themselves. (methods: Contract file)"""
    agreement = with_fallbacks(agreement)
    on_date = valuation_day(agreement)
    version = agreement.version_on(on_date)
    assert version is not None
    month = month_on(agreement=agreement, version=version, day=on_date)
    unknown = tuple(dict.fromkeys((*_unknown_meters(month), *unpriced_tokens(version))))
    credits = None if unknown else _expected_credits(version, month)
    result = assess_contract(
        terms=version.terms,
        usage=usage_on(agreement=agreement, version=version, day=on_date),
        profile=None,
        rate_usd_per_hour=agreement.rate_usd_per_hour,
        on_date=on_date,
        policy=agreement.policy,
        reserved_accelerators=agreement.reserved_accelerators,
        expected_credits_usd=credits or ZERO,
        make_good_usd=agreement.make_good_usd,
        multiples=agreement.multiples,
    )
    orders, cached = orders_of(agreement), cached_margins(month=month)
    fits = [batch_fit(agreed=each, sized=sized) for each, sized in zip(version.streams, month.streams, strict=False)]
    batch = tuple(fit for fit in fits if fit is not None)
    return Assessment(
        agreement=agreement,
        on_date=on_date,
        result=result,
        expected_credits_usd=credits,
        unknown_meters=unknown,
        statements=statements(agreement),
        guaranteed_usd=guaranteed_usd(agreement),
        weeks=capacity_by_week(agreement),
        not_pooled=not_pooled(month=month, agreed=version.streams) if version.streams else (),
        pins=pin_costs(month=month, agreed=version.streams) if version.streams else (),
        batch=batch,
        cached=cached,
        seats=seats_of(version=version, month=month),
        orders=orders,
        stranded_usd=stranded_usd(agreement),
        notice_by=notice_by(agreement),
        flags=contract_flags(
            agreement=agreement,
            version=version,
            result=result,
            orders=orders,
            cached=cached,
            batch=batch,
            unknown_meters=unknown,
        ),
    )


def valuation_day(agreement: Agreement) -> date:
    """The as-of day, or the nearest day of the term."""
    day = max(agreement.as_of, agreement.starts)
    return day if agreement.ends is None else min(day, agreement.ends - timedelta(days=1))


def _expected_credits(version: Version, month: Month) -> Decimal | None:
    """E[credits] of a planning month; 0 where none are promised, None where their chances are not known."""
    service = version.service
    if service.chances is None:
        return None if service.uptime_tiers or service.latency_tiers else ZERO
    fee = month.at("planned", _ONCE).revenue_usd
    return expected_credits(
        fee_usd=fee,
        chances=service.chances,
        minimum_usd=service.minimum_credit_usd,
        most_share=service.most_share,
    )


_ONCE = Fraction(1)


def _unknown_meters(month: Month) -> tuple[str, ...]:
    """Meters with a price of which nobody says what is expected."""
    known = {*month.usage.fixed_usage, *month.usage.other_usage}
    if month.usage.streams and all(each.traffic is not None for each in month.usage.streams):
        known |= {*TOKEN_METERS, Meter.INPUT_EQUIVALENT}
        known |= {f"{each.key}.{meter}" for each in month.usage.streams for meter in TOKEN_METERS}
    lines = (*month.terms.price_lines, *month.terms.spill_lines)
    return tuple(dict.fromkeys(meter for line in lines for meter in line.meters if meter not in known))
