"""The tables of a run about work and about the plan itself: workloads, requests, tiers, what had to be left out.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.allocation import models as allocation
from capacity.review.table_columns import RunTableSpec, columns_of
from workloads.models import RunWorkload

WORKLOADS = RunTableSpec(
    name="workloads",
    title="Workload map",
    model=RunWorkload,
    resource="workload",
    order=("workload_key",),
    filters=("model_tier", "latency_class", "purpose", "owner_role"),
    action="workloads.view",
    columns=columns_of(
        """
        workload_key|Key||text
        name|Workload||text
        model_tier
        model_name|Model||text
        latency_class|Latency class||text
        purpose|Counts as||text
        stated_purpose|Purpose on the card||text
        owner_role|Owner||text
        missing|Missing on the card||text
        is_sized
        is_frontier_explained|Frontier use explained||text
        smaller_tier_tested|Smaller tier tested||text
        accelerators_now|Accelerators|accelerators|thousands
        accelerators_mean|Mean, 13 weeks|accelerators|thousands
        h100e_now|H100e|H100e|thousands
        usd_per_week|Cost this week|USD|usd
        contracts|Contracts||thousands
        """
    ),
)

PLACEMENTS = RunTableSpec(
    name="placements",
    title="Placements",
    model=allocation.RunPlacement,
    resource="placement",
    owner="team_key",
    order=("start_week", "priority", "experiment_key", "pool_key"),
    filters=("team_key", "priority", "pool_key", "purpose"),
    action="requests.view",
    columns=columns_of(
        """
        experiment_key
        name
        team_key
        team_name
        priority
        purpose|Purpose||text
        is_running|Running||text
        pool_key
        domain_key|Domain||text
        start_week|Starts||text
        weeks
        accelerators
        cost_usd|Cost inside the horizon|USD|usd
        """
    ),
)

UNPLACED = RunTableSpec(
    name="unplaced",
    title="Requests without a place",
    model=allocation.RunUnplaced,
    resource="unplaced",
    owner="team_key",
    order=("priority", "experiment_key"),
    filters=("team_key", "priority", "reason"),
    action="requests.view",
    columns=columns_of(
        """
        experiment_key
        name
        team_key
        team_name
        priority
        accelerators|Asked|accelerators|thousands
        weeks
        reason|Reason||text
        sentence|Why not||text
        week|Binding week||text
        needed|Needed|accelerators|thousands
        free|Free|accelerators|thousands
        short_by|Short by|accelerators|thousands
        blockers|Blockers||text
        smallest_changes|Smallest changes that fit||text
        """
    ),
)

TIERS = RunTableSpec(
    name="tiers",
    title="Tiers of the plan",
    model=allocation.RunTier,
    resource="tier",
    order=("position",),
    action="requests.view",
    columns=columns_of(
        """
        position|Order||thousands
        tier
        unit|Unit||text
        value|Value||thousands
        bound|Bound||thousands
        gap_absolute|Gap||thousands
        gap_relative|Gap||share
        unmet_accelerators|Unmet, loss not known|accelerator-weeks|thousands
        """
    ),
)

ISSUES = RunTableSpec(
    name="issues",
    title="What the plan had to leave out or assume",
    model=allocation.RunIssue,
    resource="issue",
    order=("code", "subject"),
    filters=("code",),
    columns=columns_of(
        """
        code|Kind||text
        subject|About||text
        sentence|What and what to do||text
        """
    ),
)
