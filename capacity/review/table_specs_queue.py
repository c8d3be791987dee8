"""The tables of a run about the queue of requests, the fair share of teams, and what yields. Declarations."""

from __future__ import annotations

from capacity.review.table_columns import RunTableSpec, columns_of
from workloads.models import RunPreemption, RunQueue, RunTeam

QUEUE = RunTableSpec(
    name="request-queue",
    title="Queue of requests",
    model=RunQueue,
    resource="queue",
    owner="team_key",
    order=("rank",),
    filters=("team_key", "priority", "tier", "pool_key"),
    action="requests.view",
    columns=columns_of(
        """
        rank|Rank||thousands
        score|Score||thousands
        parts|Parts of the score||text
        experiment_key
        name
        team_key
        team_name
        priority
        tier
        ahead_requests|Ahead|requests|thousands
        ahead|Ahead by class||text
        start_week|Starts||text
        pool_key
        accelerators
        weeks
        submitted_date|Submitted||text
        waited_weeks|Waited|weeks|thousands
        override|Override||text
        """
    ),
)

TEAMS = RunTableSpec(
    name="team-shares",
    title="Fair share of teams",
    model=RunTeam,
    resource="team_share",
    owner="team_key",
    order=("team_name",),
    filters=("alarm",),
    action="requests.view",
    columns=columns_of(
        """
        team_key
        team_name
        weight|Weight||text
        entitled_share|Entitled||share
        used_hours|Used, 13 weeks|accelerator-hours|thousands
        used_share|Used||share
        deficit_share|Deficit||share
        engine_weight|Weight in the plan||text
        hours_known_weeks|Weeks counted||thousands
        requested_accelerator_weeks|Asked|accelerator-weeks|thousands
        placed_accelerator_weeks|Placed|accelerator-weeks|thousands
        waiting_requests|Without a place||thousands
        longest_wait_weeks|Longest wait|weeks|thousands
        below_half_weeks|Weeks below its share||thousands
        alarm|Alarm||text
        sentence|Why||text
        """
    ),
)

PREEMPTIONS = RunTableSpec(
    name="preemptions",
    title="Preemption ledger",
    model=RunPreemption,
    resource="preemption",
    owner="team_key",
    order=("position",),
    filters=("team_key", "pool_key", "is_taken"),
    action="requests.view",
    columns=columns_of(
        """
        position|Order||thousands
        experiment_key
        name
        team_key
        team_name
        priority
        is_taken|Taken||text
        pool_key
        week|From||text
        accelerators
        for_kind|Yields to||text
        for_key|Whom||text
        notice_days|Notice|days|thousands
        lost_accelerator_days|Lost|accelerator-days|thousands
        sentence|What||text
        """
    ),
)

QUEUE_TABLES = (QUEUE, TEAMS, PREEMPTIONS)
