"""Workload rows → demand: profiles, own products' loads, experiment requests, and the pooled serving classes.

Pure: rows in, problem parts out. Contracts bring their own loads (contracts/demand.py); the review composes both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import Experiment, ExperimentOption, ServingDemand, ServingOption
from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import to_decimal
from capacity.lib.units import SECONDS_PER_WEEK, TOKENS_PER_MILLION, exact
from workloads.domain.classes import ServingClass, ServingLoad, TrafficLoad, build_class
from workloads.domain.forecasts import Band, ForecastStep, forecast_by_week, planned_source
from workloads.domain.serving import Profile, SpareRule, Traffic
from workloads.promises import kept_as, promises_by_key
from workloads.running import planned_as, run_of

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
DAYS_PER_YEAR = 365
MONTHS_PER_YEAR = 12
# Latency classes of work that waits.
WAITING = frozenset({"batch", "offline"})
NO_SPARES = SpareRule(few=0, many=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsized:
    """Something that asks for accelerators but cannot be sized: counted and listed, never zero."""

    kind: str
    key: str
    name: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassLoad:
    """A load and the class it belongs to. own: the contract version whose own replicas it runs on, "" where it shares.

    A class of its own is called `dedicated.` and the contract's key, like dedicated accelerators: not everybody may
    read whose it is.
    """

    model_key: str
    latency_class: str
    regions: tuple[str, ...]
    load: ServingLoad
    own: str = ""

    @property
    def class_key(self) -> str:
        if self.own:
            return f"dedicated.{self.own}"[:80]
        return class_key_of(model_key=self.model_key, latency_class=self.latency_class, regions=self.regions)


def class_key_of(*, model_key: str, latency_class: str, regions: Sequence[str]) -> str:
    """The class that loads of one model, latency class and region set share."""
    return ".".join([model_key, latency_class, "_".join(sorted(regions)) or "any"]).replace("+", "_")[:80]


def spare_rule(policy: Policy) -> SpareRule:
    return SpareRule(few=policy.spare_replicas, many=policy.spare_replicas_large, many_from=policy.large_from_replicas)


def profiles_of(*, tables: Rows, policy: Policy) -> dict[tuple[str, str], dict[str, Profile]]:
    """(model version, latency class) → accelerator type → profile, with the policy's utilisation target."""
    found: dict[tuple[str, str], dict[str, Profile]] = {}
    for row in tables["throughput_profiles"]:
        place = (row["model_version"], row["latency_class"])
        found.setdefault(place, {})[row["accelerator_type"]] = Profile.of(
            replica_accelerators=row["replica_accelerators"],
            prefill_tps=row["prefill_tokens_per_second"],
            decode_tps=row["decode_tokens_per_second"],
            cached_cost_ratio=row["cached_cost_share"],
            utilisation_target=policy.utilisation[row["latency_class"]],
            key=f"{row['model_version']} on {row['accelerator_type']}, {row['latency_class']}",
            is_estimated=row["basis"] == "estimated",
        )
    return found


def weekly_traffic(
    *, row: Row, latency_class: str, policy: Policy, horizon: Horizon, starts: date, ends: date | None, measured: date
) -> tuple[Traffic | None, ...] | None:
    """Traffic by week of a usage row, grown by whole planning months since `measured`; None where out of term.

    None altogether when tokens in or out are not given. A missing cache hit share is no caching; a missing peak
    factor is the policy's default for the latency class. (methods: Traffic)
    """
    if row["input_tokens_per_second"] is None or row["output_tokens_per_second"] is None:
        return None
    base = Traffic.of(
        input_tps=row["input_tokens_per_second"],
        output_tps=row["output_tokens_per_second"],
        cache_hit_share=row["cache_hit_share"] or 0,
        peak_factor=row["peak_factor"] or policy.peak_factor[latency_class],
    )
    growth = 1 + exact(row["growth_share_per_month"])
    traffic: list[Traffic | None] = []
    grown: dict[int, Traffic] = {}
    for week in horizon:
        if not week.days_within(start=starts, end=ends):
            traffic.append(None)
            continue
        months = max(0, (week.monday - measured).days) * MONTHS_PER_YEAR // DAYS_PER_YEAR
        if months not in grown:
            grown[months] = base.times(growth**months)
        traffic.append(grown[months])
    return tuple(traffic)


def own_product_loads(
    *, tables: Rows, policy: Policy, horizon: Horizon, as_of: date
) -> tuple[list[ClassLoad], list[Unsized]]:
    """Loads of workloads with tokens of their own, beside what contracts bring: the forecast tier.

    Tokens are the planned forecast's by week with its band; without one, the card's own. (methods: Forecasts)
    """
    profiles = profiles_of(tables=tables, policy=policy)
    loads, unsized = [], []
    for row in tables["workloads"]:
        weeks = _expected(row=row, tables=tables, policy=policy, horizon=horizon, as_of=as_of)
        if weeks is None:
            continue
        if (row["model_version"], row["latency_class"]) not in profiles:
            unsized.append(
                Unsized(
                    kind="workload",
                    key=row["key"],
                    name=row["name"],
                    sentence=f"{row['name']} has a forecast but no serving profile for {row['model_version']} at "
                    f"{row['latency_class']} latency: its need is unknown. Add a throughput profile.",
                )
            )
            continue
        loads.append(
            ClassLoad(
                model_key=row["model_version"],
                latency_class=row["latency_class"],
                regions=tuple(sorted(row["regions"])),
                load=ServingLoad(
                    key=f"w.{row['key']}"[:80],
                    source=TrafficLoad(traffic=weeks.p50),
                    low=TrafficLoad(traffic=weeks.p10),
                    high=TrafficLoad(traffic=weeks.p90),
                    is_committed=False,
                    workload_key=row["key"],
                    weekly_value_usd=_own_value(row, weeks.p50),
                ),
            )
        )
    return loads, unsized


WeeklyTraffic = tuple[Traffic | None, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expected:
    """A workload's own tokens by week, at the middle and the ends of its band."""

    p10: WeeklyTraffic
    p50: WeeklyTraffic
    p90: WeeklyTraffic


def _expected(*, row: Row, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> _Expected | None:
    """The forecast where it holds, the card's own tokens elsewhere; None when neither is given."""
    card = weekly_traffic(
        row=row,
        latency_class=row["latency_class"],
        policy=policy,
        horizon=horizon,
        starts=date.min,
        ends=None,
        measured=row["forecast_date"] or as_of,
    )
    rows = [each for each in tables.get("forecasts", ()) if each["workload"] == row["key"]]
    source = planned_source(sources={each["source"] for each in rows}, named=row["forecast_source"])
    steps = [forecast_step(each, row) for each in rows if each["source"] == source]
    if card is None and not steps:
        return None
    weeks = forecast_by_week(steps=steps, horizon=horizon)
    peak = row["peak_factor"] or policy.peak_factor[row["latency_class"]]

    def at(end: str, multiple: Fraction) -> WeeklyTraffic:
        found: list[Traffic | None] = []
        for index, week in enumerate(weeks):
            if week is None:
                own = card[index] if card else None
                found.append(own.times(multiple) if own else None)
                continue
            tokens_in, tokens_out = week
            found.append(
                Traffic.of(
                    input_tps=getattr(tokens_in, end),
                    output_tps=getattr(tokens_out, end),
                    cache_hit_share=row["cache_hit_share"] or 0,
                    peak_factor=peak,
                )
            )
        return tuple(found)

    return _Expected(
        p10=at("p10", _multiple(row, "p10_multiple")),
        p50=at("p50", Fraction(1)),
        p90=at("p90", _multiple(row, "p90_multiple")),
    )


def _multiple(card: Row, column: str) -> Fraction:
    """The card's end of the band as a multiple of P50; not known means P50 itself."""
    return Fraction(1) if card[column] is None else exact(card[column])


def forecast_step(row: Row, card: Row) -> ForecastStep:
    """A forecast row with its band; an end that is not given is the card's multiple of P50."""
    bands = {
        side: Band.of(
            p10=row[f"{side}_p10"],
            p50=row[f"{side}_p50"],
            p90=row[f"{side}_p90"],
            p10_multiple=_multiple(card, "p10_multiple"),
            p90_multiple=_multiple(card, "p90_multiple"),
        )
        for side in ("input", "output")
    }
    return ForecastStep(starts_date=row["starts_date"], input=bands["input"], output=bands["output"])


def _own_value(row: Row, traffic: Sequence[Traffic | None]) -> tuple[Decimal | None, ...]:
    """What a week of the workload is worth, where a value per million tokens is given."""
    value = row["usd_value_per_million_tokens"]
    if value is None:
        return (None,) * len(traffic)
    return tuple(
        None
        if each is None
        else to_decimal(
            (each.input_tokens_per_second + each.output_tokens_per_second)
            * SECONDS_PER_WEEK
            / TOKENS_PER_MILLION
            * exact(value)
        )
        for each in traffic
    )


def serving_classes(
    *, loads: Sequence[ClassLoad], tables: Rows, policy: Policy, weeks: int
) -> tuple[ServingClass, ...]:
    """All loads pooled into classes, in key order. Every load's model and latency class must have a profile."""
    profiles = profiles_of(tables=tables, policy=policy)
    region_of = {row["key"]: row["region"] for row in tables["sites"]}
    grouped: dict[str, list[ClassLoad]] = {}
    for load in loads:
        grouped.setdefault(load.class_key, []).append(load)
    classes = []
    for key, group in sorted(grouped.items()):
        first = group[0]
        pool_types = {
            pool["key"]: pool["accelerator_type"]
            for pool in tables["pools"]
            if not first.regions or region_of[pool["site"]] in first.regions
        }
        sized = build_class(
            key=key,
            loads=[each.load for each in group],
            profiles=profiles[first.model_key, first.latency_class],
            pool_types=pool_types,
            weeks=weeks,
            # Batch and offline work waits: it has no peak to survive and needs no spare.
            spares=NO_SPARES if first.latency_class in WAITING else spare_rule(policy),
            coincidence=policy.coincidence_factor,
        )
        classes.append(replace(sized, model_version=first.model_key, latency_class=first.latency_class))
    return tuple(classes)


def serving_demands(
    *, classes: Sequence[ServingClass], committed_tier: str, forecast_tier: str, holds_tier: str
) -> list[ServingDemand]:
    """Demand blocks of the allocation problem: one a member, its work by week and the $ lost by a week's unmet unit."""
    tiers = (committed_tier, forecast_tier, holds_tier)
    demands = []
    for each in classes:
        options = tuple(
            ServingOption(
                pool=option.pool_key,
                work_per_accelerator=option.work_per_accelerator,
                replica_accelerators=option.replica_accelerators,
            )
            for option in each.options
        )
        for member in each.members:
            work = tuple(week.work.get(member.key, Decimal(0)) for week in each.weeks)
            demands.append(
                ServingDemand(
                    key=member.key,
                    class_=each.key,
                    tier=tiers[member.order],
                    work=work,
                    usd_lost_per_work_week=loss_per_work(member.weekly_value_usd, work),
                    options=options,
                )
            )
    return demands


def loss_per_work(values: Sequence[Decimal | None], work: Sequence[Decimal]) -> Decimal | None:
    """$ lost by one unit of work unmet for a week: Σ value ÷ Σ work over the weeks with a known value. None: unknown.

    Rounded to a millionth of a dollar, so that the problem file says exactly what was solved.
    """
    known = [(value, amount) for value, amount in zip(values, work, strict=False) if value is not None and amount]
    total = sum((exact(amount) for _, amount in known), Fraction(0))
    if not total:
        return None
    rate = sum((exact(value) for value, _ in known), Fraction(0)) / total
    return Decimal(round(rate * TOKENS_PER_MILLION)) / TOKENS_PER_MILLION


def experiment_requests(
    *, tables: Rows, policy: Policy, horizon: Horizon, as_of: date, weights: Mapping[str, Decimal] | None = None
) -> list[Experiment]:
    """Experiment rows as the engine takes them. Pools: those of an acceptable type, narrowed to the named ones.

    What runs is pinned, or has the weeks left to it where it is preemptible (running.py); a start that the last held
    review promised is pinned while it is asked for (promises.py). weights: of their
    accelerator-weeks by request (request_weights.py); 1 where none is given.
    """
    priority_tiers = set(policy.tiers)
    slowest, promised = _slowest_links(tables), promises_by_key(tables)
    found = []
    for row in tables["experiments"]:
        pools = tuple(
            sorted(
                pool["key"]
                for pool in tables["pools"]
                if pool["accelerator_type"] in row["accelerator_types"]
                and (not row["pool_keys"] or pool["key"] in row["pool_keys"])
                and _is_fast_enough(slowest.get(pool["key"]), row.get("least_gbit_per_second"))
            )
        )
        tier = row["experiment_priority"]
        if row["preemptible"] and "preemptible" in priority_tiers:
            tier = "preemptible"
        if tier not in priority_tiers:
            continue
        options = (ExperimentOption(pools=pools, accelerators=row["accelerators"], weeks=row["weeks"]),)
        request = Experiment(
            key=row["key"],
            tier=tier,
            team=row["team"],
            model_development=row["is_model_development"],
            earliest_start=Week.containing(row["earliest_start_date"]),
            latest_start=Week.containing(row["latest_start_date"]),
            options=options if pools else (),
            preemptible=row["preemptible"],
            divisible=row["divisible"],
            weight=(weights or {}).get(row["key"], Decimal(1)),
        )
        run = run_of(row, as_of=as_of, horizon=horizon)
        if run is None:
            promise = promised.get(row["key"])
            domains = domains_of(tables, promise.pool) if promise else ()
            planned: Experiment | None = kept_as(promise, request, row, domains=domains)
        else:
            planned = planned_as(run, request)
        if planned is not None:
            found.append(planned)
    return found


def domains_of(tables: Rows, pool: str) -> list[str]:
    return [row["key"] for row in tables["network_domains"] if row["pool"] == pool]


def _slowest_links(tables: Rows) -> dict[str, Decimal | None]:
    """Pool → the link speed of its slowest network domain, Gbit/s; None where one of them is not known."""
    speeds: dict[str, list[Decimal | None]] = {}
    for domain in tables["network_domains"]:
        speeds.setdefault(domain["pool"], []).append(domain["gbit_per_second"])
    return {
        pool: None if None in found else min(speed for speed in found if speed is not None)
        for pool, found in speeds.items()
    }


def _is_fast_enough(speed: Decimal | None, least: Decimal | None) -> bool:
    return least is None or (speed is not None and speed >= least)
