"""Contract rows → contracts in force over a horizon: terms by week, usage by week, what cannot be sized or priced.

Pure: rows are dictionaries (imports.rows). The terms of a day are lines.py; which loads and demands contracts become
is demand.py; the money is exposure.py; what the plan says about them is remarks.py.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon
from capacity.lib.units import SECONDS_PER_MONTH, exact
from contracts.currencies import Rate, rates_on
from contracts.domain.terms import BundleUnit, ContractTerms, DedicatedUnit, Promise, ProvisionedUnit, TermsError
from contracts.domain.workflow import IN_FORCE, MAY_HOLD, PIPELINE
from contracts.lines import SHAPE, DayTerms, Gap, Lines, in_dollars, promises_of, terms_on
from workloads.demand import weekly_traffic
from workloads.domain.serving import ServingError, Traffic

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

# Shapes whose capacity we owe; the others are owed only where an SLA says so.
OWED_SHAPES = {
    "provisioned_throughput",
    "dedicated_accelerators",
    "token_bundles",
    "committed_spend",
    "take_or_pay",
    "priority",
    "batch",
    "minimum_overage",
    "outcome",
}
# What terms that make no sense raise: the contract is then named and left unknown, and everything else goes on.
BROKEN = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
# What a usage profile gives a contract that leaves it empty.
_FILLED = (
    "input_tokens_per_second",
    "output_tokens_per_second",
    "cache_hit_share",
    "cache_write_share",
    "peak_factor",
    "p95_multiple",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractInForce:
    """One contract version in force in at least one week of the horizon; of a pinned one the weeks with or after its pin.

    usage: expected use, filled from the usage profile. terms: by week, None out of term. gaps: by week, what its money
    leaves unknown. traffic: by week, None where not given. rate: what turned its prices into dollars, None if unknown.
    steps_outside: (kind, date) of commitment steps outside the term. part: "" or "pin" for the part, from `starts` to
    `ends`, that is on replicas of its own. is_deal: not signed, read as if it were; hold: the hold it has, if any.
    """

    row: Row
    customer: Row
    workload: Row | None
    usage: Row
    terms: tuple[ContractTerms | None, ...]
    gaps: tuple[tuple[Gap, ...], ...]
    traffic: tuple[Traffic | None, ...] | None
    days: tuple[int, ...]
    starts: date
    ends: date
    rate: Rate | None
    promises: Mapping[str, Promise]
    has_sla_lines: bool = False
    steps_outside: tuple[tuple[str, date], ...] = ()
    part: str = ""
    is_deal: bool = False
    hold: Row | None = None

    @property
    def demand_key(self) -> str:
        key = f"{'h' if self.is_deal else 'c'}.{self.row['key']}.v{self.row['version']}"[:80]
        return f"{key[:76]}.{self.part}" if self.part else key

    @property
    def is_priced(self) -> bool:
        """Whether the bill of every week in force is known."""
        return not any(self.gaps)

    def unbillable(self, error: Exception, *, keeps_use: bool = True) -> ContractInForce:
        """The contract without the terms that raised `error`: its money unknown, its units and use as they are.

        keeps_use False: nothing is left but its term.
        """
        gap = cannot_be_billed(error)
        return replace(
            self,
            terms=tuple(None if each is None else _bare(each, keeps_units=keeps_use) for each in self.terms),
            gaps=tuple((gap,) if inside else () for inside in self.days),
            traffic=self.traffic if keeps_use else None,
        )

    @property
    def is_owed(self) -> bool:
        return self.row["shape"] in OWED_SHAPES or self.row["has_sla"] or self.has_sla_lines

    @property
    def is_pinned(self) -> bool:
        return self.part == "pin"

    @property
    def model_key(self) -> str:
        """The model version that serves it: the pinned one, else its workload's; "" where neither is given."""
        pinned = self.row["pinned_model_version"] or ""
        if self.is_pinned or self.workload is None:
            return str(pinned)
        return str(self.workload["model_version"])

    @property
    def latency_class(self) -> str:
        """Its own latency class, else its workload's; "" where neither is given."""
        return str(self.row["latency_class"] or (self.workload["latency_class"] if self.workload else ""))

    @property
    def dedicated_unit(self) -> DedicatedUnit | None:
        return next((unit for unit in self.promises.values() if isinstance(unit, DedicatedUnit)), None)

    @property
    def provisioned_unit(self) -> ProvisionedUnit | None:
        return next((unit for unit in self.promises.values() if isinstance(unit, ProvisionedUnit)), None)

    @property
    def bundle_units(self) -> dict[str, BundleUnit]:
        return {kind: unit for kind, unit in self.promises.items() if isinstance(unit, BundleUnit)}

    @property
    def regions(self) -> tuple[str, ...]:
        own = self.row["regions"] or (self.workload["regions"] if self.workload else [])
        return tuple(sorted(own))

    @property
    def has_units(self) -> bool:
        """Whether any units are committed in the weeks in force (of a shape that reserves units)."""
        return any(terms.unit_lines for terms in self.terms if terms is not None)

    def units(self, horizon: Horizon, kind: str = "") -> tuple[Decimal, ...]:
        """Promised units by week of a kind of commitment (the only one by default), 0 out of term."""
        return tuple(
            sum((line.units_in(week) for line in terms.unit_lines if kind in ("", line.key)), Decimal(0))
            if terms is not None
            else Decimal(0)
            for week, terms in zip(horizon, self.terms, strict=True)
        )

    def fair_use_multiple(self, index: int) -> Fraction | None:
        """The fair-use cap of a week as a multiple of expected use: seats × tokens ÷ tokens of a month. None: none."""
        cap, traffic = self.row["fair_use_tokens_per_month"], self.traffic[index] if self.traffic else None
        if cap is None or traffic is None:
            return None
        expected = (traffic.input_tokens_per_second + traffic.output_tokens_per_second) * SECONDS_PER_MONTH
        terms = self.terms[index]
        seats = [fee.quantity for fee in terms.fixed_fees if fee.key == "seat_month"] if terms else []
        sold = exact(seats[0]) if seats else Fraction(self.row["seats"] or 1)
        return sold * cap / expected if expected else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reading:
    """What all contracts of one reading share."""

    tables: Rows
    policy: Policy
    horizon: Horizon
    as_of: date
    customers: Mapping[str, Row]
    workloads: Mapping[str, Row]
    profiles: Mapping[str, Row]
    lines: Mapping[str, Mapping[tuple[str, int], list[Row]]]
    rates: Mapping[str, Rate]
    node_size: Mapping[str, int]


def contracts_in_force(*, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> list[ContractInForce]:
    """Every signed, active or noticed contract version whose term meets the horizon, in key order.

    A version with a pin that ends inside its term comes in two parts: on its own replicas, and after. (methods: Version pins)
    """
    reading = _reading(tables=tables, policy=policy, horizon=horizon, as_of=as_of)
    return [
        each for row in tables["contracts"] if row["state"] in IN_FORCE for each in _versions(row=row, reading=reading)
    ]


def deals_in_pipeline(*, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> list[ContractInForce]:
    """Every contract version on its way to a signature whose term meets the horizon, as if it were in force.

    `hold` is the one that counts as of the day: granted, and not expired whether or not anybody wrote that down.
    """
    reading = _reading(tables=tables, policy=policy, horizon=horizon, as_of=as_of)
    holds = {(row["contract"], row["contract_version"]): row for row in open_holds(tables=tables, as_of=as_of)}
    return [
        replace(each, is_deal=True, hold=holds.get((row["key"], row["version"])))
        for row in tables["contracts"]
        if row["state"] in PIPELINE
        for each in _versions(row=row, reading=reading)
    ]


def open_holds(*, tables: Rows, as_of: date) -> list[Row]:
    """The holds that count as of a day. (methods: Holds)"""
    states = {(row["key"], row["version"]): row["state"] for row in tables["contracts"]}
    return [
        row
        for row in tables.get("holds", ())
        if row["state"] == "granted"
        and row["expires_date"] > as_of
        and states.get((row["contract"], row["contract_version"])) in MAY_HOLD
    ]


def _reading(*, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> _Reading:
    return _Reading(
        tables=tables,
        policy=policy,
        horizon=horizon,
        as_of=as_of,
        customers={row["key"]: row for row in tables["customers"]},
        workloads={row["key"]: row for row in tables["workloads"]},
        profiles={row["key"]: row for row in tables.get("usage_profiles", ())},
        lines={name: _by_contract(tables.get(name, ())) for name in ("price_lines", "commit_steps", "sla_lines")},
        rates=rates_on(rows=tables.get("fx_rates", ()), day=as_of),
        node_size=_node_sizes(tables),
    )


def _versions(*, row: Row, reading: _Reading) -> Iterator[ContractInForce]:
    """The parts of a contract version that meet the horizon."""
    for part, starts, ends in _parts(row):
        days = tuple(week.days_within(start=starts, end=ends) for week in reading.horizon)
        if any(days):
            yield _in_force(row=row, part=part, starts=starts, ends=ends, days=days, reading=reading)


def _parts(row: Row) -> Iterator[tuple[str, date, date]]:
    """(part, start, end): the pinned part and what follows it, or all of the term."""
    starts, ends = row["starts_date"], row["ends_date"]
    if not row["pinned_model_version"]:
        yield "", starts, ends
        return
    until = min(row["pin_ends_date"] or ends, ends)
    yield "pin", starts, until
    if until < ends:
        yield "", until, ends


def _in_force(
    *, row: Row, part: str, starts: date, ends: date, days: tuple[int, ...], reading: _Reading
) -> ContractInForce:
    place = (row["key"], row["version"])
    workload = reading.workloads.get(row["workload"])
    latency_class = str(row["latency_class"] or (workload["latency_class"] if workload else ""))
    usage = usage_of(row=row, profiles=reading.profiles)
    rate = reading.rates.get(row["currency"])
    lines = Lines(
        prices=in_dollars(reading.lines["price_lines"].get(place, []), rate.usd_per_unit if rate else Decimal(0)),
        steps=reading.lines["commit_steps"].get(place, []),
        sla=reading.lines["sla_lines"].get(place, []),
    )
    promises: Mapping[str, Promise] = {}
    broken: Exception | None = None
    try:
        promises = promises_of(row=row, usage=usage, spare_block=reading.node_size.get(row["accelerator_type"], 8))
    except BROKEN as error:
        broken = error
    terms: list[ContractTerms | None] = []
    gaps: list[tuple[Gap, ...]] = []
    turns, known = lines.turns(), dict[int, DayTerms]()
    for week, inside in zip(reading.horizon, days, strict=True):
        if not inside:
            terms.append(None)
            gaps.append(())
            continue
        day = max(week.monday, starts)
        turned = bisect_right(turns, day)
        if turned not in known:
            known[turned] = _day_terms(row, lines, usage, latency_class, promises, day, broken)
        found = known[turned]
        terms.append(found.terms)
        gaps.append(found.gaps if rate else (_no_rate(row),))
    traffic = None
    if latency_class:
        try:
            traffic = weekly_traffic(
                row=usage,
                latency_class=latency_class,
                policy=reading.policy,
                horizon=reading.horizon,
                starts=starts,
                ends=ends,
                measured=usage["usage_date"] or max(row["starts_date"], reading.as_of),
            )
        except BROKEN as error:
            gaps = [(cannot_be_billed(error),) if inside else () for inside in days]
    return ContractInForce(
        row=row,
        customer=reading.customers[row["customer"]],
        workload=workload,
        usage=usage,
        terms=tuple(terms),
        gaps=tuple(gaps),
        traffic=traffic,
        days=days,
        starts=starts,
        ends=ends,
        rate=rate,
        promises=promises,
        has_sla_lines=bool(lines.sla),
        steps_outside=tuple(
            (step["kind"], step["starts_date"])
            for step in lines.steps
            if not row["starts_date"] <= step["starts_date"] < row["ends_date"]
        ),
        part=part,
    )


def _day_terms(
    row: Row,
    lines: Lines,
    usage: Row,
    latency_class: str,
    promises: Mapping[str, Promise],
    day: date,
    broken: Exception | None,
) -> DayTerms:
    """The terms of a day; those that contradict themselves are left out, and said."""
    try:
        if broken is None:
            return terms_on(row=row, lines=lines, usage=usage, latency_class=latency_class, promises=promises, day=day)
    except BROKEN as error:
        broken = error
    bare = ContractTerms(
        key=f"{row['key']}.v{row['version']}",
        shape=SHAPE[row["shape"]],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
    )
    return DayTerms(terms=bare, gaps=(cannot_be_billed(broken),))


def _bare(terms: ContractTerms, *, keeps_units: bool) -> ContractTerms:
    """The term of a contract without its prices, and with the units and limits that say what it needs."""
    return ContractTerms(
        key=terms.key,
        shape=terms.shape,
        starts_date=terms.starts_date,
        ends_date=terms.ends_date,
        unit_lines=terms.unit_lines if keeps_units else (),
        rate_limit=terms.rate_limit,
        sla_tiers=terms.sla_tiers if keeps_units else (),
    )


def cannot_be_billed(error: Exception) -> Gap:
    """The gap of terms that cannot be worked out. What our own rules refuse is a sentence; else its kind is said too."""
    said = str(error).rstrip(".")
    if not isinstance(error, (TermsError, ServingError)):
        said = f"{type(error).__name__}: {said}"
    return Gap(code="cannot_be_billed", says=f"cannot be billed as it is entered ({said})")


def _no_rate(row: Row) -> Gap:
    return Gap(code="no_fx_rate", says=f"is in {row['currency']}, for which no exchange rate is on file")


def usage_of(*, row: Row, profiles: Mapping[str, Row]) -> dict[str, Any]:
    """The contract's expected use: its own figures, and its usage profile's where it has none. (methods: Expected use)

    Growth, basis and date belong to the tokens: they are the profile's where the tokens are.
    """
    usage = {name: row[name] for name in (*_FILLED, "growth_share_per_month", "usage_basis", "usage_date")}
    profile = profiles.get(row["usage_profile"] or "")
    if profile is None:
        return usage
    if usage["input_tokens_per_second"] is None and usage["output_tokens_per_second"] is None:
        usage["growth_share_per_month"] = profile["growth_share_per_month"]
        usage["usage_basis"], usage["usage_date"] = profile["basis"], profile["measured_date"]
    return usage | {name: profile[name] for name in _FILLED if usage[name] is None}


def _by_contract(rows: Sequence[Row]) -> dict[tuple[str, int], list[Row]]:
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["contract"], row["contract_version"]), []).append(row)
    return found


def _node_sizes(tables: Rows) -> dict[str, int]:
    """Accelerator type → the smallest node it comes in: the block a spare is."""
    sizes: dict[str, int] = {}
    for pool in tables["pools"]:
        kind = pool["accelerator_type"]
        sizes[kind] = min(sizes.get(kind, pool["node_size"]), pool["node_size"])
    return sizes
