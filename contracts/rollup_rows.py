"""Rows of contracts under scenarios → their sums by workload, model, tier, customer, region and shape. Pure.

Every dimension's parts sum to its total to the cent (methods: Roll-ups). What is not known joins no sum; it is counted
and listed. A contract that is served in several regions is split by the accelerators it has in each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from contracts.domain.rollups import split_cents, usd_of
from contracts.domain.scenarios import SCENARIOS
from contracts.scenario_rows import share_of

Row = dict[str, Any]
ALL = "all"
DIMENSIONS = (ALL, "workload", "model", "tier", "customer", "region", "shape")
# What a contract is under that names no workload or model, or that the plan serves nowhere.
NAMELESS = {ALL: "All contracts", "region": "Not served", "workload": "No workload", "model": "No model"}
_COLUMN = {
    "workload": "workload_key",
    "model": "model_key",
    "tier": "model_tier",
    "customer": "customer_key",
    "shape": "shape",
}
_SUMMED = (
    "revenue_usd",
    "consumed_cost_usd",
    "reserved_cost_usd",
    "expected_credits_usd",
    "loss_exposure_usd",
    "margin_swing_usd",
)
_LOW, _HIGH, _GAP = "reserved_low_usd", "reserved_high_usd", "capacity_gap_accelerator_weeks"


@dataclass(slots=True)
class _Part:
    """What is summed of one part in one scenario: cents by column, and which contracts are in it or left out."""

    sums: dict[str, int] = field(default_factory=dict)
    contracts: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    unsized: set[str] = field(default_factory=set)
    unpriced: set[str] = field(default_factory=set)
    unknown_cost: set[str] = field(default_factory=set)


def rollup_rows(
    rows: Sequence[Row],
    *,
    names: Mapping[str, Mapping[str, str]],
    small_parts: Callable[[Mapping[str, int]], set[str]],
) -> list[Row]:
    """One row a dimension, part and scenario, in order.

    rows: of scenario_rows. names: dimension → key → name. small_parts: part → its customers to the parts whose money is
    withheld from roles without prices (all of them where the total would tell).
    """
    parts: dict[str, dict[tuple[str, str], _Part]] = {dimension: {} for dimension in DIMENSIONS}
    for row in rows:
        for dimension in DIMENSIONS:
            for key, amounts in _split(row, dimension):
                _add(parts[dimension].setdefault((key, row["scenario"]), _Part()), row, amounts)
    found = []
    for dimension, of_dimension in parts.items():
        customers = {key: len(part.customers) for (key, _), part in of_dimension.items()}
        small = set() if dimension == ALL else small_parts(customers)
        for key, scenario in sorted(of_dimension, key=lambda place: (place[0], SCENARIOS.index(place[1]))):
            part = of_dimension[key, scenario]
            found.append(
                {
                    "dimension": dimension,
                    "part_key": key,
                    "part_name": names.get(dimension, {}).get(key) or key or NAMELESS.get(dimension, "None"),
                    "scenario": scenario,
                    "position": SCENARIOS.index(scenario),
                    "is_small": key in small,
                    **_columns(part),
                }
            )
    return found


def _split(row: Row, dimension: str) -> Iterator[tuple[str, dict[str, int]]]:
    """(part, its amounts in cents) of the parts of a dimension that a contract belongs to."""
    amounts = {name: int(row[name].scaleb(2)) for name in (*_SUMMED, _LOW, _HIGH) if row[name] is not None}
    if row[_GAP] is not None:
        amounts[_GAP] = row[_GAP]
    if dimension == "region" and len(row["regions"]) > 1:
        weights = {region: Decimal(amount) for region, amount in row["regions"].items()}
        split = {name: split_cents(total=total, weights=weights) for name, total in amounts.items()}
        for region in weights:
            yield region, {name: by_region[region] for name, by_region in split.items()}
        return
    if dimension == "region":
        yield next(iter(row["regions"]), ""), amounts
        return
    yield ("" if dimension == ALL else str(row[_COLUMN[dimension]] or "")), amounts


def _add(part: _Part, row: Row, amounts: Mapping[str, int]) -> None:
    """Money where revenue and cost are both known, so that margin is revenue − cost of the same contracts."""
    key = row["contract_key"]
    part.contracts.add(key)
    part.customers.add(row["customer_key"])
    is_known = row["revenue_usd"] is not None and row["reserved_cost_usd"] is not None
    if not row["is_sized"]:
        part.unsized.add(key)
    elif row["revenue_usd"] is None:
        part.unpriced.add(key)
    elif not is_known:
        part.unknown_cost.add(key)
    summed = [_GAP, *(_SUMMED if is_known else ())]
    if row["revenue_usd"] is not None:
        summed += [_LOW, _HIGH]
    for name in summed:
        if name in amounts:
            part.sums[name] = part.sums.get(name, 0) + amounts[name]


def _columns(part: _Part) -> Row:
    sums = part.sums
    return {
        "contracts": len(part.contracts),
        "customers": len(part.customers),
        "unsized": len(part.unsized),
        "unpriced": len(part.unpriced),
        "unknown_cost": len(part.unknown_cost),
        "left_out": sorted(part.unsized | part.unpriced | part.unknown_cost),
        **{name: usd_of(sums.get(name)) for name in (*_SUMMED, _LOW, _HIGH)},
        "headroom_cost_usd": usd_of(_minus(sums, "reserved_cost_usd", "consumed_cost_usd")),
        "margin_usd": usd_of(_minus(sums, "revenue_usd", "reserved_cost_usd")),
        "margin_share": share_of(_minus(sums, "revenue_usd", "reserved_cost_usd"), sums.get("revenue_usd")),
        "consumed_margin_usd": usd_of(_minus(sums, "revenue_usd", "consumed_cost_usd")),
        _GAP: sums.get(_GAP),
    }


def _minus(sums: Mapping[str, int], left: str, right: str) -> int | None:
    return None if left not in sums or right not in sums else sums[left] - sums[right]
