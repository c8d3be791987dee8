"""The result tables of a run as people see them, by name; `tables` reads them.

What belongs here: the list. Each table's declaration (which model it reads, which resource of the visibility table its
columns belong to, who owns a row) stands in a table_specs_* module by topic; import it from here.
"""

from __future__ import annotations

from capacity.review.table_columns import RunTableSpec
from capacity.review.table_specs_actuals import ACTUAL_SPECS
from capacity.review.table_specs_contracts import (
    CONTRACT_LOTS,
    CONTRACT_MULTIPLES,
    CONTRACT_POOLS,
    CONTRACT_SLAS,
    DEALS,
    EXPOSURE,
)
from capacity.review.table_specs_map import MAP_TABLES
from capacity.review.table_specs_money import CHANCES, ROLLUPS, SCENARIOS
from capacity.review.table_specs_moves import EFFICIENCY_TABLES
from capacity.review.table_specs_queue import QUEUE_TABLES
from capacity.review.table_specs_supply import (
    ALLOCATIONS,
    LOT_EVENTS,
    POOL_WEEKS,
    POOLS,
    REMEDIES,
    SCARCITY,
    SHORTFALLS,
)
from capacity.review.table_specs_work import ISSUES, PLACEMENTS, TIERS, UNPLACED, WORKLOADS

RUN_TABLES: dict[str, RunTableSpec] = {
    spec.name: spec
    for spec in (
        EXPOSURE,
        DEALS,
        CONTRACT_MULTIPLES,
        CONTRACT_POOLS,
        CONTRACT_LOTS,
        CONTRACT_SLAS,
        POOLS,
        POOL_WEEKS,
        LOT_EVENTS,
        WORKLOADS,
        PLACEMENTS,
        UNPLACED,
        ALLOCATIONS,
        SHORTFALLS,
        REMEDIES,
        SCARCITY,
        TIERS,
        ISSUES,
        SCENARIOS,
        ROLLUPS,
        CHANCES,
        *MAP_TABLES,
        *QUEUE_TABLES,
        *EFFICIENCY_TABLES,
        *ACTUAL_SPECS,
    )
}
