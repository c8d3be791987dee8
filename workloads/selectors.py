"""Reads of models, profiles, workload cards, teams and experiment requests."""

from __future__ import annotations

from capacity.imports.rows import Row, table_rows
from workloads.models import Experiment, ModelVersion, Team, ThroughputProfile, Workload


def input_rows() -> dict[str, list[Row]]:
    """The workload tables as a run reads them. Withdrawn and finished requests ask for nothing and are left out."""
    experiments = table_rows(Experiment, keys=["key"], foreign={"team": "team__key", "pool": "pool__key"})
    return {
        "model_versions": table_rows(ModelVersion, keys=["key"]),
        "throughput_profiles": table_rows(
            ThroughputProfile,
            keys=["model_version", "accelerator_type", "latency_class"],
            foreign={"model_version": "model_version__key", "accelerator_type": "accelerator_type__key"},
        ),
        "workloads": table_rows(Workload, keys=["key"], foreign={"model_version": "model_version__key"}),
        "teams": table_rows(Team, keys=["key"]),
        "experiments": [row for row in experiments if row["state"] not in {"done", "withdrawn"}],
    }
