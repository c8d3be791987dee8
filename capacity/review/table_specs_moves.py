"""The tables of a run that speak of efficiency: what is wasteful, and the moves that its cards suggest.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.review.table_columns import RunTableSpec, columns_of
from workloads.models import RunMoveCandidate, RunWaste

WASTE = RunTableSpec(
    name="waste",
    title="Waste, and work that waits beside idle accelerators",
    model=RunWaste,
    resource="waste",
    order=("position",),
    filters=("kind", "workload_key", "pool_key", "experiment_key"),
    action="workloads.view",
    gate="kind",
    columns=columns_of(
        """
        position|Position||thousands
        kind|Kind||text
        workload_key
        serving_class
        pool_key
        experiment_key
        week
        accelerators
        usd_per_week|Cost|USD a week|usd
        measured|Measured||fine_share
        peer|Held against||fine_share
        sentence|Finding||text
        """
    ),
)

MOVE_CANDIDATES = RunTableSpec(
    name="move-candidates",
    title="Moves that the cards suggest",
    model=RunMoveCandidate,
    resource="move_candidate",
    order=("position",),
    filters=("kind", "workload_key"),
    action="workloads.view",
    columns=columns_of(
        """
        position|Position||thousands
        workload_key
        kind|Kind||text
        to_key|To||text
        amount|Amount||text
        paper_usd_per_week|Saving on paper|USD a week|usd
        sentence|Move||text
        """
    ),
)

EFFICIENCY_TABLES = (WASTE, MOVE_CANDIDATES)
