"""The rows of the run that tests/factories.py makes: three pools, four contracts of four customers, three workloads,
four placed and two unplaced requests, one short week, one late lot, one pool of unknown cost, one unsized contract.

The sums hold (allocatable + burst = all purposes + idle; margin = revenue − cost), so that a page which adds up wrong
shows. What is shared stands in factory_names, each topic's rows in a factory_* module beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capacity.lib.horizon import Horizon
from tests import factory_actuals, factory_map, factory_money, factory_moves, factory_queue
from tests import factory_contract_rows as of_contract
from tests.factory_exposure_rows import deal_rows, exposure_rows
from tests.factory_figures import figure_rows
from tests.factory_names import OWNERS, POOL_B, Row
from tests.factory_supply_rows import (
    allocation_rows,
    demand_rows,
    lot_rows,
    pool_rows,
    pool_week_rows,
    remedy_rows,
    scarcity_rows,
)
from tests.factory_work_rows import issue_rows, placement_rows, tier_rows, unplaced_rows, workload_rows

Changes = Mapping[str, Mapping[str, Mapping[str, Any]]]


def all_tables(horizon: Horizon, *, scale: int, changes: Changes) -> dict[str, list[Row]]:
    """Every result table by name. See factories.make_run for `scale` and `changes`."""
    tables = {
        "pools": pool_rows(),
        "pool-weeks": pool_week_rows(horizon),
        "lots": lot_rows(horizon),
        "allocations": allocation_rows(horizon),
        "shortfalls": _copies(demand_rows(horizon), scale, "demand_key", "contract_key"),
        "placements": _copies(placement_rows(horizon), scale, "experiment_key"),
        "unplaced": _copies(unplaced_rows(horizon), scale, "experiment_key"),
        "scarcity-prices": scarcity_rows(horizon),
        "shortfall-remedies": _copies(remedy_rows(horizon), scale, "demand_key", "contract_key"),
        "tiers": tier_rows(),
        "issues": _copies(issue_rows(), scale, "subject"),
        "workloads": _copies(workload_rows(), scale, "workload_key"),
        "exposure": _copies(exposure_rows(horizon), scale, "contract_key"),
        "deals": _copies(deal_rows(), scale, "contract_key"),
        "contract-multiples": _copies(of_contract.multiple_rows(OWNERS), scale, "contract_key"),
        "contract-pools": _copies(of_contract.pool_rows(horizon, OWNERS, POOL_B), scale, "contract_key"),
        "contract-lots": _copies(of_contract.lot_rows(OWNERS, POOL_B), scale, "contract_key"),
        "contract-slas": _copies(of_contract.sla_rows(OWNERS), scale, "contract_key"),
        "figures": _copies(figure_rows(), scale, "key"),
    }
    tables["workload-use"] = factory_map.use_rows(horizon, [row["workload_key"] for row in tables["workloads"]])
    tables["workload-cards"] = _copies(factory_map.card_rows(), scale, "workload_key")
    tables["request-queue"] = _copies(factory_queue.queue_rows(horizon), scale, "experiment_key")
    tables["team-shares"] = _copies(factory_queue.team_rows(), scale, "team_key")
    tables["preemptions"] = _copies(factory_queue.preemption_rows(horizon), scale, "experiment_key")
    tables["troughs"] = factory_map.trough_rows(horizon)
    tables["move-candidates"] = _copies(factory_moves.candidate_rows(), scale, "workload_key")
    tables["waste"] = factory_moves.waste_rows(scale)
    tables["actuals"] = factory_actuals.actual_rows(horizon)
    tables["measured-peaks"] = factory_actuals.peak_rows()
    tables["class-actuals"] = factory_actuals.class_rows()
    tables["forecast-scores"] = factory_actuals.score_rows()
    tables["granted-hours"] = factory_actuals.granted_rows(horizon)
    tables["short-weeks"] = factory_actuals.post_mortem_rows(horizon)
    tables["exposure-scenarios"] = factory_money.scenario_rows(tables["exposure"], first_week=horizon.first.key)
    tables["exposure-rollups"] = factory_money.rollups(tables["exposure-scenarios"])
    tables["money-risk"] = factory_money.chances()
    for name, by_key in changes.items():
        for row in tables[name]:
            row.update(by_key.get(row[ROW_KEYS[name]], {}))
    return tables


# What `changes` calls a row of a table by.
ROW_KEYS = {
    "pools": "pool_key",
    "pool-weeks": "pool_key",
    "lots": "lot_key",
    "allocations": "serving_class",
    "shortfalls": "demand_key",
    "placements": "experiment_key",
    "unplaced": "experiment_key",
    "scarcity-prices": "pool_key",
    "shortfall-remedies": "remedy",
    "tiers": "tier",
    "issues": "subject",
    "workloads": "workload_key",
    "workload-use": "workload_key",
    "workload-cards": "workload_key",
    "request-queue": "experiment_key",
    "team-shares": "team_key",
    "preemptions": "experiment_key",
    "troughs": "pool_key",
    "move-candidates": "workload_key",
    "waste": "kind",
    "exposure": "contract_key",
    "deals": "contract_key",
    "contract-multiples": "contract_key",
    "contract-pools": "contract_key",
    "contract-lots": "lot_key",
    "contract-slas": "contract_key",
    "exposure-scenarios": "contract_key",
    "exposure-rollups": "part_key",
    "money-risk": "measure",
    "actuals": "workload_key",
    "measured-peaks": "workload_key",
    "class-actuals": "serving_class",
    "forecast-scores": "workload_key",
    "granted-hours": "experiment_key",
    "short-weeks": "workload_key",
    "figures": "key",
}


def _copies(found: Sequence[Row], scale: int, *keys: str) -> list[Row]:
    """The rows and scale − 1 copies, their keys made different by _2, _3 … (before the version of a demand key)."""
    copies = list(found)
    for number in range(2, scale + 1):
        copies += [{**row, **{key: _numbered(row[key], number) for key in keys}} for row in found]
    return copies


def _numbered(key: str, number: int) -> str:
    if key.startswith("c.") and key.endswith(".v1"):
        return f"{key[:-3]}_{number}.v1"
    return f"{key}_{number}" if key else ""
