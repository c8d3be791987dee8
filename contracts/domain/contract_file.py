"""From the file form of a contract to an Agreement, or to every sentence that says what is wrong with the file.

What belongs here: the shape of the file and what stands beside the versions (contract_versions.py). Single values are
contract_values.py, names that must exist contract_references.py (methods: Contract file).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import Errors, ObjectReader
from capacity.lib.horizon import Horizon, Week
from capacity.lib.refused_file import RefusedFile
from capacity.lib.units import HOURS_PER_MONTH
from contracts.domain import contract_values as values
from contracts.domain.agreement import (
    Agreement,
    BoughtSupply,
    ExpectedUse,
    LeadTime,
    Renewal,
    ServiceRow,
    Termination,
    UsageRow,
    Version,
)
from contracts.domain.contract_lines import LineReader
from contracts.domain.contract_references import report_bad_references
from contracts.domain.contract_streams import PricedProfile, read_profile, read_spares
from contracts.domain.contract_values import needed
from contracts.domain.contract_versions import VersionReader, read_versions
from contracts.domain.credits import latency_attainment, uptime_share
from contracts.domain.month import ExposurePolicy
from contracts.domain.terms import ONE, ZERO, Shape
from workloads.domain.serving import SpareRule

T = TypeVar("T")

FILE_VERSION = 1
MOST_WEEKS = 520
MOST_DAYS = 366 * 40


class ContractFileError(RefusedFile):
    """The file is not a contract."""


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
    usd_per_unit = _currency(top, as_of)
    profiles = _profiles(top)
    facts = _facts(top)
    versions: tuple[Version, ...] = ()
    if starts is not None and usd_per_unit is not None:
        reader = VersionReader(
            contract=key or "",
            shape=Shape(shape or Shape.MIXED),
            starts=starts,
            ends=ends,
            lines=LineReader(usd_per_unit=usd_per_unit, starts=starts),
            profiles=profiles,
        )
        versions = read_versions(top, reader)
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


def _currency(top: ObjectReader, as_of: date | None) -> Decimal | None:
    """Dollars for one unit of the contract's currency, at a rate of the as-of day or before: 1 where none is named."""
    if not top.has("currency"):
        return ONE

    def read(row: ObjectReader) -> Decimal | None:
        code = row.take("code", values.currency)
        taken = row.take("as_of", reading.or_null(values.day), None)
        if taken is not None and as_of is not None and taken > as_of:
            row.errors.add(
                f"{row.path}.as_of",
                f"{taken} is after the contract's as_of, {as_of}: a rate nobody knows yet is no rate",
            )
        is_base = code == "USD"
        rate = row.take("usd_per_unit", values.amount(above_zero=True), ONE if is_base else reading.REQUIRED)
        if is_base and rate is not None and rate != 1:
            row.errors.add(f"{row.path}.usd_per_unit", "a dollar is 1 dollar; name the other currency's code")
        return rate

    return values.part(top, "currency", read)


def _profiles(top: ObjectReader) -> dict[str, PricedProfile | None]:
    """Key → profile; None where it is there and wrong, which is said once and not again by the streams that name it."""
    found: dict[str, PricedProfile | None] = {}
    for path, item in top.take("profiles", reading.items, []) or []:
        profile = values.read_object(item, path, top.errors, read_profile)
        key = item.get("key") if isinstance(item, dict) else None
        if profile is not None and profile.profile.key in found:
            top.errors.add("$.profiles", f"the key {profile.profile.key} is used twice")
        if isinstance(key, str):
            found[key] = profile
    return found


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
        share=_measured_share(row),
        affected_share=needed(row.take("affected_share", values.share(), ONE), ONE),
        subject=row.take("of", reading.key, "") or "",
    )


def _measured_share(row: ObjectReader) -> Decimal:
    """The share itself, the availability of each five minutes, or the speed of each minute against its target."""
    if row.has("availability"):
        found = uptime_share(availability=row.take("availability", reading.list_of(values.share())) or ())
    elif row.has("tokens_per_second"):
        speeds = row.take("tokens_per_second", reading.list_of(values.quantity)) or ()
        target = needed(row.take("target", values.quantity), ZERO)
        found = latency_attainment(tokens_per_second=speeds, target=target)
    else:
        return needed(row.take("share", values.share()), ONE)
    if found is None:
        row.errors.add(row.path, "has no measurements: leave the row out, a gap is not an outage")
    return needed(found, ONE)


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
        price_fall_share_per_year=row.take(
            "price_fall_share_per_year", reading.or_null(values.share(below_one=True)), None
        ),
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
