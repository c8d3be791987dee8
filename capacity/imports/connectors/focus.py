"""FOCUS 1.0 to 1.2 billing exports (CSV, packed or not) to actual costs by pool and UTC day. Pure.

Sums keep the sign of credits and corrections. Costs are summed in 10^-10 of a dollar, hours in 10^-10 of an hour, and
shown with six places. A charge that spans several days is spread evenly over its hours (usage) or booked on its first
day (purchases, taxes, credits, adjustments).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import (
    TIMEZONE,
    Connector,
    Findings,
    Line,
    Option,
    Settings,
    Source,
    Unplaced,
    name_option,
)
from capacity.imports.connectors.moments import days_between, moment
from capacity.imports.connectors.reading import Csv, header_of, number, open_csv, plain
from capacity.imports.connectors.sums import SEPARATOR, Sums, fingerprint, stable_id

TABLE = "actual_costs"
NEEDED = ("BilledCost", "BillingCurrency", "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd", "ServiceName")
KINDS = {"usage", "purchase", "tax", "credit", "adjustment"}
# Corrections of earlier bills and negative charges of other kinds are booked as these: they may be negative.
ADJUSTMENT = "adjustment"
_SCALE = Decimal(10) ** 10
_PLACES = 6
# "Hours", "Hrs", "GPU-Hours" and Azure's "100 Hours", but not "GB-Hours": memory hours are no accelerator hours.
_HOURS = re.compile(r"(?:(\d+) )?(?:(?:GPU|Accelerator|Instance)[ -])?(?:Hours?|Hrs?|h)", re.IGNORECASE | re.ASCII)
# What may name a charge's pool. All of it is part of what tells rows apart, so that mapping a name later changes the
# row of the charge instead of adding a second one.
POOL_BY = ("ResourceId", "ResourceName", "SubAccountId", "SubAccountName", "RegionId", "ServiceName")


def looks_like(head: bytes) -> bool:
    """Whether the file has the columns every FOCUS export has."""
    return {"BilledCost", "ChargePeriodStart", "ChargeCategory"} <= header_of(head)


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where the columns stand in this file; -1: not there."""

    billed: int
    effective: int
    listed: int
    currency: int
    category: int
    charge_class: int
    starts: int
    ends: int
    provider: int
    service: int
    resource: int
    quantity: int
    unit: int
    tags: int
    apart: tuple[int, ...]
    pool_by: tuple[int, ...]


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    sums: Sums = field(default_factory=lambda: Sums(4))
    unplaced: Unplaced = field(default_factory=lambda: Unplaced(what="no pool is known for"))
    without_rate: set[tuple[str, str]] = field(default_factory=set)
    hour_units: dict[str, Decimal | None] = field(default_factory=dict)
    total: Decimal = Decimal(0)
    placed: Decimal = Decimal(0)


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of actual_costs, one for each day, provider, service, resource, account, tags and kind of charge."""
    reading = _Reading(settings=settings, findings=findings)
    for source in sources:
        file = open_csv(source, findings, needed=NEEDED)
        if file is not None:
            _read_file(reading, file)
    first = sources[0].name if sources else ""
    kept = "left out" if settings.text("unplaced") == "leave_out" else "kept without a pool"
    advice = f"They are {kept}. Map them with pool:NAME=KEY, or name a tag with pool_tag=…."
    reading.unplaced.tell(findings, first, column="ResourceId", advice=advice, unit="USD")
    findings.note(f"The files bill {reading.total:,.2f} USD; {reading.placed:,.2f} USD of it is placed in pools.")
    yield from _lines(reading, first)


def _places(file: Csv, settings: Settings) -> _Places:
    by = [settings.text("pool_by")] if settings.text("pool_by") else POOL_BY
    return _Places(
        billed=file.place("BilledCost"),
        effective=file.place("EffectiveCost"),
        listed=file.place("ListCost"),
        currency=file.place("BillingCurrency"),
        category=file.place("ChargeCategory"),
        charge_class=file.place("ChargeClass"),
        starts=file.place("ChargePeriodStart"),
        ends=file.place("ChargePeriodEnd"),
        provider=file.place("ProviderName", "Provider", "ServiceProviderName"),
        service=file.place("ServiceName"),
        resource=file.place("ResourceId"),
        quantity=file.place("PricingQuantity"),
        unit=file.place("PricingUnit"),
        tags=file.place("Tags"),
        apart=tuple(place for place in file.places(*POOL_BY, "Tags") if place >= 0),
        pool_by=tuple(place for place in file.places(*by) if place >= 0),
    )


def _read_file(reading: _Reading, file: Csv) -> None:
    places = _places(file, reading.settings)
    for row, cells in file.rows:
        try:
            _read_row(reading, file.file, row, cells, places)
        except CellError as error:
            reading.findings.odd(file.file, error.code, error.message, row=row)


def _read_row(reading: _Reading, file: str, row: int, cells: list[str], places: _Places) -> None:
    zone = reading.settings.text("timezone")
    starts, ends = _period(cells[places.starts], cells[places.ends], zone)
    currency = cells[places.currency].strip().upper()
    rate = reading.settings.usd_per_unit(currency, starts.date())
    if rate is None:
        _no_rate(reading, file, row, currency, starts.date())
        return
    billed = _amount(cells, places.billed) * rate
    reading.total += billed
    pool = _pool(reading.settings, cells, places)
    if pool:
        reading.placed += billed
    else:
        reading.unplaced.add(_who(cells, places), billed)
        if reading.settings.text("unplaced") == "leave_out":
            return
    effective, listed = _amount(cells, places.effective) * rate, _amount(cells, places.listed) * rate
    kind = _kind(reading.findings, cells, places, is_negative=min(billed, effective, listed) < 0)
    hours = _hours(reading, cells, places) if kind == "usage" else None
    amounts = (billed, effective, listed, hours or Decimal(0))
    known = ("h" if hours is not None else "") + ("e" if places.effective >= 0 else "") + "l" * (places.listed >= 0)
    names = (_named(cells, places), cells[places.service].strip()[:200], _cell(cells, places.resource)[:300], kind)
    apart = f"{fingerprint(*(cells[place] for place in places.apart)):016x}"
    spread = _shares(starts, ends) if kind == "usage" else [(starts.date(), Decimal(1))]
    if len(spread) > 1:
        reading.findings.count("usage charges that span several days, spread evenly over their hours")
    for day, share in spread:
        key = SEPARATOR.join((day.isoformat(), *names, currency, apart, known, pool))
        reading.sums.add(key, *(int(round(amount * share * _SCALE)) for amount in amounts))


def _period(starts: str, ends: str, zone: str) -> tuple[datetime, datetime]:
    first, last = moment(starts.strip(), zone), moment(ends.strip(), zone)
    if last < first:
        raise CellError("wrong_order", f"ChargePeriodEnd {ends} is before ChargePeriodStart {starts}.")
    return first, last


def _amount(cells: list[str], place: int) -> Decimal:
    cell = _cell(cells, place)
    return number(cell) if cell else Decimal(0)


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place >= 0 else ""


def _no_rate(reading: _Reading, file: str, row: int, currency: str, day: date) -> None:
    """Said once for a currency and month: costs in a currency without a rate cannot be summed."""
    if (currency, f"{day:%Y-%m}") in reading.without_rate:
        return
    reading.without_rate.add((currency, f"{day:%Y-%m}"))
    message = (
        f'There is no rate for "{currency}" on {day}. Enter it in the FX rates, or give usd_per_unit:{currency}=….'
    )
    reading.findings.say(file, "no_rate", message, row=row, column="BillingCurrency")


def _pool(settings: Settings, cells: list[str], places: _Places) -> str:
    tag = settings.text("pool_tag")
    tagged = tags_of(_cell(cells, places.tags)).get(tag, "") if tag else ""
    return settings.find("pool", tagged, *(cells[place].strip() for place in places.pool_by))


def _who(cells: list[str], places: _Places) -> str:
    """What an unplaced charge is called in the list: its resource, or its service when it has none."""
    return _cell(cells, places.resource) or cells[places.service].strip() or "(no name)"


@lru_cache(maxsize=10_000)
def tags_of(cell: str) -> dict[str, str]:
    """Tags as a JSON object, as a JSON list of key and value, or as `key=value;…`; {} for none."""
    cell = cell.strip()
    if not cell or cell in ("{}", "[]"):
        return {}
    try:
        value = json.loads(cell)
    except ValueError:
        pairs = (part.partition("=") for part in re.split(r"[;,]", cell))
        return {name.strip(): text.strip() for name, _, text in pairs if text}
    if isinstance(value, dict):
        return {str(name): str(text) for name, text in value.items()}
    if isinstance(value, list):
        pairs_ = (item for item in value if isinstance(item, dict))
        return {str(item.get("key") or item.get("Key")): str(item.get("value") or item.get("Value")) for item in pairs_}
    return {}


def _named(cells: list[str], places: _Places) -> str:
    return _cell(cells, places.provider)[:80] or "(not named)"


def _kind(findings: Findings, cells: list[str], places: _Places, *, is_negative: bool) -> str:
    category = cells[places.category].strip().lower()
    if category not in KINDS:
        raise CellError("unknown_choice", f'"{cells[places.category]}" is no FOCUS charge category.')
    if _cell(cells, places.charge_class).lower() == "correction":
        findings.count("corrections of earlier billing periods, booked as adjustments with their sign")
        return ADJUSTMENT
    if category == "credit":
        findings.count("credits, kept with their sign")
    elif is_negative and category != ADJUSTMENT:
        findings.count(f"negative charges of the category {category}, booked as adjustments")
        return ADJUSTMENT
    return category


def _hours(reading: _Reading, cells: list[str], places: _Places) -> Decimal | None:
    """The hours of the charge when its pricing unit is hours, else None: hours are not known."""
    unit, quantity = _cell(cells, places.unit), _cell(cells, places.quantity)
    if unit not in reading.hour_units:
        found = _HOURS.fullmatch(unit)
        reading.hour_units[unit] = Decimal(found.group(1) or 1) if found else None
    times = reading.hour_units[unit]
    return number(quantity) * times if times is not None and quantity else None


@lru_cache(maxsize=4096)
def _shares(starts: datetime, ends: datetime) -> list[tuple[date, Decimal]]:
    """Each UTC day of the period with its share of the period's time. The shares add up to one."""
    days = days_between(starts, ends)
    if len(days) == 1:
        return [(days[0], Decimal(1))]
    whole = Decimal((ends - starts).total_seconds())
    shares: list[tuple[date, Decimal]] = []
    for day in days[:-1]:
        midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
        inside = midnight - max(starts, datetime.combine(day, time(), UTC))
        shares.append((day, Decimal(inside.total_seconds()) / whole))
    return [*shares, (days[-1], 1 - sum((share for _, share in shares), Decimal(0)))]


def _lines(reading: _Reading, file: str) -> Iterator[Line]:
    for parts, totals in reading.sums.sorted():
        day, provider, service, resource, kind, currency, _, known, pool = parts
        billed, effective, listed, hours = (Decimal(total) / _SCALE for total in totals)
        cells = {
            "pool": pool,
            "day": day,
            "provider": provider,
            "service": service,
            "resource": resource,
            "charge_kind": kind,
            "billed_usd": plain(billed, _PLACES),
            "effective_usd": plain(effective, _PLACES) if "e" in known else "",
            "list_usd": plain(listed, _PLACES) if "l" in known else "",
            "currency": currency,
            "quantity_hours": plain(hours, _PLACES) if "h" in known else "",
            "external_id": stable_id("focus", *parts[:7], "h" if "h" in known else ""),
            "provenance": f"FOCUS billing export {file}"[:200],
        }
        yield Line(TABLE, cells, file, None)


CONNECTOR = Connector(
    name="focus",
    label="FOCUS billing export",
    help="Cloud bills in the FinOps Open Cost and Usage Specification, 1.0 to 1.2, as CSV or CSV.GZ. Give all parts of "
    "one export at once: rows are sums by pool and day, and a later import of the same days replaces them.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    reads_all_at_once=True,
    options=(
        name_option("pool", "pools", "Which pool a resource, account or tag value belongs to:"),
        Option(
            name="unplaced",
            kind="choice",
            choices=("keep", "leave_out"),
            default="keep",
            help="Charges of no known pool are kept without a pool (the default, so that the bill adds up) or left out.",
        ),
        Option(name="pool_tag", help="The tag whose value names the pool, such as capacity-pool."),
        Option(
            name="pool_by",
            kind="choice",
            choices=POOL_BY,
            help="The only column whose values name the pool. Without it all of these may, in this order, after the tag.",
        ),
        Option(
            name="usd_per_unit",
            kind="rates",
            help="Dollars for one unit of a currency: usd_per_unit:EUR=1.08. Without it the FX rates are used.",
        ),
        TIMEZONE,
    ),
)
