"""A quote's rows → what it takes and earns alone: need by week, money at committed, expected and heavy use, price floor.

Pure: the terms code over the inputs of a run, without any table and without a solver (methods: Quotes). Whether it fits
is asked of the engine by the review; the rows come from domain/quote_payload.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import ServingDemand
from capacity.decisions.policy import Policy
from capacity.lib.figures import day
from capacity.lib.horizon import Horizon
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, exact
from contracts.demand import HOURS_PER_DAY, contract_loads, dedicated_demands, weekly_revenue
from contracts.domain.credits import expected_make_good, outage_credit_share
from contracts.domain.margin import ContractResult, assess_contract
from contracts.domain.month import ExposurePolicy, UsageCase, UsageProfile
from contracts.domain.promises import burndown_flags
from contracts.inputs import ContractInForce, contracts_in_force
from contracts.quote_floor import PriceFloor, price_floor
from workloads.demand import ClassLoad, profiles_of, serving_classes, spare_rule
from workloads.domain.classes import ServingClass

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
CONTRACT_TABLES = ("contracts", "price_lines", "commit_steps", "sla_lines")


@dataclass(frozen=True, kw_only=True, slots=True)
class SizedQuote:
    """A quote as if it were signed. loads: of shared classes, dedicated: demands of their own; alone: classes of it alone.

    unsized: why its need is not known, "" where it is. tier: that its need is planned in.
    """

    parts: tuple[ContractInForce, ...]
    revenue: Mapping[str, tuple[Decimal | None, ...]]
    loads: tuple[ClassLoad, ...]
    dedicated: tuple[ServingDemand, ...]
    alone: tuple[ServingClass, ...]
    unsized: str
    tier: str

    @property
    def demand_keys(self) -> set[str]:
        return {load.load.key for load in self.loads} | {each.key for each in self.dedicated}

    @property
    def options(self) -> dict[str, Fraction]:
        """Pools that may serve it → the reference accelerators' work one accelerator there does."""
        found = {option.pool_key: option.work_per_accelerator for each in self.alone for option in each.options}
        return found | {option.pool: exact(option.work_per_accelerator) for d in self.dedicated for option in d.options}

    def weeks(self) -> set[int]:
        """The weeks of the plan in which it asks for anything."""
        return {index for index, need in enumerate(self.need()) if need}

    def need(self) -> tuple[int, ...]:
        """Accelerators by week if nobody shared its replicas."""
        count = len(self.parts[0].days) if self.parts else 0
        sums = [0] * count
        for each in self.alone:
            for index, week in enumerate(each.weeks):
                sums[index] += week.total.accelerators
        for demand in self.dedicated:
            for index, work in enumerate(demand.work):
                sums[index] += int(work)
        return tuple(sums)


def size_quote(*, contract_rows: Rows, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> SizedQuote:
    """The quote's demand. contract_rows: its rows in the tables of contracts; tables: everything else of a run's inputs."""
    own = {**tables, **{name: contract_rows.get(name, ()) for name in CONTRACT_TABLES}, "holds": ()}
    parts = contracts_in_force(tables=own, policy=policy, horizon=horizon, as_of=as_of)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=horizon) for each in parts}
    loads, unsized = contract_loads(
        contracts=parts,
        revenue=revenue,
        profile_places=set(profiles_of(tables=tables, policy=policy)),
        horizon=horizon,
    )
    committed = policy.tier_of("committed") or policy.tiers[0]
    dedicated = dedicated_demands(
        contracts=parts, revenue=revenue, tables=own, policy=policy, horizon=horizon, tier=committed
    )
    is_owed = bool(dedicated) or any(load.load.is_committed for load in loads)
    return SizedQuote(
        parts=tuple(parts),
        revenue=revenue,
        loads=tuple(loads),
        dedicated=tuple(dedicated),
        alone=serving_classes(loads=loads, tables=tables, policy=policy, weeks=len(horizon)),
        unsized=_why_unsized(parts, [each.sentence for each in unsized]),
        tier=committed if is_owed else policy.tier_of("forecast") or committed,
    )


def _why_unsized(parts: Sequence[ContractInForce], sentences: Sequence[str]) -> str:
    if not parts:
        return "Its term lies outside the weeks that are planned: nothing of it can be looked at."
    said = " ".join(dict.fromkeys(sentences))
    # The rows have a key of their own until there is a contract.
    return said.replace(f"Contract {parts[0].row['key']}", "The quote")


# --- rates ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolRates:
    """Pool → by week (allocatable accelerators, USD per accelerator-hour or None where not known)."""

    by_pool: Mapping[str, Sequence[tuple[int, Decimal | None]]]

    def hourly(self, options: Mapping[str, Fraction], index: int) -> Decimal | None:
        """USD for an hour of one reference accelerator in the pools that may serve it, by their size: Σ cost ÷ Σ work.

        None where the cost of one of them is not known, or there is none. (methods: Quotes)
        """
        cost, work = Fraction(0), Fraction(0)
        for pool, rate in options.items():
            weeks = self.by_pool.get(pool, ())
            size, usd = weeks[index] if index < len(weeks) else (0, None)
            if not size:
                continue
            if usd is None:
                return None
            cost += size * exact(usd)
            work += size * rate
        return to_decimal(cost / work) if work else None


# --- money at committed, expected and heavy use ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteCase:
    """Accelerators in the largest week, and money over the planned weeks of the term, alone. None: not known."""

    accelerators: int | None
    revenue_usd: Decimal | None
    reserved_cost_usd: Decimal | None
    consumed_cost_usd: Decimal | None

    @property
    def margin_usd(self) -> Decimal | None:
        """Fully loaded: revenue − reserved cost."""
        return _minus(self.revenue_usd, self.reserved_cost_usd)

    @property
    def margin_share(self) -> Decimal | None:
        return _share(self.margin_usd, self.revenue_usd)


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteTerms:
    """What the terms code says of a quote over its planned weeks.

    weeks: of the term inside the plan, term_weeks: all of them. heavy_multiple: the largest of the weeks,
    break_even_multiple: the lowest. Expected credits of outages (P50)
    and make-good: None where no chance is on file. need: accelerators by week, alone; None where unsized.
    flags: (code, sentence) of what a person must look at.
    """

    weeks: int
    term_weeks: int
    committed: QuoteCase
    expected: QuoteCase
    heavy: QuoteCase
    heavy_multiple: Decimal | None
    break_even_multiple: Decimal | None
    expected_credits_usd: Decimal | None
    make_good_usd: Decimal | None
    loss_exposure_usd: Decimal | None
    need: tuple[int, ...] | None
    floor: PriceFloor
    target_share: Decimal
    flags: tuple[tuple[str, str], ...]


def quote_terms(
    *, sized: SizedQuote, tables: Rows, policy: Policy, horizon: Horizon, as_of: date, rates: PoolRates,
    target_share: Decimal,
) -> QuoteTerms:  # fmt: skip
    """The terms of a sized quote. target_share: the margin whose price floor is wanted. Raises ValueError outside plan."""
    with localcontext(exact_context()):
        assessed = [_Assessed(part, sized, policy, horizon, rates) for part in sized.parts]
        weeks = [found for each in assessed for found in each.weeks()]
        backs = [found for each in assessed for found in each.backs()]
        is_priced = all(part.is_priced for part in sized.parts)
        cases = {name: _case([getattr(each, name) for each in weeks], is_priced) for name in _CASES}
        if sized.dedicated:
            # Accelerators of one's own are consumed as they are reserved.
            cases = {name: replace(case, consumed_cost_usd=case.reserved_cost_usd) for name, case in cases.items()}
        losses = [
            None if each.loss_exposure_usd is None else each.loss_exposure_usd + back.at_worst_usd
            for each, back in zip(weeks, backs, strict=True)
        ]
        first = weeks[0]
        even = [each.break_even.multiple for each in weeks if each.break_even.multiple is not None]
        row = sized.parts[0].row
        return QuoteTerms(
            weeks=len({index for part in sized.parts for index, days in enumerate(part.days) if days}),
            term_weeks=-(-(row["ends_date"] - row["starts_date"]).days // 7),
            committed=cases["committed"],
            expected=cases["planned"],
            heavy=cases["worst"],
            heavy_multiple=to_decimal(max(each.worst.multiple for each in weeks)),
            break_even_multiple=to_decimal(min(even)) if even else None,
            expected_credits_usd=_total(back.credits_usd for back in backs) if is_priced else None,
            make_good_usd=_total(back.make_good_usd for back in backs),
            loss_exposure_usd=_total(losses) if is_priced else None,
            need=None if sized.unsized else sized.need(),
            floor=_floor(sized, weeks, cases["planned"], target_share, tables),
            target_share=target_share,
            flags=tuple(_flags(sized, first, cases, tables, as_of)),
        )


_CASES = ("committed", "planned", "worst")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Back:
    """What outages are expected to give back of a week: credits at P50, make-good, and both at worst use where known."""

    credits_usd: Decimal | None
    make_good_usd: Decimal | None
    at_worst_usd: Decimal


class _Assessed:
    """One part of the quote, week by week; most weeks are like the one before, and assessed once."""

    def __init__(
        self, part: ContractInForce, sized: SizedQuote, policy: Policy, horizon: Horizon, rates: PoolRates
    ) -> None:
        self.part, self.sized, self.horizon, self.rates = part, sized, horizon, rates
        self.policy = ExposurePolicy(
            metered_multiple=policy.worst_use_multiple_metered,
            flat_multiple=policy.worst_use_multiple_flat,
            spares=spare_rule(policy),
        )
        serving = next((c for c in sized.alone if any(m.key == part.demand_key for m in c.members)), None)
        self.profile = serving.reference if serving else None
        self._known: dict[tuple[Any, ...], ContractResult] = {}

    def weeks(self) -> Iterator[ContractResult]:
        for index, days in enumerate(self.part.days):
            if days:
                yield self._assess(index, days * HOURS_PER_DAY)

    def backs(self) -> Iterator[_Back]:
        for index, days in enumerate(self.part.days):
            if days:
                yield self._back(index, days * HOURS_PER_DAY)

    def _back(self, index: int, hours: int) -> _Back:
        terms, result = self.part.terms[index], self._assess(index, hours)
        assert terms is not None
        if terms.breaches is None:
            return _Back(credits_usd=None, make_good_usd=None, at_worst_usd=Decimal(0))
        share, a_month = outage_credit_share(breaches=terms.breaches), expected_make_good(breaches=terms.breaches)
        make_good = None if a_month is None else a_month * hours / HOURS_PER_MONTH
        return _Back(
            credits_usd=result.planned.revenue_usd * share,
            make_good_usd=make_good,
            at_worst_usd=result.worst.revenue_usd * share + (make_good or Decimal(0)),
        )

    def _assess(self, index: int, hours: int) -> ContractResult:
        part, terms = self.part, self.part.terms[index]
        assert terms is not None
        on_date = max(self.horizon.first.plus(index).monday, part.starts)
        traffic = part.traffic[index] if part.traffic else None
        cap, rate = part.fair_use_multiple(index), self.rates.hourly(self.sized.options, index)
        facts = (terms, traffic, cap, hours, rate, *(line.units_on(on_date) for line in terms.unit_lines))
        if facts not in self._known:
            self._known[facts] = assess_contract(
                terms=terms,
                usage=UsageProfile(
                    traffic=traffic,
                    p95_multiple=part.usage["p95_multiple"],
                    cap_multiple=None if cap is None else to_decimal(cap),
                    written_share=part.usage["cache_write_share"] or Decimal(0),
                ),
                profile=self.profile,
                rate_usd_per_hour=rate,
                on_date=on_date,
                policy=replace(self.policy, hours=hours),
            )
        return self._known[facts]


def _case(cases: Sequence[UsageCase], is_priced: bool) -> QuoteCase:
    sizes = [case.accelerators for case in cases]
    return QuoteCase(
        accelerators=None if None in sizes else max(size for size in sizes if size is not None),
        revenue_usd=_total(case.revenue_usd for case in cases) if is_priced else None,
        reserved_cost_usd=_total(case.reserved_cost_usd for case in cases),
        consumed_cost_usd=_total(case.consumed_cost_usd for case in cases),
    )


def _floor(
    sized: SizedQuote, weeks: Sequence[ContractResult], expected: QuoteCase, target: Decimal, tables: Rows
) -> PriceFloor:
    """The price floor, or why there is none."""
    if expected.revenue_usd is None:
        return PriceFloor(reason="What it earns is not known: it needs a price for all it sells.")
    if expected.reserved_cost_usd is None:
        why = sized.unsized or "The cost of what would serve it is not known."
        return PriceFloor(reason=why)
    return price_floor(
        weeks=weeks,
        revenue_usd=expected.revenue_usd,
        cost_usd=expected.reserved_cost_usd,
        target_share=target,
        prices=tables["price_lines"],
        steps=tables["commit_steps"],
        currency=str(sized.parts[0].row["currency"] or "USD"),
    )


def _flags(
    sized: SizedQuote, first: ContractResult, cases: Mapping[str, QuoteCase], tables: Rows, as_of: date
) -> Iterator[tuple[str, str]]:
    part = sized.parts[0]
    if sized.unsized:
        yield "unsized", sized.unsized
    for gap in dict.fromkeys(gap.says for each in sized.parts for gaps in each.gaps for gap in gaps):
        yield "unknown_price", f"The quote {gap}: its revenue is unknown."
    if "uncapped_exposure" in first.badges and not part.promises:
        yield "uncapped", "Nothing bounds its use: no rate limit, no fair use and no P95."
    unit, profile = part.provisioned_unit, sized.alone[0].reference if sized.alone else None
    if unit is not None and profile is not None and burndown_flags(unit=unit, profile=profile):
        yield "burndown_mismatch", "A unit lets a mix of tokens through that takes more work than it is priced for."
    if (sized.loads or sized.dedicated) and not sized.options:
        yield "no_pool_in_region", "No pool in its regions can serve it."
    yield from _retirement(part, tables)
    yield from _lead_time(sized, tables, as_of)
    margin = cases["planned"].margin_usd
    if margin is not None and margin < 0:
        yield "loses_at_expected_use", "It costs more than it earns at expected use."


def _retirement(part: ContractInForce, tables: Rows) -> Iterator[tuple[str, str]]:
    models = {row["key"]: row for row in tables["model_versions"]}
    retires = models[part.model_key]["retire_date"] if part.model_key in models else None
    if retires is not None and retires < part.row["ends_date"]:
        yield "past_retirement", f"Its model version retires on {day(retires)} {retires.year}, before its term ends."


def _lead_time(sized: SizedQuote, tables: Rows, as_of: date) -> Iterator[tuple[str, str]]:
    """Whether anything ordered today would be there when it starts."""
    kind_of = {row["key"]: row["accelerator_type"] for row in tables["pools"]}
    kinds = {kind_of[pool] for pool in sized.options if pool in kind_of}
    leads = [row["p50_weeks"] for row in tables.get("lead_times", ()) if row["accelerator_type"] in kinds]
    if not leads or not sized.parts:
        return
    soonest = as_of + timedelta(weeks=int(min(leads)))
    if sized.parts[0].row["starts_date"] < soonest:
        yield (
            "inside_lead_time",
            f"It starts before anything ordered today is there (from {day(soonest)} {soonest.year} at the earliest).",
        )


def _total(values: Iterable[Decimal | None]) -> Decimal | None:
    found = list(values)
    return None if any(value is None for value in found) else sum((v for v in found if v is not None), Decimal(0))


def _minus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left - right


def _share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return None if part is None or not whole else to_decimal(exact(part) / exact(whole))
