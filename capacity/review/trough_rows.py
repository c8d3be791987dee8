"""A solved plan → the room in the troughs of each pool, week by week, as rows. Pure."""

from __future__ import annotations

from typing import Any

from capacity.lib.money import to_decimal
from capacity.review.map_use_rows import MAP_WEEKS
from capacity.review.plan_rows import PlanRows
from workloads.demand import WAITING
from workloads.domain.troughs import HeldClass, trough_of

Row = dict[str, Any]


def trough_rows(rows: PlanRows) -> list[Row]:
    """One row a pool and week of the first 13 in which a pool serves. A contract's own accelerators have no trough."""
    found = []
    for week in rows.weeks[:MAP_WEEKS]:
        for pool in sorted(rows.pools):
            held = [
                HeldClass(
                    model=serving.model_version,
                    waits=serving.latency_class in WAITING,
                    accelerators=rows.allocated[key, pool, week],
                    consumed=consumed,
                    spare=spare,
                )
                for key in rows.classes_in.get((pool, week), ())
                if (serving := rows.class_by_key.get(key)) is not None
                for consumed, spare in [rows.use_of_class(key, week)]
            ]
            if not any(each.accelerators for each in held):
                continue
            trough = trough_of(held)
            found.append(
                {
                    "pool_key": pool,
                    "week": week.key,
                    "live": trough.live,
                    "consumed": to_decimal(trough.consumed),
                    "spare": to_decimal(trough.spare),
                    "trough": to_decimal(trough.trough),
                    "waiting": to_decimal(trough.waiting),
                    "fits": to_decimal(trough.fits),
                }
            )
    return found
