"""Public specifications of accelerators to accelerator_types. Pure.

The factor of H100 equivalents is dense BF16 throughput over the 989.4 TFLOP/s of an H100 SXM; a chip without that figure
has no factor and is left out, counted and named. A type that is there already gets the figures and keeps its name and
its factor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
from capacity.imports.connectors.reading import header_of, number, open_csv, plain

TABLE = "accelerator_types"
H100_DENSE_BF16_TFLOPS = Decimal("989.4")
# Our column, theirs, and the places it keeps.
_FIGURES = (
    ("dense_bf16_tflops", "dense_bf16_tflops", 3),
    ("dense_fp8_tflops", "dense_fp8_tflops", 3),
    ("dense_fp4_tflops", "dense_fp4_tflops", 3),
    ("dense_int8_tops", "int8_tops", 3),
    ("memory_gb", "memory_gb", 1),
    ("memory_bandwidth_gb_per_s", "memory_bandwidth_gb_per_s", 1),
    ("tdp_w", "tdp_w", 1),
    ("release_price_usd", "release_price_usd", 2),
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def looks_like(head: bytes) -> bool:
    """Whether the file lists accelerators with their throughput and memory."""
    return {"accelerator", "manufacturer", "dense_bf16_tflops", "memory_gb"} <= header_of(head)


def key_of(name: str) -> str:
    """A key for the type: `NVIDIA H100 SXM5 80GB` is `nvidia-h100-sxm5-80gb`."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")[:80]


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """A row for each chip whose dense BF16 throughput is stated."""
    without = Unplaced(what="no dense BF16 throughput is stated for")
    alike = Unplaced(what="a type that may be the same chip is there already")
    known = settings.names.get("accelerator_type")
    ours = {key: key for key in known.keys} if known else {}
    for source in sources:
        file = open_csv(source, findings, needed=("accelerator", "manufacturer", "dense_bf16_tflops"))
        if file is None:
            continue
        for row, cells in file.rows:
            own = dict(zip(file.header, (cell.strip() for cell in cells), strict=True))
            if not own["dense_bf16_tflops"]:
                without.add(own["accelerator"])
                continue
            key = settings.find("accelerator_type", own["accelerator"]) or key_of(own["accelerator"])
            same = suggest(own["accelerator"], {each: name for each, name in ours.items() if each != key})
            if same and key not in ours:
                alike.add(f"{own['accelerator']} → {same}?")
            try:
                cells_ = _cells(own, key, settings.text("as_of_date"), is_known=key in ours)
            except CellError as error:
                findings.odd(file.file, error.code, error.message, row=row)
                continue
            yield Line(TABLE, cells_, file.file, row)
    first = sources[0].name if sources else ""
    advice = "They are left out: without it there is no H100 equivalent."
    without.tell(findings, first, column="dense_bf16_tflops", advice=advice, code="no_throughput")
    advice = (
        "They are added beside it. Map them with accelerator_type:NAME=KEY to bring the figures to the type you have."
    )
    alike.tell(findings, first, column="accelerator", advice=advice, code="same_chip")


def _cells(own: dict[str, str], key: str, day: str, *, is_known: bool) -> dict[str, str]:
    cells = {"key": key}
    for ours, theirs, places in _FIGURES:
        stated = own.get(theirs, "")
        cells[ours] = plain(number(stated), places) if stated else ""
    released = own.get("release_date", "")
    cells["release_date"] = released if _DATE.fullmatch(released) else ""
    if is_known:
        return cells
    cells["name"] = own["accelerator"][:120]
    cells["manufacturer"] = (own["manufacturer"] or "(not stated)")[:80]
    cells["h100e_factor"] = plain(number(own["dense_bf16_tflops"]) / H100_DENSE_BF16_TFLOPS, 6)
    cells["h100e_as_of_date"] = day
    cells["provenance"] = f"Public specification; {own.get('datasheet_url') or 'no data sheet named'}"[:300]
    return cells


CONNECTOR = Connector(
    name="accelerator_specs",
    label="Specifications of accelerators",
    help="accelerator, manufacturer, dense throughputs, memory, power and release, such as the list of Epoch AI.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    options=(
        Option(
            name="as_of_date",
            kind="date",
            required=True,
            help="The day from which the factor of H100 equivalents holds.",
        ),
        name_option("accelerator_type", "accelerator_types", "Which type you have a name means (else one is added):"),
    ),
)
