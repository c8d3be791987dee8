"""Reads of models, profiles, workload cards, forecasts, teams and experiment requests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from capacity.imports.rows import Row, table_rows
from workloads.derived import derived_rows
from workloads.domain.request_workflow import PLANNED
from workloads.models import Experiment, Forecast, ModelVersion, Team, ThroughputProfile, Workload
from workloads.overrides import override_rows


def input_rows(*, as_of: date) -> dict[str, list[Row]]:
    """The workload tables as a run of that day reads them, and no more: what it leaves out cannot change its hash.

    Only approved and running requests ask for something; of the profiles the planned ones count; of each workload's and
    source's forecasts the latest vintage not later than `as_of`.
    """
    experiments = table_rows(Experiment, keys=["key"], foreign={"team": "team__key", "pool": "pool__key"})
    profiles = table_rows(
        ThroughputProfile,
        keys=["model_version", "accelerator_type", "latency_class"],
        foreign={"model_version": "model_version__key", "accelerator_type": "accelerator_type__key"},
    )
    forecasts = table_rows(
        Forecast,
        keys=["workload", "source", "vintage_date", "starts_date"],
        foreign={"workload": "workload__key"},
    )
    return {
        "model_versions": table_rows(ModelVersion, keys=["key"]),
        "throughput_profiles": [row for row in profiles if row["is_planned"]],
        "workloads": table_rows(Workload, keys=["key"], foreign={"model_version": "model_version__key"}),
        "forecasts": latest_vintages(forecasts, as_of=as_of),
        "teams": table_rows(Team, keys=["key"]),
        "priority_overrides": override_rows(),
        "experiments": [row for row in experiments if row["state"] in PLANNED],
        **derived_rows(as_of=as_of),
    }


def latest_vintages(rows: Sequence[Row], *, as_of: date) -> list[Row]:
    """Of each workload and source the rows of its latest vintage not later than `as_of`."""
    known = [row for row in rows if row["vintage_date"] <= as_of]
    last: dict[tuple[str, str], date] = {}
    for row in known:
        place = (row["workload"], row["source"])
        last[place] = max(last.get(place, row["vintage_date"]), row["vintage_date"])
    return [row for row in known if row["vintage_date"] == last[row["workload"], row["source"]]]
