"""The price lines, units, commitments and other lines of the contract file (methods: Contract file).

Amounts of money are read in the contract's currency and turned into dollars at its rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any, cast

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import Errors, ObjectReader
from capacity.lib.money import exact_context
from contracts.domain import contract_values as values
from contracts.domain.contract_values import needed
from contracts.domain.terms import (
    MILLION,
    ONE,
    ZERO,
    BundleUnit,
    BurndownRate,
    DedicatedUnit,
    FixedFee,
    PriceLine,
    PriceTier,
    Promise,
    ProvisionedUnit,
    SlaTier,
    SpendCommitment,
    TakeOrPay,
    TermsError,
    TierMode,
    UnitLine,
    UnitStep,
)

MOST_UNITS = 10**9
MOST_MONTHS = 480


@dataclass(frozen=True, kw_only=True, slots=True)
class Minimum:
    """usd_per_month, trued up every so many months."""

    usd_per_month: Decimal = ZERO
    every_months: int = 1
    is_retroactive: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Spill:
    unit: str = ""
    price_lines: tuple[PriceLine, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LineReader:
    """Reads lines of one contract. usd_per_unit: dollars for one unit of its currency. starts: its first day."""

    usd_per_unit: Decimal
    starts: date

    def money(self, value: Any, path: str, errors: Errors) -> Decimal | None:
        found = values.amount()(value, path, errors)
        if found is None:
            return None
        with localcontext(exact_context()):
            return found * self.usd_per_unit

    def price_line(self, row: ObjectReader) -> PriceLine:
        tiers = self._tiers(row)
        return PriceLine(
            key=needed(row.take("key", reading.key), ""),
            meters=needed(row.take("meters", _meters), ()),
            tiers=tiers,
            per=needed(row.take("per", values.amount(above_zero=True), MILLION), ONE),
            tier_mode=TierMode(needed(row.take("tier_mode", values.one_of(*TierMode), "graduated"), "graduated")),
            included_quantity=needed(row.take("included_quantity", values.quantity, ZERO), ZERO),
            draws_down=bool(row.take("draws_down", reading.boolean, True)),
            max_quantity=row.take("max_quantity", reading.or_null(values.quantity), None),
            max_usd=row.take("max_amount", reading.or_null(self.money), None),
            takes_multiplier=bool(row.take("takes_multiplier", reading.boolean, True)),
        )

    def _tiers(self, row: ObjectReader) -> tuple[PriceTier, ...]:
        """One price, or tiers of which the last has no bound."""
        if not row.has("tiers"):
            return (PriceTier(unit_price_usd=needed(row.take("price", self.money), ZERO)),)
        if row.has("price"):
            row.take("price", lambda *_: None)
            row.errors.add(f"{row.path}.price", "is given beside tiers; give one or the other")
        return values.rows(row, "tiers", self._tier)

    def _tier(self, row: ObjectReader) -> PriceTier:
        return PriceTier(
            unit_price_usd=needed(row.take("price", self.money), ZERO),
            up_to=row.take("up_to", reading.or_null(values.quantity), None),
        )

    def fixed_fee(self, row: ObjectReader) -> FixedFee:
        return FixedFee(
            key=needed(row.take("key", reading.key), ""),
            unit_price_usd=needed(row.take("price", self.money), ZERO),
            quantity=needed(row.take("quantity", values.amount(), ONE), ONE),
        )

    def unit_line(self, row: ObjectReader) -> UnitLine:
        return UnitLine(
            key=needed(row.take("key", reading.key), ""),
            steps=self._steps(row),
            price_usd=needed(row.take("price", self.money), ZERO),
            per_hours=needed(row.take("per_hours", values.amount(above_zero=True), ONE), ONE),
            paid_share=needed(row.take("paid_share", values.share(), ONE), ONE),
            promise=_promise_of(row),
            stream=row.take("stream", reading.key, "") or "",
            minimum_units=needed(row.take("minimum_units", values.amount(at_most=MOST_UNITS), ZERO), ZERO),
            increment=row.take("increment", reading.or_null(values.amount(at_most=MOST_UNITS, above_zero=True)), None),
        )

    def _steps(self, row: ObjectReader) -> tuple[UnitStep, ...]:
        """So many units from the start, or dated steps."""
        if not row.has("steps"):
            units = needed(row.take("units", values.amount(at_most=MOST_UNITS)), ZERO)
            return (UnitStep(from_date=self.starts, units=units),)
        if row.has("units"):
            row.take("units", lambda *_: None)
            row.errors.add(f"{row.path}.units", "is given beside steps; give one or the other")
        return values.rows(row, "steps", self._step)

    def _step(self, row: ObjectReader) -> UnitStep:
        return UnitStep(
            from_date=needed(row.take("from", values.day), self.starts),
            units=needed(row.take("units", values.amount(at_most=MOST_UNITS)), ZERO),
        )

    def commitment(self, row: ObjectReader) -> SpendCommitment:
        starts = row.take("from", reading.or_null(values.day), None)
        ends = row.take("to", reading.or_null(values.day), None)
        months = needed(row.take("period_months", reading.whole(at_least=1, at_most=MOST_MONTHS), 12), 12)
        period = Decimal(months)
        if ends is not None:
            period = Decimal(max(1, (ends - (starts or self.starts)).days)) * 12 / 365
        return SpendCommitment(
            key=needed(row.take("key", reading.key, "commitment"), ""),
            amount_usd=needed(row.take("amount", self.money), ZERO),
            period_months=period,
            discount_share=needed(row.take("discount_share", values.share(below_one=True), ZERO), ZERO),
            overage_keeps_discount=bool(row.take("overage_keeps_discount", reading.boolean, False)),
            rolled_over_share=needed(row.take("rolled_over_share", values.share(), ZERO), ZERO),
            priority=needed(row.take("priority", reading.whole(), 0), 0),
            is_free=bool(row.take("is_free", reading.boolean, False)),
            is_prepaid=bool(row.take("is_prepaid", reading.boolean, False)),
            line_keys=row.take("line_keys", reading.or_null(reading.list_of(reading.key)), None),
            starts_date=starts,
            ends_date=ends,
        )

    def minimum(self, row: ObjectReader) -> Minimum:
        months = needed(row.take("every_months", reading.whole(at_least=1, at_most=MOST_MONTHS), 1), 1)
        with localcontext(exact_context()):
            monthly = needed(row.take("amount", self.money), ZERO) / months
        return Minimum(
            usd_per_month=monthly,
            every_months=months,
            is_retroactive=bool(row.take("is_retroactive", reading.boolean, False)),
        )

    def spill(self, row: ObjectReader) -> Spill:
        return Spill(
            unit=needed(row.take("unit", values.one_of("request", "token"), "request"), ""),
            price_lines=values.rows(row, "price_lines", self.price_line),
        )

    def burndown(self, row: ObjectReader) -> BurndownRate:
        weight = values.amount(at_most=10**6)
        weights = row.take("weights", lambda *at: values.by_meter(*at, read=weight)) or {}
        return BurndownRate(
            from_date=needed(row.take("from", values.day, self.starts), self.starts),
            stream=row.take("stream", reading.key, "") or "",
            weights=tuple((meter, needed(found, ZERO)) for meter, found in weights.items()),
        )


def take_or_pay(row: ObjectReader) -> TakeOrPay:
    return TakeOrPay(
        line_key=needed(row.take("line_key", reading.key), ""),
        quantity=needed(row.take("quantity", values.quantity), ZERO),
        take_share=needed(row.take("take_share", values.share()), ZERO),
        makeup_periods=needed(row.take("makeup_months", reading.whole(at_most=MOST_MONTHS), 0), 0),
    )


def sla_tier(row: ObjectReader) -> SlaTier:
    return SlaTier(
        below_share=needed(row.take("below_share", values.share()), ZERO),
        credit_share=needed(row.take("credit_share", values.share()), ZERO),
    )


def _meters(value: Any, path: str, errors: Errors) -> tuple[str, ...] | None:
    found = reading.list_of(reading.key)(value, path, errors)
    if found is not None and (not found or len(set(found)) < len(found)):
        errors.add(path, "expected at least one meter and none twice")
        return None
    return found


def _promise_of(row: ObjectReader) -> Promise | None:
    return cast("Promise | None", values.part(row, "promise", _promise))


def _promise(row: ObjectReader) -> Promise:
    kind = row.take("kind", values.one_of("provisioned", "bundle", "dedicated"))
    per_minute = values.quantity
    if kind == "provisioned":
        return ProvisionedUnit(
            tokens_per_minute=needed(row.take("tokens_per_minute", per_minute), ONE),
            output_weight=needed(row.take("output_weight", values.amount(at_most=10**6, above_zero=True)), ONE),
            cached_weight=needed(row.take("cached_weight", values.amount(at_most=10**6), ONE), ONE),
            assumed_hit_share=needed(row.take("assumed_hit_share", values.share(), ZERO), ZERO),
        )
    if kind == "bundle":
        return BundleUnit(
            input_tokens_per_minute=needed(row.take("input_tokens_per_minute", per_minute, ZERO), ZERO),
            output_tokens_per_minute=needed(row.take("output_tokens_per_minute", per_minute, ZERO), ZERO),
        )
    if kind == "dedicated":
        return DedicatedUnit(
            accelerators=needed(row.take("accelerators", reading.whole(at_least=1, at_most=10**6), 1), 1),
            spare_block=needed(row.take("spare_block", reading.whole(at_least=1, at_most=10**6), 8), 8),
            is_exclusive=bool(row.take("is_exclusive", reading.boolean, True)),
        )
    raise TermsError("A promise is of one of the three kinds.")
