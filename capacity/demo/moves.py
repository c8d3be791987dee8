"""The demo's moves on a later load: what people made of them since stays."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from workloads.models import WorkloadMove

FILE = "workload_moves.csv"


def keep_moves(tables: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tables without the moves that are there already."""
    there = set(WorkloadMove.objects.values_list("key", flat=True))
    rows = list(csv.DictReader(io.StringIO(tables[FILE].decode())))
    left = [row for row in rows if row["key"] not in there]
    if not left:
        return {name: content for name, content in tables.items() if name != FILE}
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(left)
    return {**tables, FILE: out.getvalue().encode()}
