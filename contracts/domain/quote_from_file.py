"""A contract file (methods: Contract file) → a quote's payload, and a sentence for everything a quote cannot say. Pure.

The file speaks of its own profiles and rates; a quote stands on the plan's. Nothing is dropped without a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import to_decimal
from contracts.domain.agreement import AgreedStream, Agreement, ServiceTerms, Version
from contracts.domain.terms import (
    BundleUnit,
    ContractTerms,
    DedicatedUnit,
    Meter,
    PriceLine,
    ProvisionedUnit,
    Shape,
    SlaTier,
    UnitLine,
)

Lines = list[dict[str, str]]
_SHAPES = {Shape.PROVISIONED: "provisioned_throughput", Shape.DEDICATED: "dedicated_accelerators"}
_MILLION = Decimal(1_000_000)


def payload_of_agreement(agreement: Agreement) -> tuple[dict[str, Any], list[str]]:
    """(payload, notes): the first version's terms and first stream; what is left out is a note each."""
    version = agreement.versions[0]
    stream = version.streams[0] if version.streams else None
    notes = list(_left_out(agreement, version))
    contract = {
        "shape": _shape(agreement, version, notes),
        "starts_date": agreement.starts.isoformat(),
        "ends_date": "" if agreement.ends is None else agreement.ends.isoformat(),
        "time_zone": agreement.time_zone,
        **_use(agreement, stream),
        **_terms(version.terms),
    }
    if agreement.ends is None:
        notes.append("The contract has no end: give the quote one.")
    payload = {
        "name": agreement.key,
        "contract": {name: text for name, text in contract.items() if text},
        "price_lines": _prices(version.terms, notes),
        "commit_steps": _commitments(version.terms, notes),
        "sla_lines": _sla_lines(version.service),
    }
    notes.append("Choose the workload it is served with: profiles and cost are the plan's, not the file's.")
    return payload, notes


def _left_out(agreement: Agreement, version: Version) -> Iterator[str]:
    if len(agreement.versions) > 1:
        yield f"Only the version from {version.from_date} is taken; {len(agreement.versions) - 1} later ones are not."
    if len(version.streams) > 1:
        yield f"Only the stream {version.streams[0].stream.key} is taken; a quote has one. Quote the others beside it."
    if agreement.usage or agreement.service:
        yield "Measured use and service are left out: a quote is about what is expected."
    if version.terms.burndown or version.terms.spill_lines:
        yield "Burndown rates and prices of what spills are left out."
    if agreement.rate_usd_per_hour is not None:
        yield "The file's cost per accelerator-hour is left out: the plan's is used."
    stream = version.streams[0] if version.streams else None
    if stream is not None and (stream.ramp or stream.batch):
        yield "The stream's own ramp and batch jobs are left out."


def _shape(agreement: Agreement, version: Version, notes: list[str]) -> str:
    terms = version.terms
    if agreement.shape is Shape.FLAT_FEE and version.seats is not None:
        return "seats"
    if agreement.shape is not Shape.MIXED:
        return _SHAPES.get(agreement.shape, agreement.shape.value)
    promise = next((line.promise for line in terms.unit_lines if line.promise is not None), None)
    found = "pay_as_you_go"
    if isinstance(promise, ProvisionedUnit):
        found = "provisioned_throughput"
    elif isinstance(promise, DedicatedUnit):
        found = "dedicated_accelerators"
    elif isinstance(promise, BundleUnit):
        found = "token_bundles"
    elif terms.spend_commitments:
        found = "committed_spend"
    notes.append(f"A mixed contract is read as {found.replace('_', ' ')}: look at its lines.")
    return found


def _use(agreement: Agreement, stream: AgreedStream | None) -> dict[str, str]:
    expected = agreement.expected
    found = {"p95_multiple": _text(expected.p95_multiple)}
    if stream is None:
        return found
    traffic, limit = stream.stream.traffic, stream.stream.limit
    found |= {
        "latency_class": stream.latency_class,
        "regions": ";".join(stream.regions),
        "rate_limit_input_tokens_per_minute": _per_minute(limit.input_tokens_per_second),
        "rate_limit_output_tokens_per_minute": _per_minute(limit.output_tokens_per_second),
        "growth_share_per_month": _text(to_decimal(stream.growth_share_per_month))
        if stream.growth_share_per_month
        else "",
        "cache_write_share": _text(stream.stream.written_share) if stream.stream.written_share else "",
    }
    if traffic is not None:
        found |= {
            "input_tokens_per_second": _places(traffic.input_tokens_per_second, "0.0001"),
            "output_tokens_per_second": _places(traffic.output_tokens_per_second, "0.0001"),
            "cache_hit_share": _places(traffic.cache_hit_share, "0.00001"),
            "peak_factor": _places(traffic.peak_factor, "0.0001"),
        }
    return found


def _terms(terms: ContractTerms) -> dict[str, str]:
    found = {"price_multiplier": "" if terms.usage_multiplier == 1 else _text(terms.usage_multiplier)}
    for line in terms.unit_lines:
        if isinstance(line.promise, ProvisionedUnit):
            found["unit_tokens_per_minute"] = _text(line.promise.tokens_per_minute)
            found["unit_output_weight"] = _text(line.promise.output_weight)
            found["unit_cached_weight"] = _text(line.promise.cached_weight)
        elif isinstance(line.promise, BundleUnit) and line.promise.input_tokens_per_minute:
            found["unit_tokens_per_minute"] = _text(line.promise.input_tokens_per_minute)
        elif isinstance(line.promise, BundleUnit):
            found["unit_output_tokens_per_minute"] = _text(line.promise.output_tokens_per_minute)
    if terms.take_or_pay is not None:
        found["take_share"] = _text(terms.take_or_pay.take_share)
        found["makeup_months"] = str(terms.take_or_pay.makeup_periods)
    for spend in [each for each in terms.spend_commitments if not each.is_free][:1]:
        found["discount_share"] = _text(spend.discount_share)
        found["overage_keeps_discount"] = str(spend.overage_keeps_discount).lower()
    return found


def _prices(terms: ContractTerms, notes: list[str]) -> Lines:
    lines: Lines = []
    for line in terms.price_lines:
        kind = _kind(line)
        if kind is None:
            notes.append(f"The price line {line.key} counts what a quote has no price for: it is left out.")
            continue
        lines += _tiers(kind, line)
    for fee in terms.fixed_fees:
        kind = "fee_month" if fee.quantity == 1 else "seat_month"
        lines.append({"kind": kind, "price": _text(fee.unit_price_usd)})
    for unit in terms.unit_lines:
        found = _unit_kinds(unit)
        if found is not None:
            lines.append({"kind": found[1], "price": _text(unit.price_usd)})
    return lines


def _kind(line: PriceLine) -> str | None:
    meters = set(line.meters)
    if Meter.OUTCOMES in meters:
        return "outcome"
    if line.per != _MILLION or not meters <= {
        Meter.INPUT_UNCACHED,
        Meter.INPUT_CACHED,
        Meter.OUTPUT,
        Meter.CACHE_WRITE,
    }:
        return None
    if len(meters) > 1:
        return "overage_tokens"
    return {
        Meter.INPUT_UNCACHED: "uncached_input",
        Meter.INPUT_CACHED: "cached_input",
        Meter.OUTPUT: "output",
        Meter.CACHE_WRITE: "cache_write",
    }[Meter(next(iter(meters)))]


def _tiers(kind: str, line: PriceLine) -> Lines:
    found: Lines = []
    start = Decimal(0)
    for tier in line.tiers:
        row = {"kind": kind, "price": _text(tier.unit_price_usd), "tier_from": _text(start)}
        if line.tier_mode != "graduated":
            row["tier_mode"] = str(line.tier_mode)
        if not found and line.included_quantity:
            row["included_quantity"] = _text(line.included_quantity)
        found.append(row)
        start = tier.up_to if tier.up_to is not None else start
    return found


def _unit_kinds(line: UnitLine) -> tuple[str, str] | None:
    """(commitment, price) kinds of a line of units."""
    if isinstance(line.promise, ProvisionedUnit):
        return "throughput_units", "unit_hour"
    if isinstance(line.promise, DedicatedUnit):
        return "accelerators", "accelerator_hour"
    if isinstance(line.promise, BundleUnit):
        side = "input" if line.promise.input_tokens_per_minute else "output"
        return f"{side}_bundles", f"{side}_bundle_day"
    return None


def _commitments(terms: ContractTerms, notes: list[str]) -> Lines:
    lines: Lines = []
    for unit in terms.unit_lines:
        found = _unit_kinds(unit)
        if found is None:
            notes.append(f"The units {unit.key} promise nothing a quote can hold: they are left out.")
            continue
        if isinstance(unit.promise, DedicatedUnit) and not unit.promise.is_exclusive:
            notes.append(f"That other work may run on the accelerators of {unit.key} is left out.")
        for step in unit.steps:
            each = unit.promise.accelerators if isinstance(unit.promise, DedicatedUnit) else 1
            row = {"kind": found[0], "quantity": _text(step.units * each)}
            lines.append({**row, "starts_date": step.from_date.isoformat()})
    for spend in terms.spend_commitments:
        if spend.is_free:
            notes.append("A credit that costs nothing is left out.")
            continue
        if spend.is_prepaid:
            notes.append("That a commitment is paid ahead is left out: its amount is taken.")
        if spend.period_months != 12:
            notes.append(f"A commitment over {spend.period_months} months is given as a year's.")
        a_year = to_decimal(Fraction(spend.amount_usd) * 12 / Fraction(spend.period_months))
        lines.append({"kind": "spend_usd_year", "quantity": _places(Fraction(a_year), "0.0001")})
    if terms.take_or_pay is not None:
        tokens = terms.take_or_pay.quantity * _MILLION
        lines.append({"kind": "tokens_month", "quantity": _text(tokens)})
    if terms.minimum_usd and terms.minimum_months != 1:
        notes.append(f"A minimum settled every {terms.minimum_months} months is taken as a month's.")
    if terms.minimum_usd:
        lines.append({"kind": "minimum_usd_month", "quantity": _text(terms.minimum_usd)})
    for fee in terms.fixed_fees:
        if fee.quantity != 1:
            lines.append({"kind": "seats", "quantity": _text(fee.quantity)})
    return lines


def _sla_lines(service: ServiceTerms) -> Lines:
    """The tiers of both metrics; the chances of the only metric there is, where each tier is named by its own credit."""
    lines = [*_sla("uptime", service.uptime_tiers), *_sla("latency", service.latency_tiers)]
    by_credit = {_text(share): chance for chance, share in service.chances or ()}
    credits = [line["credit_share"] for line in lines]
    is_one_metric = len({line["metric"] for line in lines}) == 1
    if is_one_metric and sorted(credits) == sorted(by_credit) and len(service.chances or ()) == len(by_credit):
        return [{**line, "chance": _text(by_credit[line["credit_share"]])} for line in lines]
    return lines


def _sla(metric: str, tiers: Sequence[SlaTier]) -> Lines:
    return [
        {"metric": metric, "below_share": _text(tier.below_share), "credit_share": _text(tier.credit_share)}
        for tier in tiers
    ]


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{Decimal(value).normalize():f}"


def _places(value: Fraction, step: str) -> str:
    return _text(to_decimal(value).quantize(Decimal(step)))


def _per_minute(limit: Fraction | None) -> str:
    return "" if limit is None else str(max(1, int(limit * 60)))
