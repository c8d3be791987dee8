"""Public datasheet figures of accelerator types, as cells of their table: for the demo and for a lab that begins.

The figures are carried in datasheets/ with their sources (NOTICE). Which types a lab has is not known here.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

FILE = Path(__file__).resolve().parent / "datasheets" / "accelerator_specs.csv"
# H100 equivalents are counted by dense BF16 operations a second (methods: Glossary).
H100_BF16_TFLOPS = Decimal("989.4")
SPECS_DATE = "2026-04-27"
SPECS_SOURCE = "Epoch AI ML hardware (CC BY 4.0)"


def datasheet_types() -> list[dict[str, str]]:
    """The rows of `accelerator_types`, one a datasheet, in the order of the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return [_cells(spec) for spec in csv.DictReader(file)]


def _cells(spec: dict[str, str]) -> dict[str, str]:
    factor = (Decimal(spec["dense_bf16_tflops"]) / H100_BF16_TFLOPS).quantize(Decimal("0.000001"))
    return {
        "key": spec["key"],
        "name": spec["accelerator"],
        "manufacturer": spec["manufacturer"],
        "dense_bf16_tflops": spec["dense_bf16_tflops"],
        "dense_fp8_tflops": spec["dense_fp8_tflops"],
        "memory_gb": spec["memory_gb"],
        "tdp_w": spec["tdp_w"],
        "h100e_factor": str(factor),
        "h100e_as_of_date": SPECS_DATE,
        "provenance": f"measured: datasheet figures of {spec['accelerator']}, {SPECS_SOURCE}",
    }
