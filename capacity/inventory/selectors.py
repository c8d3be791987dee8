"""Reads of the inventory tables."""

from __future__ import annotations

from capacity.imports.rows import Row, table_rows
from capacity.inventory.models import (
    AcceleratorType,
    CostLine,
    CostRate,
    FxRate,
    LeadTime,
    Lot,
    LotMove,
    NetworkDomain,
    Outage,
    Pool,
    Site,
    Supplier,
)


def input_rows() -> dict[str, list[Row]]:
    """The inventory tables as a run reads them. Tables the plan does not use (budgets, bills) stay out."""
    return {
        "suppliers": table_rows(Supplier, keys=["key"]),
        "lead_times": table_rows(
            LeadTime,
            keys=["supplier", "accelerator_type"],
            foreign={"supplier": "supplier__key", "accelerator_type": "accelerator_type__key"},
        ),
        "sites": table_rows(Site, keys=["key"]),
        "accelerator_types": table_rows(AcceleratorType, keys=["key"]),
        "pools": table_rows(
            Pool, keys=["key"], foreign={"accelerator_type": "accelerator_type__key", "site": "site__key"}
        ),
        "network_domains": table_rows(NetworkDomain, keys=["pool", "key"], foreign={"pool": "pool__key"}),
        "lots": table_rows(
            Lot,
            keys=["key"],
            foreign={"pool": "domain__pool__key", "domain": "domain__key", "supplier": "supplier__key"},
        ),
        "lot_moves": table_rows(
            LotMove,
            keys=["lot", "starts_date", "to_pool", "to_domain"],
            foreign={"lot": "lot__key", "to_pool": "to_domain__pool__key", "to_domain": "to_domain__key"},
        ),
        "outages": table_rows(Outage, keys=["key"], foreign={"pool": "pool__key", "domain": "domain__key"}),
        **cost_input_rows(),
    }


def cost_input_rows() -> dict[str, list[Row]]:
    """What the cost of an accelerator-hour is made of."""
    return {
        "cost_rates": table_rows(CostRate, keys=["key", "starts_date"]),
        "cost_lines": table_rows(
            CostLine,
            keys=["rate", "rate_starts_date", "line"],
            foreign={"rate": "rate__key", "rate_starts_date": "rate__starts_date"},
        ),
        "fx_rates": table_rows(FxRate, keys=["currency", "as_of_date"]),
    }
