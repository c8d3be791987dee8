"""One row of a run's table of waste, its figures in the table's places. Pure."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import round_usd, to_decimal

Row = dict[str, Any]
COUNT_STEP, SHARE_STEP = Decimal("0.0001"), Decimal("0.000001")


def waste_row(
    kind: str,
    *,
    sentence: str,
    workload_key: str = "",
    serving_class: str = "",
    pool_key: str = "",
    experiment_key: str = "",
    week: str = "",
    accelerators: Fraction | None = None,
    usd: Decimal | None = None,
    measured: Fraction | None = None,
    peer: Fraction | None = None,
) -> Row:
    return {
        "kind": kind,
        "workload_key": workload_key,
        "serving_class": serving_class,
        "pool_key": pool_key,
        "experiment_key": experiment_key,
        "week": week,
        "accelerators": _rounded(accelerators, COUNT_STEP),
        "usd_per_week": None if usd is None else round_usd(usd),
        "measured": _rounded(measured, SHARE_STEP),
        "peer": _rounded(peer, SHARE_STEP),
        "sentence": sentence,
    }


def _rounded(value: Fraction | None, step: Decimal) -> Decimal | None:
    return None if value is None else round_usd(to_decimal(value), step=step)
