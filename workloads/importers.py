"""The tables of workloads that people keep: importing this module registers them all. Each part describes its own."""

from __future__ import annotations

from workloads import (
    importers_fairness,
    importers_models,
    importers_moves,
    importers_research,
    importers_usage,
    importers_workloads,
)

PARTS = (
    importers_models,
    importers_workloads,
    importers_research,
    importers_usage,
    importers_fairness,
    importers_moves,
)
