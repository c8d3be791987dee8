"""A whole contract as it is assessed without any table: versions by date, streams of use, service, renewal, supply.

Only what is agreed and expected; the bills are statements.py, the capacity by week weeks.py, all results together
assessment.py (methods: Contract file). None means not known, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.lib.horizon import Horizon
from capacity.lib.units import TOKENS_PER_MILLION, exact
from contracts.domain.month import ExposurePolicy, is_billed_by_use
from contracts.domain.streams import Stream
from contracts.domain.terms import ONE, ZERO, ContractTerms, DedicatedUnit, Shape, SlaTier, TermsError, UnitLine
from contracts.domain.unit_margin import SeatSegment


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A model version of its own until a day (None = the contract's end). retires: the version's last day, if known.

    pool_load_peak: of the traffic that the pool would share with it; None = not known.
    """

    until: date | None = None
    retires: date | None = None
    pool_load_peak: Fraction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UseStep:
    """From this day on, expected use is so many times the stream's traffic."""

    from_date: date
    multiple: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchJob:
    """Tokens that may run from day `released` to day `due` of the plan, both included, the first day 0."""

    key: str
    released: int
    due: int
    input_tokens: Decimal
    output_tokens: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchPlan:
    """Jobs with deadlines and the idle replica-seconds of each day."""

    jobs: tuple[BatchJob, ...]
    idle_replica_seconds: tuple[Decimal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreedStream:
    """A stream of use, its model, regions and latency class. growth: per month, in whole planning months since measured."""

    stream: Stream
    model: str = ""
    regions: tuple[str, ...] = ()
    latency_class: str = ""
    pin: Pin | None = None
    growth_share_per_month: Fraction = Fraction(0)
    measured: date | None = None
    ramp: tuple[UseStep, ...] = ()
    batch: BatchPlan | None = None

    def __post_init__(self) -> None:
        days = [step.from_date for step in self.ramp]
        if sorted(set(days)) != days:
            raise TermsError(f"The ramp of stream {self.stream.key} must be in order, one step a day.")
        if self.growth_share_per_month <= -1:
            raise TermsError(f"The growth of stream {self.stream.key} leaves nothing.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceTerms:
    """Credits by metric. A month's credits are at most most_share of its fee; below minimum_credit_usd none is paid.

    chances: (probability, credit share) of a month's credits, None = not known.
    """

    uptime_tiers: tuple[SlaTier, ...] = ()
    latency_tiers: tuple[SlaTier, ...] = ()
    minimum_credit_usd: Decimal = ZERO
    most_share: Decimal = ONE
    chances: tuple[tuple[Decimal, Decimal], ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeatUse:
    """How the seats of a fee are used. usd_per_million_tokens None = the stream's own fully loaded output cost."""

    fee_key: str
    segments: tuple[SeatSegment, ...]
    usd_per_million_tokens: Decimal | None = None
    fair_use_million_tokens: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """What is agreed from a day on, until the next version's day. A later version supersedes all of an earlier one."""

    from_date: date
    terms: ContractTerms
    streams: tuple[AgreedStream, ...] = ()
    service: ServiceTerms = field(default_factory=ServiceTerms)
    seats: SeatUse | None = None

    def is_reserved(self, each: AgreedStream) -> bool:
        """Whether units bound what a stream is promised: not exclusive ones that its traffic does not run on."""
        stands_apart = is_billed_by_use(terms=self.terms, stream=each.stream)
        return any(
            not (stands_apart and isinstance(line.promise, DedicatedUnit) and line.promise.is_exclusive)
            for line in self._units_of(each)
        )

    def has_units(self, each: AgreedStream) -> bool:
        """Whether any units are promised of a stream."""
        return bool(self._units_of(each))

    def _units_of(self, each: AgreedStream) -> list[UnitLine]:
        """The unit lines that promise something of a stream; those that name none are the first one's."""
        is_first = bool(self.streams) and self.streams[0] is each
        own = {each.stream.key, ""} if is_first else {each.stream.key}
        return [line for line in self.terms.unit_lines if line.promise is not None and line.stream in own]

    @property
    def fair_use_tokens(self) -> Fraction | None:
        """The most tokens a month that all seats may use; None = no fair use."""
        use = self.seats
        if use is None or use.fair_use_million_tokens is None:
            return None
        sold = [fee.quantity for fee in self.terms.fixed_fees if fee.key == use.fee_key]
        return exact(sold[0]) * exact(use.fair_use_million_tokens) * TOKENS_PER_MILLION if sold else None


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """What was or will be used in `[start, end)`, by meter; None = not known. Spread evenly over its days."""

    start: date
    end: date
    quantities: Mapping[str, Decimal | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceRow:
    """What was measured in `[start, end)`: "uptime" or "latency", for a share of the fee (the affected region or model).

    subject: the region or model, "" = the whole contract. The rows of a metric and a subject do not overlap.
    """

    start: date
    end: date
    metric: str
    share: Decimal
    affected_share: Decimal = ONE
    subject: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedUse:
    """Multiples of P50 (None = not known) and what is counted beside tokens, a planning month.

    growing: quantities that follow use; fixed: those that do not. price_fall_share_per_year: of what the market pays.
    """

    p10_multiple: Decimal | None = None
    p90_multiple: Decimal | None = None
    p95_multiple: Decimal | None = None
    cap_multiple: Decimal | None = None
    growing: Mapping[str, Decimal] = field(default_factory=dict)
    fixed: Mapping[str, Decimal] = field(default_factory=dict)
    price_fall_share_per_year: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """What follows the end. is_signed replaces the probability."""

    probability: Decimal | None = None
    is_signed: bool = False
    notice_days: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BoughtSupply:
    """Accelerators bought for the contract in `[start, end)`."""

    start: date
    end: date
    accelerators: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Termination:
    """What a contract that is not renewed leaves: its fee, and supply that is reused in part. None = not known."""

    fee_usd: Decimal = ZERO
    reuse_share: Decimal | None = None
    bought: tuple[BoughtSupply, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LeadTime:
    """Weeks from order to acceptance; None = not known."""

    p50_weeks: int | None = None
    p90_weeks: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """One contract. versions: in date order, the first from its start. ends None = open. month_anchor: "calendar" or
    "anniversary". horizon: of the capacity by week; bills run to the contract's end, or to the horizon's if it is open.
    """

    key: str
    shape: Shape
    as_of: date
    starts: date
    ends: date | None
    horizon: Horizon
    versions: tuple[Version, ...]
    time_zone: str = "UTC"
    month_anchor: str = "calendar"
    usage: tuple[UsageRow, ...] = ()
    service: tuple[ServiceRow, ...] = ()
    expected: ExpectedUse = field(default_factory=ExpectedUse)
    rate_usd_per_hour: Decimal | None = None
    reserved_accelerators: int | None = None
    policy: ExposurePolicy = field(default_factory=ExposurePolicy)
    multiples: tuple[Decimal, ...] = ()
    renewal: Renewal = field(default_factory=Renewal)
    termination: Termination | None = None
    lead_time: LeadTime = field(default_factory=LeadTime)
    make_good_usd: Decimal = ZERO

    def __post_init__(self) -> None:
        days = [version.from_date for version in self.versions]
        if not days or days[0] != self.starts or sorted(set(days)) != days:
            raise TermsError(f"The versions of {self.key} begin with its start and supersede in date order.")
        if self.ends is not None and not self.starts <= days[-1] < self.ends:
            raise TermsError(f"The last version of {self.key} is from {days[-1]}, outside its term.")

    @property
    def billed_until(self) -> date:
        """The end of the last bill."""
        return max(self.horizon.end, self.starts) if self.ends is None else self.ends

    @property
    def fixed_keys(self) -> set[str]:
        """The lines that are paid used or not, in any version."""
        terms = [version.terms for version in self.versions]
        fees = {fee.key for each in terms for fee in each.fixed_fees}
        return fees | {line.key for each in terms for line in each.unit_lines}

    def version_on(self, day: date) -> Version | None:
        """The version in force; None out of term."""
        if day < self.starts or (self.ends is not None and day >= self.ends):
            return None
        return [version for version in self.versions if version.from_date <= day][-1]
