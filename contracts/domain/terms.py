"""What a contract says: price lines, fees, units, commitments and limits as frozen records (methods: Contract terms).

A shape (pay-as-you-go, provisioned, take-or-pay …) is a name for a combination of these records; no formula looks at
it. The bill is in billing.py, the capacity promised in promises.py, the four results in margin.py. Money is US dollars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from capacity.lib.horizon import Week
from workloads.domain.serving import RateLimit

ZERO = Decimal(0)
ONE = Decimal(1)
MILLION = Decimal(1_000_000)


class TermsError(ValueError):
    """Terms that contradict themselves; the message is a sentence."""


class Shape(StrEnum):
    PAY_AS_YOU_GO = "pay_as_you_go"
    COMMITTED_SPEND = "committed_spend"
    FLAT_FEE = "flat_fee"
    PROVISIONED = "provisioned"
    TOKEN_BUNDLES = "token_bundles"
    PRIORITY = "priority"
    BATCH = "batch"
    DEDICATED = "dedicated"
    TAKE_OR_PAY = "take_or_pay"
    MINIMUM_OVERAGE = "minimum_overage"
    OUTCOME = "outcome"
    MIXED = "mixed"


class Meter(StrEnum):
    """What is counted. Token meters follow from traffic; the others are given per period.

    A meter is named by its text, so a contract may count things of its own ("images"); `stream.meter` counts one
    stream's part only. input_equivalent_tokens are token meters converted by the burndown rates in force.
    """

    INPUT_UNCACHED = "input_uncached_tokens"
    INPUT_CACHED = "input_cached_tokens"
    OUTPUT = "output_tokens"
    CACHE_WRITE = "cache_write_tokens"
    SEATS = "seats"
    OUTCOMES = "outcomes"
    INPUT_EQUIVALENT = "input_equivalent_tokens"


ALL_TOKENS = (Meter.INPUT_UNCACHED, Meter.INPUT_CACHED, Meter.OUTPUT)
TOKEN_METERS = (*ALL_TOKENS, Meter.CACHE_WRITE)


class TierMode(StrEnum):
    """graduated: each part of the quantity at its own tier's price; volume: all of it at the tier it reaches."""

    GRADUATED = "graduated"
    VOLUME = "volume"


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTier:
    """unit_price_usd up to and including `up_to` (None = no upper bound), in the line's priced units."""

    unit_price_usd: Decimal
    up_to: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceLine:
    """A metered price: the meters' sum ÷ `per`, beyond included_quantity, through the tiers.

    per: 1,000,000 for a price per million tokens, 1 for a price each. included_quantity: paid by a fee, in priced
    units per planning month. Tier bounds count from the first unit above it. max_quantity: use beyond it is refused;
    max_usd: use beyond it is served and not charged (both per planning month, None = no cap). takes_multiplier:
    whether the contract's usage multiplier applies (traffic above a ramp limit is standard and does not take it).
    """

    key: str
    meters: tuple[str, ...]
    tiers: tuple[PriceTier, ...]
    per: Decimal = MILLION
    tier_mode: TierMode = TierMode.GRADUATED
    included_quantity: Decimal = ZERO
    draws_down: bool = True
    max_quantity: Decimal | None = None
    max_usd: Decimal | None = None
    takes_multiplier: bool = True

    def __post_init__(self) -> None:
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise TermsError(f"Price line {self.key} needs a last tier without an upper bound.")
        bounds = [tier.up_to for tier in self.tiers[:-1]]
        if any(bound is None for bound in bounds) or sorted(set(bounds), key=lambda bound: bound or ZERO) != bounds:
            raise TermsError(f"The tiers of price line {self.key} must rise.")
        if any(tier.unit_price_usd < 0 for tier in self.tiers) or self.per <= 0:
            raise TermsError(f"Price line {self.key} has a negative price or counts in units of nothing.")
        if self.max_quantity is not None and self.max_quantity < self.included_quantity:
            raise TermsError(f"Price line {self.key} caps use below what is included.")

    @property
    def free_quantity(self) -> Decimal | None:
        """Up to here use costs nothing: what is included and the first tiers without a price; None = any use."""
        if self.max_usd == 0:
            return None
        bound: Decimal | None = ZERO
        for tier in self.tiers:
            if tier.unit_price_usd:
                free = self.included_quantity + (bound or ZERO)
                return None if self.max_quantity is not None and self.max_quantity <= free else free
            bound = tier.up_to
        return None

    @classmethod
    def flat(
        cls,
        *,
        key: str,
        meters: tuple[str, ...],
        unit_price_usd: Decimal,
        per: Decimal = MILLION,
        included_quantity: Decimal = ZERO,
        draws_down: bool = True,
    ) -> PriceLine:
        """One price for any quantity."""
        return cls(
            key=key,
            meters=meters,
            tiers=(PriceTier(unit_price_usd=unit_price_usd),),
            per=per,
            included_quantity=included_quantity,
            draws_down=draws_down,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedFee:
    """quantity × unit_price_usd per planning month, used or not (1,000 seats at $60)."""

    key: str
    unit_price_usd: Decimal
    quantity: Decimal = ONE


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisionedUnit:
    """What one throughput unit promises: input-equivalent tokens a minute, at the customer's choice of mix.

    output_weight w: input-equivalents per output token; cached_weight b: per cached input token (0 = deducted in
    full); assumed_hit_share h: the highest cache hit share the contract assumes.
    """

    tokens_per_minute: Decimal
    output_weight: Decimal
    cached_weight: Decimal = ONE
    assumed_hit_share: Decimal = ZERO


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleUnit:
    """What one bundle promises: input and output tokens a minute, both full at once."""

    input_tokens_per_minute: Decimal = ZERO
    output_tokens_per_minute: Decimal = ZERO


@dataclass(frozen=True, kw_only=True, slots=True)
class DedicatedUnit:
    """What one dedicated unit promises: accelerators of its own; spares come in blocks of spare_block accelerators.

    is_exclusive: nothing else runs on them, not even the customer's own traffic that is billed by use.
    """

    accelerators: int = 1
    spare_block: int = 8
    is_exclusive: bool = True


Promise = ProvisionedUnit | BundleUnit | DedicatedUnit


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitStep:
    """From this day on, so many units."""

    from_date: date
    units: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitLine:
    """Reserved units paid by the hour, used or not: units in force × hours ÷ per_hours × price × paid_share.

    steps: the ramp, by date (a constant line has one step). paid_share: 1 if paid regardless of downtime. stream: which
    stream of the contract the units serve ("" = the only one). increment: units come in multiples of it.
    """

    key: str
    steps: tuple[UnitStep, ...]
    price_usd: Decimal
    per_hours: Decimal = ONE
    paid_share: Decimal = ONE
    promise: Promise | None = None
    stream: str = ""
    minimum_units: Decimal = ZERO
    increment: Decimal | None = None

    def __post_init__(self) -> None:
        dates = [step.from_date for step in self.steps]
        if not dates or sorted(set(dates)) != dates:
            raise TermsError(f"The steps of {self.key} must be in order, one a day.")
        if any(step.units < 0 for step in self.steps) or self.price_usd < 0 or self.per_hours <= 0:
            raise TermsError(f"Units, price and hours of {self.key} cannot be negative.")
        for step in self.steps:
            if 0 < step.units < self.minimum_units:
                raise TermsError(
                    f"{self.key} has {step.units} units from {step.from_date}: at least {self.minimum_units}."
                )
            if self.increment is not None and (self.increment <= 0 or step.units % self.increment):
                raise TermsError(
                    f"{self.key} has {step.units} units from {step.from_date}: not in steps of {self.increment}."
                )

    def units_on(self, day: date) -> Decimal:
        """The units of the step in force (0 before the first)."""
        in_force = [step.units for step in self.steps if step.from_date <= day]
        return in_force[-1] if in_force else ZERO

    def units_in(self, week: Week) -> Decimal:
        """The most units in force on any day of the week: a step in mid-week needs its capacity that week."""
        inside = [step.units for step in self.steps if week.start < step.from_date < week.end]
        return max([self.units_on(week.start), *inside])


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendCommitment:
    """amount_usd of discounted usage per period_months; money, not capacity.

    discount_share off list prices; overage_keeps_discount: beyond the commitment too. rolled_over_share of what is
    unused at the end moves into the next period, the rest is breakage. is_free: a credit that costs nothing, never
    trued up; is_prepaid: invoiced when its period begins. line_keys: what may draw it down (None = every line that
    draws down). starts_date, ends_date: of its first period and its expiry (None = the contract's). Burn order:
    priority, free first, earliest end, key.
    """

    amount_usd: Decimal
    key: str = "commitment"
    period_months: Decimal = Decimal(12)
    discount_share: Decimal = ZERO
    overage_keeps_discount: bool = False
    rolled_over_share: Decimal = ZERO
    priority: int = 0
    is_free: bool = False
    is_prepaid: bool = False
    line_keys: tuple[str, ...] | None = None
    starts_date: date | None = None
    ends_date: date | None = None

    def __post_init__(self) -> None:
        if self.starts_date and self.ends_date and self.ends_date <= self.starts_date:
            raise TermsError(f"Commitment {self.key} expires on {self.ends_date}, not after its start.")
        if self.amount_usd < 0 or self.period_months <= 0:
            raise TermsError("A spend commitment is an amount of at least 0 over a period longer than 0.")
        if not 0 <= self.discount_share < 1 or not 0 <= self.rolled_over_share <= 1:
            raise TermsError("A discount is at least 0 and below 1; a rolled-over share lies between 0 and 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TakeOrPay:
    """Committed quantity of one price line per planning month, in its priced units; take_share θ of it is always paid.

    makeup_periods: for how many periods after its own an unused but paid quantity may be taken free.
    """

    line_key: str
    quantity: Decimal
    take_share: Decimal
    makeup_periods: int = 0

    def __post_init__(self) -> None:
        if self.quantity < 0 or not 0 <= self.take_share <= 1 or self.makeup_periods < 0:
            raise TermsError("Take-or-pay needs a quantity of at least 0 and a share between 0 and 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SlaTier:
    """Below `below_share` of uptime (strictly) the customer is credited credit_share of the month's fee."""

    below_share: Decimal
    credit_share: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """A tier in which a month may end: how likely, what share of the fee comes back, what is owed besides (make-good).

    make_good_usd None: not known. is_of_service: of the metric by which planned shortages are credited too.
    """

    chance: Decimal
    credit_share: Decimal
    make_good_usd: Decimal | None = None
    is_of_service: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class BurndownRate:
    """From this day on, how many input-equivalents a token of each meter counts as. stream: "" = every other stream."""

    from_date: date
    weights: tuple[tuple[str, Decimal], ...]
    stream: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractTerms:
    """One contract version. usage_multiplier: priority, batch or residency, on metered lines and so on drawdown.

    minimum_usd: per planning month; the bill is the larger of it and everything else, settled every minimum_months.
    minimum_is_retroactive: a later surplus gives back what an earlier period was trued up. spill_lines: prices of what
    does not fit the reserved units; spill_unit says whether single tokens or whole requests spill. breaches: the tiers
    in which a month may end, None where an SLA is promised and a chance of it is not known.
    """

    key: str
    shape: Shape
    starts_date: date
    ends_date: date | None = None
    price_lines: tuple[PriceLine, ...] = ()
    fixed_fees: tuple[FixedFee, ...] = ()
    unit_lines: tuple[UnitLine, ...] = ()
    spend_commitments: tuple[SpendCommitment, ...] = ()
    take_or_pay: TakeOrPay | None = None
    minimum_usd: Decimal = ZERO
    minimum_months: int = 1
    minimum_is_retroactive: bool = False
    usage_multiplier: Decimal = ONE
    rate_limit: RateLimit = field(default_factory=RateLimit)
    sla_tiers: tuple[SlaTier, ...] = ()
    breaches: tuple[Breach, ...] | None = ()
    spill_lines: tuple[PriceLine, ...] = ()
    spill_unit: str = ""
    burndown: tuple[BurndownRate, ...] = ()

    def __post_init__(self) -> None:
        if self.ends_date is not None and self.ends_date <= self.starts_date:
            raise TermsError(f"Contract {self.key} ends on {self.ends_date}, not after its start {self.starts_date}.")
        keys = [line.key for line in self.price_lines]
        keys += [fee.key for fee in self.fixed_fees] + [line.key for line in self.unit_lines]
        keys += [each.key for each in self.spend_commitments] + [line.key for line in self.spill_lines]
        if len(set(keys)) != len(keys):
            raise TermsError(f"Two lines of contract {self.key} have the same key.")
        if self.take_or_pay and self.take_or_pay.line_key not in {line.key for line in self.price_lines}:
            raise TermsError(f"The take-or-pay of contract {self.key} names no price line of it.")
        outside = [
            step.from_date for line in self.unit_lines for step in line.steps if not self.is_in_force(step.from_date)
        ]
        if outside:
            raise TermsError(f"Contract {self.key} has a step on {outside[0]}, outside its term.")

    @property
    def take_or_pay_line(self) -> PriceLine | None:
        """The price line of which a quantity is committed."""
        commitment = self.take_or_pay
        return next((line for line in self.price_lines if commitment and line.key == commitment.line_key), None)

    def is_in_force(self, day: date) -> bool:
        """Whether the day lies in the half-open term."""
        return self.starts_date <= day and (self.ends_date is None or day < self.ends_date)


def order_by_date(*, needed_date: date, lead_weeks: int) -> date:
    """The Monday to order on so that acceptance, lead_weeks later, is in time for the week of needed_date.

    2027-04-05 less 44 weeks is 2026-06-01. Lead time runs from order to acceptance. (methods: Order-by dates)
    """
    return Week.containing(needed_date).start - timedelta(weeks=lead_weeks)
