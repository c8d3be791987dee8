"""The accelerators: what they are, where they stand, when they arrive and leave, and what they cost.

Quantities are accelerators, dates are half-open `[starts, ends)`. Supply by week is computed in domain/supply.py.
supply.py holds the places and kinds, lots.py what arrives, moves and fails, cost.py money we keep, logs.py money read.
"""

from __future__ import annotations

from capacity.inventory.models.cost import Budget, CostLine, CostRate, FxRate, MarketValue
from capacity.inventory.models.logs import AcceleratorListPrice, ActualCost
from capacity.inventory.models.lots import CONTROL_GRADES, LOT_SOURCES, LOT_STATES, Lot, LotMove, Outage
from capacity.inventory.models.supply import (
    KEY,
    SOURCE_TYPES,
    AcceleratorType,
    DateRange,
    LeadTime,
    NetworkDomain,
    Pool,
    Site,
    Supplier,
)

__all__ = [
    "CONTROL_GRADES",
    "KEY",
    "LOT_SOURCES",
    "LOT_STATES",
    "SOURCE_TYPES",
    "AcceleratorListPrice",
    "AcceleratorType",
    "ActualCost",
    "Budget",
    "CostLine",
    "CostRate",
    "DateRange",
    "FxRate",
    "LeadTime",
    "Lot",
    "LotMove",
    "MarketValue",
    "NetworkDomain",
    "Outage",
    "Pool",
    "Site",
    "Supplier",
]
