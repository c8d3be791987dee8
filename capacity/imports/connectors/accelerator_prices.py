"""Public price lists of rented accelerators to accelerator_list_prices: by offer, region and pricing model. Pure.

Reads a flat list (cloud, accelerator, price) under common column names, and the catalogues of SkyPilot. What a list
calls a chip is kept; which of our types it means comes from aliases and options, or from a suggestion that is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from capacity.imports.cells import CellError
from capacity.imports.connectors.accelerators import suggest
from capacity.imports.connectors.contract import (
    Connector,
    Findings,
    Line,
    Option,
    Settings,
    Source,
    Unplaced,
    name_option,
)
from capacity.imports.connectors.reading import Csv, header_of, number, open_csv, plain
from capacity.imports.connectors.sums import fingerprint, stable_id

TABLE = "accelerator_list_prices"
_PLACES = 6
# What lists call their columns, the first that is there counts.
_COLUMNS = {
    "provider": ("cloud", "provider", "vendor"),
    "region": ("region", "Region", "location"),
    "zone": ("zone", "AvailabilityZone"),
    "offer": ("instance_type", "InstanceType", "offer", "sku"),
    "accelerator": ("accelerator", "AcceleratorName", "gpu", "gpu_model", "gpu_name"),
    "count": ("accelerator_count", "AcceleratorCount", "gpu_count", "num_gpus"),
    "model": ("pricing_model", "tier", "purchase_option"),
    "each": ("usd_per_accelerator_hour", "price_per_gpu_hour", "usd_per_gpu_hour"),
    "whole": ("price_usd_per_hour", "price_per_hour", "hourly_price", "Price"),
    "spot": ("SpotPrice",),
    "basis": ("price_basis",),
    "cpus": ("vcpus", "vCPUs"),
    "memory": ("host_memory_gib", "MemoryGiB"),
    "day": ("observed_date", "as_of_date", "date"),
}
MODELS = {
    "on_demand": "on_demand",
    "on-demand": "on_demand",
    "spot": "spot",
    "preemptible": "spot",
    "interruptible": "spot",
    "marketplace_interruptible": "spot",
    "prototyping_interruptible": "spot",
    "reserved": "reserved",
    "reserved_1y": "reserved_1y",
    "reserved_3y": "reserved_3y",
}


def looks_like(head: bytes) -> bool:
    """Whether the file names an accelerator and a price an hour."""
    header = header_of(head)
    has_price = bool(header & {*_COLUMNS["each"], *_COLUMNS["whole"]})
    return (
        has_price
        and bool(header & set(_COLUMNS["accelerator"]))
        and bool(header & {*_COLUMNS["count"], *_COLUMNS["each"]})
    )


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    types: dict[str, str]
    unplaced: Unplaced
    free: Unplaced
    tiers: Unplaced
    seen: dict[int, str]
    typed: dict[str, str]


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """A row for each offer, region and pricing model with a price above zero."""
    names = settings.names.get("accelerator_type")
    reading = _Reading(
        settings=settings,
        findings=findings,
        types={key: key for key in names.keys} if names else {},
        unplaced=Unplaced(what="none of our accelerator types is known for"),
        free=Unplaced(what="the price is zero"),
        tiers=Unplaced(what="the tier is booked as on demand"),
        seen={},
        typed={},
    )
    for source in sources:
        file = open_csv(source, findings)
        if file is not None:
            yield from _read_file(reading, file)
    first = sources[0].name if sources else ""
    advice = "They are kept without a type. Map them with accelerator_type:NAME=KEY, or say accept_suggestions=yes."
    reading.unplaced.tell(findings, first, column="accelerator", advice=advice, code="no_type")
    advice = "They are left out: nobody rents for nothing."
    reading.free.tell(findings, first, column="usd_per_accelerator_hour", advice=advice, code="price_is_zero")
    reading.tiers.tell(findings, first, column="pricing_model", advice="The offer keeps its name.", code="tier")


def _read_file(reading: _Reading, file: Csv) -> Iterator[Line]:
    at = {name: file.place(*columns) for name, columns in _COLUMNS.items()}
    for name, option in (("provider", "provider"), ("day", "as_of_date")):
        if at[name] < 0 and not reading.settings.text(option):
            message = f"The file has no column for it, so the option {option}=… is needed."
            reading.findings.say(file.file, "wrong_option", message, column=option)
            return
    for row, cells in file.rows:
        try:
            own = {name: cells[place].strip() if place >= 0 else "" for name, place in at.items()}
            yield from _row(reading, file.file, row, own)
        except CellError as error:
            reading.findings.odd(file.file, error.code, error.message, row=row)


def _row(reading: _Reading, file: str, row: int, own: dict[str, str]) -> Iterator[Line]:
    if not own["accelerator"]:
        reading.findings.count("offers without an accelerator")
        return
    count = number(own["count"]) if own["count"] else Decimal(1)
    if count <= 0:
        raise CellError("too_small", f"{own['count']} accelerators: the price for one cannot be told.")
    stated = number(own["each"]) if own["each"] else _each(own["whole"], count)
    for model, price in ((own["model"] or "on_demand", stated), ("spot", _each(own["spot"], count))):
        if price is not None:
            line = _line(reading, file, row, own, model, price)
            if line is not None:
                yield line


def _each(cell: str, count: Decimal) -> Decimal | None:
    return number(cell) / count if cell else None


def _line(reading: _Reading, file: str, row: int, own: dict[str, str], model: str, price: Decimal) -> Line | None:
    provider = (own["provider"] or reading.settings.text("provider")).strip()
    if price < 0:
        raise CellError("too_small", f"The price {price} is below zero.")
    if price == 0:
        reading.free.add(f"{provider} {own['offer'] or own['accelerator']}")
        return None
    kind = MODELS.get(model)
    if kind is None:
        reading.tiers.add(f"{provider} {model}")
    region = own["region"] + (f" {own['zone']}" if own["zone"] and own["zone"] != own["region"] else "")
    machine = f", {own['cpus']} vCPUs" * bool(own["cpus"]) + f", {own['memory']} GiB" * bool(own["memory"])
    parts = [own["offer"] or f"{own['count'] or 1} x {own['accelerator']}{machine}"]
    parts += [f"({model})"] * (kind is None) + ["without the VM"] * (own["basis"] == "accelerator_only_without_vm")
    day = own["day"] or reading.settings.text("as_of_date")
    amount = plain(price, _PLACES)
    name = (provider, region, *parts, own["accelerator"], own["count"], model, own["basis"])
    if _is_repeated(reading, file, row, (*name, day), amount):
        return None
    cells = {
        "provider": provider[:80],
        "region": region[:80],
        "offer": " ".join(parts)[:120],
        "accelerator": own["accelerator"][:120],
        "accelerator_type": _type(reading, own["accelerator"]),
        "pricing_model": kind or "on_demand",
        "as_of_date": day,
        "usd_per_accelerator_hour": amount,
        "external_id": stable_id("offer", *name),
        "provenance": f"Public list price, {file}"[:200],
    }
    return Line(TABLE, cells, file, row)


def _is_repeated(reading: _Reading, file: str, row: int, name: tuple[str, ...], amount: str) -> bool:
    mark = fingerprint(*name)
    earlier = reading.seen.get(mark)
    if earlier is None:
        reading.seen[mark] = amount
        return False
    reading.findings.count("offers that are in the files twice, the first taken")
    if earlier != amount:
        message = f"The offer is in the files twice, at {earlier} and {amount} an hour; the first is taken."
        reading.findings.warn(file, "two_prices", message, row=row, column="usd_per_accelerator_hour")
    return True


def _type(reading: _Reading, accelerator: str) -> str:
    key = reading.settings.find("accelerator_type", accelerator)
    if key:
        return key
    if accelerator not in reading.typed:
        reading.typed[accelerator] = suggest(accelerator, reading.types)
    suggested = reading.typed[accelerator]
    if suggested and reading.settings.text("accept_suggestions") == "yes":
        reading.findings.count("offers whose accelerator type is a suggestion that was accepted")
        return suggested
    reading.unplaced.add(f"{accelerator} → {suggested}?" if suggested else accelerator)
    return ""


ACCEPT = Option(
    name="accept_suggestions",
    kind="choice",
    choices=("yes", "no"),
    default="no",
    help="Take the accelerator type that is suggested where a name means exactly one.",
)
TYPE = name_option("accelerator_type", "accelerator_types", "Which accelerator type a name means:")
CONNECTOR = Connector(
    name="accelerator_prices",
    label="Price list of rented accelerators",
    help="A flat list of offers (cloud, region, accelerator, count, price an hour), or a catalogue of SkyPilot.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    options=(
        TYPE,
        ACCEPT,
        Option(name="provider", help="Whose list it is, when the file has no such column."),
        Option(name="as_of_date", kind="date", help="The day the prices were read, when the file has no such column."),
    ),
)
