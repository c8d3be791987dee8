"""The demo's moves and requests on a later load: what people made of them since stays."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from workloads.models import Experiment, RequestMove, WorkloadMove

FILE, REQUESTS = "workload_moves.csv", "experiments.csv"


def keep_moves(tables: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tables without the moves that are there already."""
    return _without(tables, FILE, set(WorkloadMove.objects.values_list("key", flat=True)))


def keep_requests(tables: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tables without the requests that somebody moved on since: no file moves a request, and moved ones keep terms."""
    told = {row["key"]: row["state"] for row in _rows(tables, REQUESTS)}
    there = Experiment.objects.filter(key__in=told).values_list("key", "state")
    moved = set(RequestMove.objects.filter(experiment__key__in=told).values_list("experiment__key", flat=True))
    return _without(tables, REQUESTS, moved | {key for key, state in there if state != told[key]})


def _rows(tables: Mapping[str, bytes], file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(tables[file].decode())))


def _without(tables: Mapping[str, bytes], file: str, keys: set[str]) -> dict[str, bytes]:
    """The tables without these rows of the file, and without the file where none is left."""
    rows = _rows(tables, file)
    left = [row for row in rows if row["key"] not in keys]
    if not left:
        return {name: content for name, content in tables.items() if name != file}
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(left)
    return {**tables, file: out.getvalue().encode()}
