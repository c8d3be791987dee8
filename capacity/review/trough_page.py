"""The room in the troughs as the workload map shows it: one line a pool, this week and on average. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from capacity.lib.figures import thousands
from capacity.review.map_use_rows import MAP_WEEKS
from capacity.review.tables import Row

_NOW = ("live", "consumed", "spare", "trough", "waiting", "fits")
_NONE = dict.fromkeys(_NOW, Decimal(0))


def trough_lines(rows: Sequence[Row], *, names: Mapping[str, str], week: str) -> list[Row]:
    """The pools' lines of a week, the most room first. rows: visible rows of troughs; a week without a row has none."""
    by_pool: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_pool[row["pool_key"]].append(row)
    found = []
    for pool, weeks in by_pool.items():
        now = next((row for row in weeks if row["week"] == week), _NONE)
        mean = sum((Decimal(row["fits"]) for row in weeks), Decimal(0)) / MAP_WEEKS
        found.append(
            {"pool_key": pool, "pool_name": names.get(pool, pool), "fits_mean": mean}
            | {name: now[name] for name in _NOW}
        )
    return sorted(found, key=lambda row: (-row["fits"], -row["trough"], row["pool_name"]))


def trough_sentence(lines: Sequence[Row]) -> str:
    """What of the work that waits would need no accelerators of its own."""
    trough, waiting, fits = (
        sum((Decimal(row[name]) for row in lines), Decimal(0)) for name in ("trough", "waiting", "fits")
    )
    said = f"Live serving leaves {thousands(trough)} accelerators unused on average this week"
    if not waiting:
        return f"{said}; no batch or offline work is planned that could fill them."
    return (
        f"{said}; of the {thousands(waiting)} that batch and offline work keeps busy beside it, "
        f"{thousands(fits)} would fit where the same model is loaded."
    )
