"""The inputs that the run of tests/factories.py says it read: a policy and the document of its rows."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import (
    ALIASES,
    CANARY_PRICE,
    CONTRACT_KEYS,
    CONTRACT_NAMES,
    CUSTOMER_NAMES,
    FLOOR,
    OWNER_OF,
    POOL_A,
    POOL_B,
    POOL_C,
    TIERS,
    WORKLOAD_OF,
    Row,
)


def policy_row(version: int, effective: date) -> Row:
    """The columns of a PolicySet."""
    return {
        "version": version,
        "effective_date": effective,
        "tiers": TIERS,
        "confirmed_counts_at": "p50",
        "ordered_counts_at": "p90",
        "utilisation_interactive": D("0.7000"),
        "utilisation_standard": D("0.8000"),
        "utilisation_batch": D("0.9000"),
        "peak_factor_interactive": D("2.000"),
        "peak_factor_standard": D("1.600"),
        "peak_factor_batch": D("1.000"),
        "coincidence_factor": D("0.8500"),
        "spare_replicas": 1,
        "spare_replicas_large": 2,
        "large_from_replicas": 20,
        "worst_use_multiple_metered": D("2.00"),
        "worst_use_multiple_flat": D("3.00"),
        "target_gross_margin_share": D("0.5000"),
        "inference_ratio_amber_share": D("0.5000"),
        "inference_ratio_red_share": D("1.0000"),
        "idle_limit_share": D("0.0500"),
        "loss_exposure_limit_usd": D("1000000.00"),
        "no_choice_limit_share": D("0.0500"),
        "unexplained_frontier_limit_share": D("0.1000"),
        "note": "First policy of the tests.",
    }


def input_document(horizon: Horizon, *, scale: int) -> Row:
    """RunDocument.inputs: the input rows as read, in JSON terms, each with its provenance."""
    policy = policy_row(1, horizon.first.monday)
    tables: dict[str, list[Row]] = {
        "sites": [{"key": "use1", "name": "US East", "provenance": "composed", "row_version": 1}],
        "accelerator_types": [{"key": "h100_sxm", "name": "H100 SXM", "provenance": "vendor sheet", "row_version": 1}],
        "pools": [
            {"key": key, "name": key, "provenance": "inventory of 2026-11-20, capacity team", "row_version": 1}
            for key in (POOL_A, POOL_B, POOL_C)
        ],
        "cost_rates": [{"key": "h100_owned", "provenance": "finance, 2026-10", "row_version": 2}],
        "lots": [{"key": "b200_lot2", "pool": POOL_B, "provenance": "supplier letter", "row_version": 1}],
        "workloads": [
            {"key": key, "name": key, "provenance": "card", "row_version": 1} for key in sorted(set(WORKLOAD_OF))
        ],
        "teams": [{"key": "alignment", "name": "Alignment", "weight": "1", "provenance": "", "row_version": 1}],
        "experiments": [{"key": "e_pre", "name": "Frontier pre-training", "team": "foundation", "row_version": 1}],
        "customers": [
            {"key": name.split()[0].lower(), "name": name, "alias": alias, "row_version": 1}
            for name, alias in zip(CUSTOMER_NAMES, ALIASES, strict=True)
        ],
        "contracts": [
            {"key": key, "version": 1, "name": name, "owner": owner, "usage_basis": "measured",
             "usage_date": "2026-11-01", "source_ref": f"{customer} order form 7",
             "provenance": f"signed by {customer}", "row_version": 3}
            for key, name, customer, owner in zip(CONTRACT_KEYS, CONTRACT_NAMES, CUSTOMER_NAMES, OWNER_OF, strict=True)
        ],
        "price_lines": [
            {"contract": key, "contract_version": 1, "kind": "output", "price": CANARY_PRICE, "row_version": 1}
            for key in CONTRACT_KEYS
        ],
        "policy_sets": [
            {name: str(value) if isinstance(value, D | date) else value for name, value in policy.items()}
        ],
        "policy_floors": [{**FLOOR, "share": "0.3", "policy": 1}],
    }  # fmt: skip
    return {
        "as_of": horizon.first.monday.isoformat(),
        "weeks": len(horizon),
        "formula_version": "test.1",
        "tables": tables,
        "previous": [],
        "scale": scale,
    }
