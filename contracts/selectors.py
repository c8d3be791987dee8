"""Reads of customers and contracts."""

from __future__ import annotations

from capacity.imports.rows import Row, table_rows
from contracts.models import CommitStep, Contract, Customer, Hold, PriceLine, SlaLine, UsageProfile

_CONTRACT = {"contract": "contract__key", "contract_version": "contract__version"}


def input_rows() -> dict[str, list[Row]]:
    """The contract tables as a run reads them: every version, whatever its state; the plan picks what is in force."""
    return {
        "customers": table_rows(Customer, keys=["key"]),
        "usage_profiles": table_rows(UsageProfile, keys=["key"]),
        "contracts": table_rows(
            Contract,
            keys=["key", "version"],
            foreign={
                "customer": "customer__key",
                "workload": "workload__key",
                "pinned_model_version": "pinned_model_version__key",
                "usage_profile": "usage_profile__key",
                "accelerator_type": "accelerator_type__key",
                "owner": "owner__username",
            },
        ),
        "price_lines": table_rows(
            PriceLine, keys=["contract", "contract_version", "kind", "starts_date", "tier_from"], foreign=_CONTRACT
        ),
        "commit_steps": table_rows(
            CommitStep, keys=["contract", "contract_version", "kind", "starts_date"], foreign=_CONTRACT
        ),
        "sla_lines": table_rows(
            SlaLine, keys=["contract", "contract_version", "metric", "below_share", "region"], foreign=_CONTRACT
        ),
        "holds": table_rows(Hold, keys=["key"], foreign=_CONTRACT),
    }
