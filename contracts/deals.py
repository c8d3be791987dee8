"""Deals in the pipeline → what a run says of each: its need and revenue alone, × its probability, what is held for it.

Pure: rows and the plan's own figures in, rows of the deals table out (methods: Holds). Which deals there are is
inputs.py; how a hold enters the plan is demand.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon
from capacity.lib.money import exact_context
from contracts.demand import contract_loads
from contracts.domain.promises import dedicated_accelerators
from contracts.inputs import ContractInForce
from workloads.demand import profiles_of, serving_classes, spare_rule

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
WHOLE = {"probability": Decimal(1)}


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldWeek:
    """What the plan gives a hold in a week: accelerators served of its class's reference type, and short."""

    served: Decimal
    short_accelerators: int


def deal_rows(
    *,
    deals: Sequence[ContractInForce],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    held: Mapping[str, Sequence[HeldWeek]],
    tables: Rows,
    policy: Policy,
    horizon: Horizon,
) -> list[Row]:
    """One row a deal (its pinned part and what follows together), in key order. held: demand key → its weeks."""
    grouped: dict[tuple[str, int], list[ContractInForce]] = {}
    for deal in deals:
        grouped.setdefault((deal.row["key"], deal.row["version"]), []).append(deal)
    with localcontext(exact_context()):
        return [
            _row(parts, revenue, held, _Sizing(tables=tables, policy=policy, horizon=horizon))
            for _, parts in sorted(grouped.items())
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sizing:
    tables: Rows
    policy: Policy
    horizon: Horizon

    def alone(self, part: ContractInForce) -> tuple[int | None, str]:
        """Accelerators in its largest week if nobody shared its replicas, or None and why that is not known."""
        if part.dedicated_unit is not None and part.has_units:
            spares = spare_rule(self.policy)
            return max(
                dedicated_accelerators(unit=part.dedicated_unit, units=units, spares=spares) if units else 0
                for units in part.units(self.horizon)
            ), ""
        loads, unsized = contract_loads(
            contracts=[replace(part, hold=WHOLE)],
            revenue={part.demand_key: (None,) * len(self.horizon)},
            profile_places=set(profiles_of(tables=self.tables, policy=self.policy)),
            horizon=self.horizon,
        )
        if unsized:
            return None, unsized[0].sentence
        alone = serving_classes(loads=loads, tables=self.tables, policy=self.policy, weeks=len(self.horizon))
        return max(week.total.accelerators for each in alone for week in each.weeks), ""


def _row(
    parts: list[ContractInForce],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    held: Mapping[str, Sequence[HeldWeek]],
    sizing: _Sizing,
) -> Row:
    first = parts[0]
    row, hold = first.row, first.hold
    sizes = [sizing.alone(part) for part in parts]
    known = [size for size, _ in sizes if size is not None]
    accelerators = max(known) if len(known) == len(parts) else None
    earned = _revenue(parts, revenue)
    weeks = [week for part in parts for week in held.get(part.demand_key, ())]
    share = None if hold is None else hold["probability"]
    return {
        "contract_key": row["key"],
        "contract_version": row["version"],
        "contract_name": row["name"],
        "customer_key": row["customer"],
        "customer_name": first.customer["name"],
        "customer_alias": first.customer["alias"],
        "owner_username": row["owner"] or "",
        "state": row["state"],
        "shape": row["shape"],
        "workload_key": row["workload"] or "",
        "starts_date": row["starts_date"],
        "ends_date": row["ends_date"],
        "is_sized": accelerators is not None,
        "sentence": " ".join(dict.fromkeys(why for _, why in sizes if why)),
        "accelerators": accelerators,
        "revenue_usd": earned,
        "hold_key": "" if hold is None else hold["key"],
        "probability": share,
        "expires_date": None if hold is None else hold["expires_date"],
        "weighted_accelerators": None if share is None or accelerators is None else share * accelerators,
        "weighted_revenue_usd": None if share is None or earned is None else share * earned,
        "held_accelerators": max((week.served for week in weeks), default=Decimal(0)) if hold else None,
        "short_accelerators": max((week.short_accelerators for week in weeks), default=0) if hold else None,
    }


def _revenue(parts: list[ContractInForce], revenue: Mapping[str, tuple[Decimal | None, ...]]) -> Decimal | None:
    """Revenue at P50 over the weeks in term; None where a week's money is not known."""
    if not all(part.is_priced for part in parts):
        return None
    return sum((week for part in parts for week in revenue[part.demand_key] if week is not None), Decimal(0))
