"""Lines of a contract as people keep them → its terms on one day, and what of its money they do not say. Pure.

What every shape needs is here and in methods (Contract terms); the bill itself is domain/billing.py. What cannot be
expressed is a `Gap`: the revenue is then unknown, listed with its reason, and never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.money import exact_context
from capacity.lib.units import TOKENS_PER_MILLION, exact
from contracts.domain.billing import tiered_amount
from contracts.domain.terms import (
    ONE,
    ZERO,
    BundleUnit,
    ContractTerms,
    DedicatedUnit,
    FixedFee,
    Meter,
    PriceLine,
    PriceTier,
    Promise,
    ProvisionedUnit,
    Shape,
    SlaTier,
    SpendCommitment,
    TakeOrPay,
    TierMode,
    UnitLine,
    UnitStep,
)
from workloads.domain.serving import RateLimit

Row = Mapping[str, Any]

SHAPE = {
    "pay_as_you_go": Shape.PAY_AS_YOU_GO,
    "committed_spend": Shape.COMMITTED_SPEND,
    "flat_fee": Shape.FLAT_FEE,
    "seats": Shape.FLAT_FEE,
    "provisioned_throughput": Shape.PROVISIONED,
    "token_bundles": Shape.TOKEN_BUNDLES,
    "priority": Shape.PRIORITY,
    "batch": Shape.BATCH,
    "dedicated_accelerators": Shape.DEDICATED,
    "take_or_pay": Shape.TAKE_OR_PAY,
    "minimum_overage": Shape.MINIMUM_OVERAGE,
    "outcome": Shape.OUTCOME,
}
# Every token these bill must have a price. What the others bill is a fee, a seat, a unit or an outcome.
METERED = {"pay_as_you_go", "committed_spend", "priority", "batch", "take_or_pay", "minimum_overage"}
# Reserved units: token prices beside them hold for use beyond the units only.
RESERVED = {"provisioned_throughput", "token_bundles", "dedicated_accelerators"}
# Unit lines: commitment → its price and the hours one price pays.
UNIT_PRICES = {
    "throughput_units": ("unit_hour", ONE),
    "accelerators": ("accelerator_hour", ONE),
    "input_bundles": ("input_bundle_day", Decimal(24)),
    "output_bundles": ("output_bundle_day", Decimal(24)),
}
UNITS_OF_SHAPE = {
    "provisioned_throughput": ("throughput_units",),
    "dedicated_accelerators": ("accelerators",),
    "token_bundles": ("input_bundles", "output_bundles"),
}
PATIENT = {"batch", "offline"}
# What holds where a contract has an SLA and no lines of it: the public cloud agreement in methods (Credits).
STANDARD_TIERS = (
    SlaTier(below_share=Decimal("0.999"), credit_share=Decimal("0.10")),
    SlaTier(below_share=Decimal("0.99"), credit_share=Decimal("0.25")),
    SlaTier(below_share=Decimal("0.95"), credit_share=Decimal("1")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Something the contract's lines do not say: a code, and the end of a sentence that starts with its name."""

    code: str
    says: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """The lines of one contract version, prices in US dollars already."""

    prices: Sequence[Row]
    steps: Sequence[Row]
    sla: Sequence[Row]

    def on(self, day: date) -> dict[str, list[Row]]:
        """Kind → its price tiers in force on the day, lowest first."""
        found: dict[str, list[Row]] = {}
        for line in self.prices:
            if line["starts_date"] <= day and (line["ends_date"] is None or day < line["ends_date"]):
                found.setdefault(line["kind"], []).append(line)
        return {kind: sorted(tiers, key=lambda tier: tier["tier_from"]) for kind, tiers in found.items()}

    def turns(self) -> list[date]:
        """The days on which some line or step begins or ends, in order: between two of them nothing changes."""
        days = {line["starts_date"] for line in (*self.prices, *self.steps)}
        return sorted(days | {line["ends_date"] for line in self.prices if line["ends_date"] is not None})

    def step_on(self, kind: str, day: date) -> Decimal | None:
        """The committed quantity of the kind in force on the day; None before the first step and without any."""
        begun = [step for step in self.steps if step["kind"] == kind and step["starts_date"] <= day]
        return max(begun, key=lambda step: step["starts_date"])["quantity"] if begun else None

    def ramp(self, kind: str, *, starts: date, ends: date) -> tuple[UnitStep, ...]:
        """The steps of a kind inside the term; what was committed before it holds from its first day."""
        inside = {
            max(step["starts_date"], starts): step["quantity"]
            for step in sorted(self.steps, key=lambda step: step["starts_date"])
            if step["kind"] == kind and step["starts_date"] < ends
        }
        return tuple(UnitStep(from_date=day, units=inside[day]) for day in sorted(inside))


@dataclass(frozen=True, kw_only=True, slots=True)
class DayTerms:
    """The terms of a day and what they leave unknown."""

    terms: ContractTerms
    gaps: tuple[Gap, ...]


def terms_on(
    *, row: Row, lines: Lines, usage: Row, latency_class: str, promises: Mapping[str, Promise], day: date
) -> DayTerms:
    """The contract's terms as they stand on the day. usage: the expected use, for what must have a price.

    promises: commitment kind → what one unit of it promises. (methods: Contract terms)
    """
    shape = row["shape"]
    in_force = lines.on(day)
    gaps: list[Gap] = []
    metered = [] if shape in RESERVED else _metered(in_force, latency_class, gaps)
    fees = _fees(row, in_force, lines, day, gaps)
    units = _unit_lines(row, in_force, lines, promises, day, gaps)
    if shape in METERED:
        gaps += _unpriced_tokens(metered, usage, has_guarantee=_has_guarantee(lines, day))
    gaps += _cache_writes(in_force, usage, metered)
    if shape == "flat_fee" and "fee_month" not in in_force:
        gaps.append(Gap(code="no_price", says="is a flat fee without a fee in force"))
    terms = ContractTerms(
        key=f"{row['key']}.v{row['version']}",
        shape=SHAPE[shape],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
        price_lines=tuple(metered),
        fixed_fees=tuple(fees),
        unit_lines=tuple(units),
        spend_commitments=_spend(row, lines, day),
        take_or_pay=_take_or_pay(row, lines, metered, day, gaps),
        minimum_usd=lines.step_on("minimum_usd_month", day) or ZERO,
        usage_multiplier=row["price_multiplier"],
        rate_limit=rate_limit(row),
        sla_tiers=sla_tiers(row, lines),
    )
    return DayTerms(terms=terms, gaps=tuple(dict.fromkeys(gaps)))


def _metered(in_force: Mapping[str, list[Row]], latency_class: str, gaps: list[Gap]) -> list[PriceLine]:
    """The token lines. A token has one price: the most particular line that there is for it."""
    patient = latency_class in PATIENT
    has_writes, has_hits = "cache_write" in in_force, "cached_input" in in_force
    fresh = [Meter.INPUT_UNCACHED]
    fresh += [] if has_writes else [Meter.CACHE_WRITE]
    fresh += [] if has_hits else [Meter.INPUT_CACHED]
    inputs = "batch_input" if patient and "batch_input" in in_force else "uncached_input"
    outputs = "batch_output" if patient and "batch_output" in in_force else "output"
    meters: dict[str, list[Meter]] = {
        inputs: fresh,
        "cached_input": [Meter.INPUT_CACHED],
        "cache_write": [Meter.CACHE_WRITE],
        outputs: [Meter.OUTPUT],
    }
    meters = {kind: counted for kind, counted in meters.items() if kind in in_force}
    taken = {meter for counted in meters.values() for meter in counted}
    rest = [meter for meter in _TOKEN_METERS if meter not in taken]
    if "overage_tokens" in in_force and rest:
        meters["overage_tokens"] = rest
    return [
        line
        for kind, counted in meters.items()
        if (line := _price_line(kind, in_force[kind], tuple(counted), gaps)) is not None
    ]


_TOKEN_METERS = (Meter.INPUT_UNCACHED, Meter.INPUT_CACHED, Meter.CACHE_WRITE, Meter.OUTPUT)


def _price_line(kind: str, tiers: list[Row], meters: tuple[Meter, ...], gaps: list[Gap]) -> PriceLine | None:
    found = _tiers(kind, tiers, gaps)
    if found is None:
        return None
    return PriceLine(
        key=kind,
        meters=meters,
        tiers=found,
        tier_mode=TierMode(tiers[0]["tier_mode"]),
        included_quantity=tiers[0]["included_quantity"] or ZERO,
    )


def _tiers(kind: str, tiers: list[Row], gaps: list[Gap]) -> tuple[PriceTier, ...] | None:
    """Each tier up to and with the start of the next. None, and a gap, where the first does not start at 0."""
    if tiers[0]["tier_from"] != 0:
        gaps.append(Gap(code="first_tier_missing", says=f"has no {_words(kind)} price from 0 on"))
        return None
    ends = [*(tier["tier_from"] for tier in tiers[1:]), None]
    return tuple(PriceTier(unit_price_usd=tier["price"], up_to=end) for tier, end in zip(tiers, ends, strict=True))


def _fees(row: Row, in_force: Mapping[str, list[Row]], lines: Lines, day: date, gaps: list[Gap]) -> list[FixedFee]:
    """Fixed fees, seats and outcomes: paid as agreed, however many tokens they take."""
    fees = [FixedFee(key="fee_month", unit_price_usd=tier["price"]) for tier in in_force.get("fee_month", [])[:1]]
    counted = {
        "seats": ("seat_month", _or(lines.step_on("seats", day), row["seats"]), "a number of seats"),
        "outcome": ("outcome", lines.step_on("outcomes_month", day), "a number of outcomes a month"),
    }
    for shape, (kind, quantity, what) in counted.items():
        if shape != row["shape"]:
            continue
        if kind not in in_force:
            gaps.append(Gap(code="no_price", says=f"has no {_words(kind)} price in force"))
        elif quantity is None:
            gaps.append(Gap(code="no_quantity", says=f"needs {what}, as a commitment from its date"))
        else:
            fees += _counted_fee(kind, in_force[kind], Decimal(quantity), gaps)
    return fees


def _counted_fee(kind: str, tiers: list[Row], quantity: Decimal, gaps: list[Gap]) -> list[FixedFee]:
    found = _tiers(kind, tiers, gaps)
    if found is None:
        return []
    beyond = max(ZERO, quantity - (tiers[0]["included_quantity"] or ZERO))
    if len(found) == 1:
        return [FixedFee(key=kind, unit_price_usd=found[0].unit_price_usd, quantity=beyond)]
    with localcontext(exact_context()):
        amount = tiered_amount(quantity=beyond, tiers=found, mode=TierMode(tiers[0]["tier_mode"]))
        each = amount / beyond if beyond else found[0].unit_price_usd
    return [FixedFee(key=kind, unit_price_usd=each, quantity=beyond)]


def _unit_lines(
    row: Row,
    in_force: Mapping[str, list[Row]],
    lines: Lines,
    promises: Mapping[str, Promise],
    day: date,
    gaps: list[Gap],
) -> list[UnitLine]:
    found = []
    for kind in UNITS_OF_SHAPE.get(row["shape"], ()):
        ramp = lines.ramp(kind, starts=row["starts_date"], ends=row["ends_date"])
        if not ramp:
            continue
        price_kind, per_hours = UNIT_PRICES[kind]
        tiers = in_force.get(price_kind)
        if tiers is None and lines.step_on(kind, day):
            gaps.append(Gap(code="no_price", says=f"has no {_words(price_kind)} price in force"))
        found.append(
            UnitLine(
                key=kind,
                steps=ramp,
                price_usd=tiers[0]["price"] if tiers else ZERO,
                per_hours=per_hours,
                paid_share=row["availability_paid_share"],
                promise=promises.get(kind),
            )
        )
    if row["shape"] in UNITS_OF_SHAPE and not found:
        gaps.append(
            Gap(code="no_quantity", says=f"commits no {' or '.join(map(_words, UNITS_OF_SHAPE[row['shape']]))}")
        )
    return found


def _spend(row: Row, lines: Lines, day: date) -> tuple[SpendCommitment, ...]:
    amount = lines.step_on("spend_usd_year", day)
    if amount is None:
        return ()
    commitment = SpendCommitment(
        amount_usd=amount,
        discount_share=row["discount_share"] or ZERO,
        overage_keeps_discount=row["overage_keeps_discount"],
        rolled_over_share=row["rollover_share"],
    )
    return (commitment,)


def _take_or_pay(row: Row, lines: Lines, metered: Sequence[PriceLine], day: date, gaps: list[Gap]) -> TakeOrPay | None:
    """The committed tokens, on the line for all tokens, or on output where there is none."""
    if row["shape"] != "take_or_pay":
        return None
    committed = lines.step_on("tokens_month", day)
    keys = [line.key for line in metered]
    line_key = next((key for key in ("overage_tokens", "output", "batch_output") if key in keys), None)
    if committed is None or row["take_share"] is None:
        gaps.append(Gap(code="no_quantity", says="commits no tokens a month to take or pay for"))
        return None
    if line_key is None:
        return None  # Its tokens have no price: already said.
    with localcontext(exact_context()):
        quantity = committed / TOKENS_PER_MILLION
    return TakeOrPay(
        line_key=line_key,
        quantity=quantity,
        take_share=row["take_share"],
        makeup_periods=row["makeup_months"],
    )


def _has_guarantee(lines: Lines, day: date) -> bool:
    return any(lines.step_on(kind, day) is not None for kind in ("spend_usd_year", "tokens_month", "minimum_usd_month"))


def _unpriced_tokens(metered: Sequence[PriceLine], usage: Row, *, has_guarantee: bool) -> list[Gap]:
    """Tokens that are expected and have no price; use that is not known and is the whole bill."""
    sent, answered = usage["input_tokens_per_second"], usage["output_tokens_per_second"]
    if sent is None or answered is None:
        return [] if has_guarantee else [Gap(code="no_use", says="is billed by use, and its use is not known")]
    priced = {meter for line in metered for meter in line.meters}
    hit, written = usage["cache_hit_share"] or ZERO, usage["cache_write_share"] or ZERO
    expected = {
        Meter.INPUT_UNCACHED: (sent * (1 - hit - written), "input"),
        Meter.INPUT_CACHED: (sent * hit, "cached input"),
        Meter.CACHE_WRITE: (sent * written, "input written to the cache"),
        Meter.OUTPUT: (answered, "output"),
    }
    missing = [words for meter, (amount, words) in expected.items() if amount and meter not in priced]
    return [Gap(code="no_price", says=f"has no price in force for {' and '.join(missing)}")] if missing else []


def _cache_writes(in_force: Mapping[str, list[Row]], usage: Row, metered: Sequence[PriceLine]) -> list[Gap]:
    """A price for writing to the cache, and nobody has said how much is written."""
    is_priced = any(Meter.CACHE_WRITE in line.meters and line.key == "cache_write" for line in metered)
    if is_priced and usage["cache_write_share"] is None and usage["input_tokens_per_second"] != 0:
        return [Gap(code="no_use", says="has a price for cache writes, and the share that is written is not known")]
    return []


def sla_tiers(row: Row, lines: Lines) -> tuple[SlaTier, ...]:
    """The contract's own tiers (of uptime, else of latency), or the standard ones of a contract with an SLA."""
    for metric in ("uptime", "latency"):
        own = {line["below_share"]: line["credit_share"] for line in lines.sla if line["metric"] == metric}
        if own:
            bounds = sorted(own, reverse=True)
            return tuple(SlaTier(below_share=bound, credit_share=own[bound]) for bound in bounds)
    return STANDARD_TIERS if row["has_sla"] else ()


def promises_of(*, row: Row, usage: Row, spare_block: int) -> dict[str, Promise]:
    """Commitment kind → what one unit of it promises, by the contract's shape."""
    if row["shape"] == "dedicated_accelerators":
        return {"accelerators": DedicatedUnit(accelerators=1, spare_block=spare_block)}
    if row["shape"] == "provisioned_throughput":
        cached = row["unit_cached_weight"]
        unit = ProvisionedUnit(
            tokens_per_minute=Decimal(row["unit_tokens_per_minute"]),
            output_weight=row["unit_output_weight"],
            cached_weight=ONE if cached is None else cached,
            assumed_hit_share=usage["cache_hit_share"] or ZERO,
        )
        return {"throughput_units": unit}
    if row["shape"] == "token_bundles":
        return {
            "input_bundles": BundleUnit(input_tokens_per_minute=Decimal(row["unit_tokens_per_minute"] or 0)),
            "output_bundles": BundleUnit(output_tokens_per_minute=Decimal(row["unit_output_tokens_per_minute"] or 0)),
        }
    return {}


def rate_limit(row: Row) -> RateLimit:
    """The contract's rate limit in tokens per second; a side without one is not limited."""
    per_minute = (row["rate_limit_input_tokens_per_minute"], row["rate_limit_output_tokens_per_minute"])
    sides = [None if limit is None else exact(limit) / 60 for limit in per_minute]
    return RateLimit(input_tokens_per_second=sides[0], output_tokens_per_second=sides[1])


def in_dollars(prices: Iterable[Row], usd_per_unit: Decimal) -> list[Row]:
    """The price lines with their price in US dollars."""
    with localcontext(exact_context()):
        return [{**line, "price": line["price"] * usd_per_unit} for line in prices]


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _words(code: str) -> str:
    return code.replace("_", " ")
