"""Reads of the inventory tables."""

from __future__ import annotations

from capacity.imports.rows import Row, table_rows
from capacity.inventory.models import AcceleratorType, CostRate, Lot, NetworkDomain, Pool, Site, Supplier


def input_rows() -> dict[str, list[Row]]:
    """The inventory tables as a run reads them."""
    return {
        "suppliers": table_rows(Supplier, keys=["key"]),
        "sites": table_rows(Site, keys=["key"]),
        "accelerator_types": table_rows(AcceleratorType, keys=["key"]),
        "pools": table_rows(
            Pool, keys=["key"], foreign={"accelerator_type": "accelerator_type__key", "site": "site__key"}
        ),
        "network_domains": table_rows(NetworkDomain, keys=["pool", "key"], foreign={"pool": "pool__key"}),
        "cost_rates": table_rows(CostRate, keys=["key", "starts_date"]),
        "lots": table_rows(
            Lot,
            keys=["key"],
            foreign={"pool": "domain__pool__key", "domain": "domain__key", "supplier": "supplier__key"},
        ),
    }
