"""What a person must look at in a contract before it is signed: a code and a sentence each (methods: Contract flags)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from contracts.domain.agreement import AgreedStream, Agreement, Version
from contracts.domain.batch_fit import BatchFit
from contracts.domain.billing import volume_cliffs
from contracts.domain.margin import ContractResult
from contracts.domain.orders import OrderBy
from contracts.domain.promises import burndown_flags
from contracts.domain.terms import ProvisionedUnit
from contracts.domain.unit_margin import CachedMargin
from workloads.domain.serving import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """subject: the line, stream or step it is about ("" = the whole contract)."""

    code: str
    subject: str
    sentence: str


def contract_flags(
    *,
    agreement: Agreement,
    version: Version,
    result: ContractResult,
    orders: tuple[OrderBy, ...],
    cached: dict[str, CachedMargin],
    batch: tuple[BatchFit, ...],
    unknown_meters: tuple[str, ...],
) -> tuple[Flag, ...]:
    """Every flag of the contract as it stands, in a fixed order. (methods: Contract flags)

    unknown_meters: what leaves the revenue unknown; none where it is known.
    """
    found = [
        *_unknown(agreement, version, result, unknown_meters),
        *_exposure(version, result, is_revenue_known=not unknown_meters),
        *_weights(version),
        *_cached(cached),
        *(flag for each in version.streams for flag in _pins(agreement, each)),
        *_lead_times(agreement, orders),
        *_prices(version),
        *_late(batch),
    ]
    return tuple(found)


def _unknown(
    agreement: Agreement, version: Version, result: ContractResult, unknown_meters: tuple[str, ...]
) -> Iterator[Flag]:
    for each in version.streams:
        missing = []
        if each.stream.traffic is None:
            missing.append("expected tokens")
        if each.stream.profile is None:
            missing.append("a serving profile")
        if missing and result.planned.accelerators is None:
            said = f"Stream {each.stream.key} has no {' and no '.join(missing)}: its need is unknown, not zero."
            yield Flag(code="unsized", subject=each.stream.key, sentence=said)
    if not version.streams and result.planned.accelerators is None:
        said = "The contract has no stream and no dedicated accelerators: its need is unknown, not zero."
        yield Flag(code="unsized", subject="", sentence=said)
    if "unknown_cost" in result.badges:
        said = "No rate per accelerator-hour is given: costs and margins are unknown, not zero."
        yield Flag(code="unknown_cost", subject="", sentence=said)
    if unknown_meters:
        said = (
            f"Not all use has both an expected quantity and a price ({', '.join(unknown_meters)}): "
            "revenue and margin are unknown, not zero."
        )
        yield Flag(code="unknown_revenue", subject="", sentence=said)
    service = version.service
    if (service.uptime_tiers or service.latency_tiers) and service.chances is None:
        said = "Credits are promised and their chances are not given: the loss exposure leaves them out."
        yield Flag(code="credit_chances_unknown", subject="", sentence=said)
    ends = agreement.ends
    is_open = not agreement.renewal.is_signed and agreement.renewal.probability is None
    if ends is not None and ends < agreement.horizon.end and is_open:
        said = f"The contract ends on {ends} and its renewal probability is not known."
        yield Flag(code="renewal_unknown", subject="", sentence=said)


def _exposure(version: Version, result: ContractResult, *, is_revenue_known: bool) -> Iterator[Flag]:
    open_ended = [each for each in version.streams if each.stream.cap is None and not version.is_reserved(each)]
    if "uncapped_exposure" in result.badges and open_ended:
        said = (
            "Neither a rate limit, a cap nor a P95 bounds the use: the exposure rests on the policy's default multiple."
        )
        yield Flag(code="uncapped_exposure", subject="", sentence=said)
    for line in version.terms.price_lines:
        if line.max_usd is not None and line.max_quantity is None:
            said = f"What {line.key} bills is capped and its use is not: heavy use costs and earns nothing."
            yield Flag(code="charge_capped_use_not", subject=line.key, sentence=said)
    if not is_revenue_known:
        return
    for code, case, words in (
        ("loss_at_planned_use", result.planned, "expected use"),
        ("loss_at_worst_use", result.worst, "worst reasonable use"),
    ):
        margin = case.gross_margin_usd
        if margin is not None and margin < 0:
            yield Flag(
                code=code, subject="", sentence=f"At {words} the accelerators cost more than the contract earns."
            )


def _weights(version: Version) -> Iterator[Flag]:
    profiles = {each.stream.key: each.stream.profile for each in version.streams}
    first: Profile | None = version.streams[0].stream.profile if version.streams else None
    for line in version.terms.unit_lines:
        profile = profiles.get(line.stream) if line.stream else first
        if isinstance(line.promise, ProvisionedUnit) and profile is not None:
            for flag in burndown_flags(unit=line.promise, profile=profile):
                yield Flag(code=flag.code, subject=line.key, sentence=flag.message)


def _cached(cached: dict[str, CachedMargin]) -> Iterator[Flag]:
    for key, found in cached.items():
        if found.caching_lowers_margin:
            said = f"On stream {key} caching cuts the price more than the cost: more of it lowers the margin."
            yield Flag(code="cached_discount_above_saving", subject=key, sentence=said)


def _pins(agreement: Agreement, each: AgreedStream) -> Iterator[Flag]:
    pin = each.pin
    if pin is None:
        return
    until = _earliest(pin.until, agreement.ends)
    if pin.retires is None:
        said = f"Stream {each.stream.key} is pinned to {each.model or 'a version'} whose retirement is not known."
        yield Flag(code="retirement_unknown", subject=each.stream.key, sentence=said)
    elif until is None or pin.retires < until:
        said = (
            f"Stream {each.stream.key} is pinned to {each.model or 'a version'} "
            f"{'without end' if until is None else f'until {until}'}; the version retires on {pin.retires}."
        )
        yield Flag(code="pinned_past_retirement", subject=each.stream.key, sentence=said)


def _earliest(*days: date | None) -> date | None:
    return min((day for day in days if day is not None), default=None)


def _lead_times(agreement: Agreement, orders: tuple[OrderBy, ...]) -> Iterator[Flag]:
    for order in orders:
        what = "start" if order.needed_date <= agreement.starts else "ramp"
        if order.order_by_date is None and order.safe_order_by_date is None:
            said = f"{order.line_key} grows on {order.needed_date} and no lead time is given: when to order is unknown."
            yield Flag(code="lead_time_unknown", subject=order.line_key, sentence=said)
        elif order.order_by_date is not None and order.order_by_date < agreement.as_of:
            said = f"{order.line_key} grows on {order.needed_date}; it was to be ordered by {order.order_by_date}."
            yield Flag(code=f"{what}_inside_lead_time", subject=order.line_key, sentence=said)
        elif order.safe_order_by_date is not None and order.safe_order_by_date < agreement.as_of:
            said = f"{order.line_key} grows on {order.needed_date}; to be safe, order by {order.safe_order_by_date}."
            yield Flag(code=f"{what}_at_risk_of_lead_time", subject=order.line_key, sentence=said)


def _late(batch: tuple[BatchFit, ...]) -> Iterator[Flag]:
    for fit in batch:
        if fit.bought_replicas:
            said = (
                f"The batch work of stream {fit.stream} does not fit the idle replicas by its deadlines: "
                f"{fit.bought_replicas} more are needed every day."
            )
            yield Flag(code="batch_late", subject=fit.stream, sentence=said)


def _prices(version: Version) -> Iterator[Flag]:
    priced: dict[str, str] = {}
    for line in version.terms.price_lines:
        for meter in line.meters:
            plain = meter.rpartition(".")[2]
            other = priced.get(meter) or (priced.get(plain) if plain != meter else None)
            if other is not None:
                said = f"{line.key} and {other} both price {meter}: the same use is billed by both."
                yield Flag(code="overlapping_prices", subject=line.key, sentence=said)
            priced.setdefault(meter, line.key)
    for line in version.terms.price_lines:
        for bound in volume_cliffs(line=line):
            said = f"Above {bound.normalize():f} the bill of {line.key} falls: all of it takes the lower price."
            yield Flag(code="volume_cliff", subject=line.key, sentence=said)
