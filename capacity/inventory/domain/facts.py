"""The supply's nouns: pools, network domains, lots, outages, and the weeks, events and issues made of them.

Frozen records only; the rules are in lots.py (which lots count) and supply.py (what is allocatable).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from capacity.lib.horizon import Horizon, Week


class LotState(StrEnum):
    PLANNED = "planned"
    ORDERED = "ordered"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    INSTALLED = "installed"
    ACCEPTED = "accepted"
    RETIRED = "retired"


class CountRule(StrEnum):
    """From which date a lot in some state counts (a policy row per state)."""

    FULLY = "fully"
    P50_DATE = "p50_date"
    P90_DATE = "p90_date"
    SCENARIO_ONLY = "scenario_only"
    NEVER = "never"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


DEFAULT_COUNT_RULES: Mapping[LotState, CountRule] = {
    LotState.PLANNED: CountRule.SCENARIO_ONLY,
    LotState.ORDERED: CountRule.P90_DATE,
    LotState.CONFIRMED: CountRule.P50_DATE,
    LotState.SHIPPED: CountRule.P50_DATE,
    LotState.INSTALLED: CountRule.FULLY,
    LotState.ACCEPTED: CountRule.FULLY,
    LotState.RETIRED: CountRule.FULLY,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyPolicy:
    """count_rules: state → rule (a missing state never counts); scenario: planned lots count at their P50 date."""

    count_rules: Mapping[LotState, CountRule] = field(default_factory=lambda: DEFAULT_COUNT_RULES)
    scenario: bool = False

    def rule(self, state: LotState) -> CountRule:
        rule = self.count_rules.get(state, CountRule.NEVER)
        if rule is CountRule.SCENARIO_ONLY:
            return CountRule.P50_DATE if self.scenario else CountRule.NEVER
        return rule


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolFacts:
    """node_size: accelerators per node; availability: share of installed left after failures, in (0, 1]."""

    key: str
    node_size: int
    availability: Decimal

    def __post_init__(self) -> None:
        if self.node_size < 1:
            raise ValueError(f"pool {self.key}: a node has at least 1 accelerator, not {self.node_size}")
        if not 0 < self.availability <= 1:
            raise ValueError(f"pool {self.key}: availability lies above 0 and at most 1, not {self.availability}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainFacts:
    """A network domain of a pool. A pool without any is one domain by itself (domain key None)."""

    key: str
    pool_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LotFacts:
    """One lot. Dates are UTC days; every period is half-open `[starts_date, ends_date)`.

    accepted_date: acceptance; p50_date and p90_date: expected acceptance. starts_date: first day the lot may be used
    (a lease term, or a move into this pool). ends_date: retirement or lease end, the first day without the lot.
    billed_from_date: only where billing starts on another day than the lot's first day in service.
    """

    key: str
    pool_key: str
    state: LotState
    accelerators: int
    domain_key: str | None = None
    label: str = ""
    accepted_date: date | None = None
    p50_date: date | None = None
    p90_date: date | None = None
    starts_date: date | None = None
    ends_date: date | None = None
    billed_from_date: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutageFacts:
    """Accelerators in maintenance or quarantine over `[starts_date, ends_date)`; no domain: anywhere in the pool."""

    key: str
    pool_key: str
    accelerators: int
    starts_date: date
    ends_date: date | None = None
    domain_key: str | None = None
    kind: str = "maintenance"


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyIssue:
    """Why a lot or outage does not count as written: a code and a sentence someone can act on."""

    code: str
    severity: Severity
    message: str
    pool_key: str
    lot_key: str | None = None
    week: Week | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedLot:
    key: str
    accelerators: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyWeek:
    """Supply of one domain (or of the whole pool: domain_key None in `pool_weeks`) in one week, in accelerators.

    available = installed × availability; available = maintenance + allocatable + fragment, exactly.
    installed and allocatable are whole; the others may be fractional. issues: codes that touch this week.
    """

    pool_key: str
    domain_key: str | None
    week: Week
    installed: int
    available: Decimal
    maintenance: Decimal
    allocatable: int
    fragment: Decimal
    lots: tuple[CountedLot, ...]
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LotEvent:
    """A lot entering (+) or leaving (−) the counted supply: the first week with it, or the first week without it."""

    pool_key: str
    domain_key: str | None
    week: Week
    lot_key: str
    label: str
    accelerators: int
    on_date: date
    kind: str  # "arrival" | "departure"
    basis: str  # "accepted" | "installed" | "p50" | "p90" | "moved" | "ends"


@dataclass(frozen=True, kw_only=True, slots=True)
class LotWeek:
    """What is billed for a lot in a week: days 1…7, and whether the lot counts as capacity all that week."""

    lot_key: str
    pool_key: str
    domain_key: str | None
    week: Week
    accelerators: int
    billed_days: int
    counted: bool

    @property
    def billed_accelerator_hours(self) -> int:
        return self.accelerators * self.billed_days * 24


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyCalendar:
    """The whole supply over a horizon. pool_weeks: pools in key order, weeks in order; domain_weeks likewise."""

    horizon: Horizon
    pool_weeks: tuple[SupplyWeek, ...]
    domain_weeks: tuple[SupplyWeek, ...]
    events: tuple[LotEvent, ...]
    lot_weeks: tuple[LotWeek, ...]
    issues: tuple[SupplyIssue, ...]

    def pool(self, pool_key: str) -> tuple[SupplyWeek, ...]:
        """The weeks of one pool, in order."""
        return tuple(row for row in self.pool_weeks if row.pool_key == pool_key)

    def domain(self, pool_key: str, domain_key: str | None) -> tuple[SupplyWeek, ...]:
        """The weeks of one domain, in order."""
        return tuple(row for row in self.domain_weeks if (row.pool_key, row.domain_key) == (pool_key, domain_key))

    def allocatable(self, pool_key: str) -> tuple[int, ...]:
        """Allocatable accelerators of a pool, one number a week."""
        return tuple(row.allocatable for row in self.pool(pool_key))
