"""From the file form of a contract to an Agreement, or to every sentence that says what is wrong with the file.

What belongs here: the shape of the file, versions that restate only what they change, and references between parts.
Lines are contract_lines.py, streams contract_streams.py, single values contract_values.py (methods: Contract file).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import Errors, ObjectReader
from capacity.lib.horizon import Horizon, Week
from capacity.lib.units import HOURS_PER_MONTH
from contracts.domain import contract_values as values
from contracts.domain.agreement import (
    AgreedStream,
    Agreement,
    BoughtSupply,
    ExpectedUse,
    LeadTime,
    Renewal,
    SeatUse,
    ServiceRow,
    ServiceTerms,
    Termination,
    UsageRow,
    Version,
)
from contracts.domain.contract_lines import LineReader, Minimum, Spill, sla_tier, take_or_pay
from contracts.domain.contract_references import report_bad_references
from contracts.domain.contract_streams import PricedProfile, read_profile, read_spares, read_stream
from contracts.domain.contract_values import needed
from contracts.domain.month import ExposurePolicy
from contracts.domain.terms import ONE, ZERO, ContractTerms, Shape, TermsError
from contracts.domain.unit_margin import SeatSegment
from workloads.domain.serving import SpareRule

T = TypeVar("T")

FILE_VERSION = 1
MOST_WEEKS = 520
MOST_DAYS = 366 * 40


class ContractFileError(Exception):
    """The file is not a contract. sentences: one a line, each naming the path in the file and what is wrong."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def agreement_from_bytes(data: bytes) -> Agreement:
    """The contract in a UTF-8 file (with or without byte order mark). Raises ContractFileError with all errors."""
    try:
        document = reading.parse_json(data)
    except reading.UnreadableJSON as error:
        raise ContractFileError([f"$: {error}"]) from None
    return agreement_from_json(document)


def agreement_from_json(document: Any) -> Agreement:
    """The contract in a parsed document (numbers as int or Decimal). Raises ContractFileError with all errors."""
    errors = Errors()
    found = values.read_object(document, "$", errors, _read_contract)
    if errors or found is None:
        raise ContractFileError(errors.lines())
    return found


def _read_contract(top: ObjectReader) -> Agreement | None:
    top.take("version", reading.whole(at_least=FILE_VERSION, at_most=FILE_VERSION, what="version 1"))
    key = top.take("key", reading.key)
    shape = top.take("shape", values.one_of(*Shape), Shape.MIXED)
    as_of, starts = top.take("as_of", values.day), top.take("starts", values.day)
    ends = top.take("ends", reading.or_null(values.day), None)
    horizon = _horizon(top, starts)
    usd_per_unit = _currency(top)
    profiles = _profiles(top)
    facts = _facts(top)
    versions: tuple[Version, ...] = ()
    if starts is not None and usd_per_unit is not None:
        reader = _VersionReader(
            contract=key or "",
            shape=Shape(shape or Shape.MIXED),
            starts=starts,
            ends=ends,
            lines=LineReader(usd_per_unit=usd_per_unit, starts=starts),
            profiles=profiles,
        )
        versions = _versions(top, reader)
    else:
        top.take("versions", reading.items)
    _check_term(top, starts, ends)
    if top.errors or key is None or as_of is None or starts is None or horizon is None:
        return None
    agreement = Agreement(
        key=key,
        shape=Shape(shape or Shape.MIXED),
        as_of=as_of,
        starts=starts,
        ends=ends,
        horizon=horizon,
        versions=versions,
        **facts,
    )
    report_bad_references(agreement=agreement, errors=top.errors)
    return agreement


def _horizon(top: ObjectReader, starts: date | None) -> Horizon | None:
    first = top.take("first_week", reading.or_null(reading.week), None)
    weeks = top.take("weeks", reading.whole(at_least=1, at_most=MOST_WEEKS), 13)
    if first is None and starts is not None:
        first = Week.containing(starts)
    return None if first is None or weeks is None else Horizon(first, weeks)


def _check_term(top: ObjectReader, starts: date | None, ends: date | None) -> None:
    if starts is None or ends is None:
        return
    if ends <= starts:
        top.errors.add("$.ends", f"{ends} is not after the start {starts}")
    elif (ends - starts).days > MOST_DAYS:
        top.errors.add("$.ends", f"{ends} is more than 40 years after the start {starts}")


def _currency(top: ObjectReader) -> Decimal | None:
    """Dollars for one unit of the contract's currency: 1 where none is named."""
    if not top.has("currency"):
        return ONE

    def read(row: ObjectReader) -> Decimal | None:
        code = row.take("code", reading.text)
        row.take("as_of", reading.or_null(values.day), None)
        is_base = code == "USD"
        rate = row.take("usd_per_unit", values.amount(above_zero=True), ONE if is_base else reading.REQUIRED)
        if is_base and rate is not None and rate != 1:
            row.errors.add(f"{row.path}.usd_per_unit", "a dollar is 1 dollar; name the other currency's code")
        return rate

    return values.part(top, "currency", read)


def _profiles(top: ObjectReader) -> dict[str, PricedProfile]:
    found = values.rows(top, "profiles", read_profile)
    keys = [each.profile.key for each in found]
    for key in values.repeated(keys):
        top.errors.add("$.profiles", f"the key {key} is used twice")
    return {each.profile.key: each for each in found}


def _facts(top: ObjectReader) -> dict[str, Any]:
    """What stands beside the versions."""
    multiples = top.take("multiples", reading.list_of(values.multiple()), (Decimal(1), Decimal(2), Decimal(3)))
    return {
        "time_zone": top.take("time_zone", values.time_zone, "UTC") or "UTC",
        "month_anchor": top.take("months", values.one_of("calendar", "anniversary"), "calendar") or "calendar",
        "usage": values.rows(top, "usage", _usage_row),
        "service": values.rows(top, "service", _service_row),
        "expected": values.part(top, "expected", _expected) or ExpectedUse(),
        "rate_usd_per_hour": top.take("usd_per_accelerator_hour", reading.or_null(values.amount()), None),
        "reserved_accelerators": top.take("reserved_accelerators", reading.or_null(reading.whole()), None),
        "policy": values.part(top, "policy", _policy) or ExposurePolicy(),
        "multiples": (multiples or ())[:100],
        "renewal": values.part(top, "renewal", _renewal) or Renewal(),
        "termination": values.part(top, "termination", _termination),
        "lead_time": values.part(top, "lead_time", _lead_time) or LeadTime(),
        "make_good_usd": needed(top.take("make_good_usd", values.amount(), ZERO), ZERO),
    }


def _period(row: ObjectReader) -> tuple[date, date]:
    """`[from, to)`, with an end after its start."""
    first, last = row.take("from", values.day), row.take("to", values.day)
    if first is None or last is None:
        return values.FIRST_DAY, values.LAST_DAY
    if last <= first:
        row.errors.add(f"{row.path}.to", f"{last} is not after {first}; the end is not included")
    return first, last


def _usage_row(row: ObjectReader) -> UsageRow:
    first, last = _period(row)
    read = partial(values.by_meter, read=reading.or_null(values.quantity))
    return UsageRow(start=first, end=last, quantities=row.take("quantities", read) or {})


def _service_row(row: ObjectReader) -> ServiceRow:
    first, last = _period(row)
    return ServiceRow(
        start=first,
        end=last,
        metric=needed(row.take("metric", values.one_of("uptime", "latency")), "uptime"),
        share=needed(row.take("share", values.share()), ONE),
        affected_share=needed(row.take("affected_share", values.share(), ONE), ONE),
    )


def _expected(row: ObjectReader) -> ExpectedUse:
    most = values.MOST_MULTIPLE
    read = partial(values.by_meter, read=values.quantity)
    p10 = row.take("p10_multiple", reading.or_null(values.multiple(at_most=1)), None)
    p90 = row.take("p90_multiple", reading.or_null(values.multiple(at_least=1, at_most=most)), None)
    p95 = row.take("p95_multiple", reading.or_null(values.multiple(at_least=1, at_most=most)), None)
    if p90 is not None and p95 is not None and p95 < p90:
        row.errors.add(f"{row.path}.p95_multiple", f"{p95} is below the P90 multiple {p90}")
    return ExpectedUse(
        p10_multiple=p10,
        p90_multiple=p90,
        p95_multiple=p95,
        cap_multiple=row.take("cap_multiple", reading.or_null(values.multiple()), None),
        growing={meter: needed(found, ZERO) for meter, found in (row.take("growing", read, {}) or {}).items()},
        fixed={meter: needed(found, ZERO) for meter, found in (row.take("fixed", read, {}) or {}).items()},
    )


def _policy(row: ObjectReader) -> ExposurePolicy:
    return ExposurePolicy(
        metered_multiple=needed(row.take("metered_multiple", values.multiple(at_least=1), Decimal(2)), ONE),
        flat_multiple=needed(row.take("flat_multiple", values.multiple(at_least=1), Decimal(3)), ONE),
        spares=values.part(row, "spares", read_spares) or SpareRule(),
        hours=needed(row.take("hours_of_month", reading.whole(at_least=1, at_most=8784), HOURS_PER_MONTH), 1),
    )


def _renewal(row: ObjectReader) -> Renewal:
    return Renewal(
        probability=row.take("probability", reading.or_null(values.share()), None),
        is_signed=bool(row.take("is_signed", reading.boolean, False)),
        notice_days=row.take("notice_days", reading.or_null(reading.whole(at_most=3660)), None),
    )


def _termination(row: ObjectReader) -> Termination:
    return Termination(
        fee_usd=needed(row.take("fee_usd", values.amount(), ZERO), ZERO),
        reuse_share=row.take("reuse_share", reading.or_null(values.share())),
        bought=values.rows(row, "bought", _bought),
    )


def _bought(row: ObjectReader) -> BoughtSupply:
    first, last = _period(row)
    return BoughtSupply(
        start=first, end=last, accelerators=Decimal(needed(row.take("accelerators", reading.whole()), 0))
    )


def _lead_time(row: ObjectReader) -> LeadTime:
    weeks = reading.or_null(reading.whole(at_most=MOST_WEEKS))
    found = LeadTime(p50_weeks=row.take("p50_weeks", weeks, None), p90_weeks=row.take("p90_weeks", weeks, None))
    if found.p50_weeks is not None and found.p90_weeks is not None and found.p90_weeks < found.p50_weeks:
        row.errors.add(f"{row.path}.p90_weeks", f"{found.p90_weeks} is below the P50 of {found.p50_weeks} weeks")
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _VersionReader:
    """Reads one version after another; what one leaves out is as in the one before."""

    contract: str
    shape: Shape
    starts: date
    ends: date | None
    lines: LineReader
    profiles: Mapping[str, PricedProfile]

    def read(self, row: ObjectReader, before: Mapping[str, Any]) -> dict[str, Any]:
        """The version's parts by name, those of the version before where it names none."""
        parts: dict[str, Any] = {"from": row.take("from", values.day)}
        lists: dict[str, Callable[[ObjectReader], Any]] = {
            "price_lines": self.lines.price_line,
            "fixed_fees": self.lines.fixed_fee,
            "unit_lines": self.lines.unit_line,
            "commitments": self.lines.commitment,
            "burndown": self.lines.burndown,
            "streams": partial(read_stream, profiles=self.profiles, starts=self.starts),
        }
        single: dict[str, Callable[[ObjectReader], Any]] = {
            "take_or_pay": take_or_pay,
            "minimum": self.lines.minimum,
            "spill": self.lines.spill,
            "sla": self._service,
            "seats": self._seats,
        }
        for name, read in lists.items():
            parts[name] = values.rows(row, name, read) if row.has(name) else before.get(name, ())
        for name, read in single.items():
            parts[name] = values.part(row, name, read) if row.has(name) else before.get(name)
        many = values.amount(at_most=values.MOST_MULTIPLE)
        parts["multiplier"] = row.take("multiplier", many) if row.has("multiplier") else before.get("multiplier", ONE)
        return parts

    def version(self, parts: Mapping[str, Any]) -> Version:
        """Raises TermsError where the parts contradict each other."""
        minimum: Minimum = parts["minimum"] or Minimum()
        spill: Spill = parts["spill"] or Spill()
        service: ServiceTerms = parts["sla"] or ServiceTerms()
        streams: tuple[AgreedStream, ...] = parts["streams"]
        return Version(
            from_date=parts["from"],
            terms=ContractTerms(
                key=self.contract,
                shape=self.shape,
                starts_date=self.starts,
                ends_date=self.ends,
                price_lines=parts["price_lines"],
                fixed_fees=parts["fixed_fees"],
                unit_lines=parts["unit_lines"],
                spend_commitments=parts["commitments"],
                take_or_pay=parts["take_or_pay"],
                minimum_usd=minimum.usd_per_month,
                minimum_months=minimum.every_months,
                minimum_is_retroactive=minimum.is_retroactive,
                usage_multiplier=parts["multiplier"],
                sla_tiers=service.uptime_tiers or service.latency_tiers,
                spill_lines=spill.price_lines,
                spill_unit=spill.unit,
                burndown=parts["burndown"],
            ),
            streams=streams,
            service=service,
            seats=parts["seats"],
        )

    def _service(self, row: ObjectReader) -> ServiceTerms:
        chances = None
        if row.has("chances"):
            chances = values.rows(row, "chances", _chance)
            if sum((chance for chance, _ in chances), ZERO) > 1:
                row.errors.add(f"{row.path}.chances", "the probabilities sum to more than 1")
        return ServiceTerms(
            uptime_tiers=values.rows(row, "uptime", sla_tier),
            latency_tiers=values.rows(row, "latency", sla_tier),
            minimum_credit_usd=needed(row.take("minimum_credit", self.lines.money, ZERO), ZERO),
            most_share=needed(row.take("most_share_of_fee", values.share(), ONE), ONE),
            chances=chances,
        )

    def _seats(self, row: ObjectReader) -> SeatUse:
        million = values.amount(at_most=10**9)
        segments = values.rows(row, "segments", _segment)
        if not row.errors and sum((each.share for each in segments), ZERO) != 1:
            row.errors.add(f"{row.path}.segments", "the shares of the segments must sum to 1")
        return SeatUse(
            fee_key=needed(row.take("fee_key", reading.key), ""),
            segments=segments,
            usd_per_million_tokens=row.take("usd_per_million_tokens", reading.or_null(values.amount()), None),
            fair_use_million_tokens=row.take("fair_use_million_tokens", reading.or_null(million), None),
        )


def _chance(row: ObjectReader) -> tuple[Decimal, Decimal]:
    read = values.share()
    return needed(row.take("probability", read), ZERO), needed(row.take("credit_share", read), ZERO)


def _segment(row: ObjectReader) -> SeatSegment:
    return SeatSegment(
        key=needed(row.take("key", reading.key), ""),
        share=needed(row.take("share", values.share()), ZERO),
        million_tokens=needed(row.take("million_tokens", values.amount(at_most=10**9)), ZERO),
    )


def _versions(top: ObjectReader, reader: _VersionReader) -> tuple[Version, ...]:
    """All versions in date order, the first from the contract's start."""
    found: list[Version] = []
    before: dict[str, Any] = {}
    last = reader.starts - timedelta(days=1)
    listed = top.take("versions", reading.items) or []
    if not listed and top.has("versions"):
        top.errors.add("$.versions", "give at least one version, from the start")
    for position, (path, item) in enumerate(listed):
        row = ObjectReader(value=item, path=path, errors=top.errors)
        if not row.is_object:
            continue
        parts = reader.read(row, before)
        row.close()
        starts = parts["from"]
        if starts is not None:
            _check_from(reader, path, starts, last, is_first=position == 0, errors=top.errors)
            last = starts
        before = parts
        if top.errors:
            continue
        try:
            found.append(reader.version(parts))
        except TermsError as error:
            top.errors.add(path, str(error).rstrip("."))
    return tuple(found)


def _check_from(reader: _VersionReader, path: str, starts: date, last: date, *, is_first: bool, errors: Errors) -> None:
    if is_first and starts != reader.starts:
        errors.add(f"{path}.from", f"the first version is from the contract's start, {reader.starts}, not {starts}")
    elif not is_first and starts <= last:
        errors.add(f"{path}.from", f"{starts} is not after the version before it, {last}: a version supersedes it")
    elif reader.ends is not None and starts >= reader.ends:
        errors.add(f"{path}.from", f"{starts} is not before the contract's end, {reader.ends}")
