"""People and runs for tests: a person with roles, and a run with a small consistent set of rows in every run table.

The rows themselves stand in factory_rows.py and its neighbours. Nothing here computes a plan: use it where a page, a
file or an API reads one, not where the plan itself is tested.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from capacity.access.models import RoleGrant, User
from capacity.access.roles import Role
from capacity.allocation import models as allocation
from capacity.allocation.models import PLAN_SCOPE, CurrentRun, Run, RunDocument
from capacity.decisions.models import PolicyFloor, PolicySet
from capacity.lib.canonical import content_hash
from capacity.lib.horizon import Horizon, Week
from capacity.review.models import Review, RunChance, RunFigure, RunRollup, RunScenario
from contracts.models import (
    RunContractLot,
    RunContractMultiple,
    RunContractPool,
    RunContractSla,
    RunDeal,
    RunExposure,
)
from tests.factory_inputs import input_document, policy_row
from tests.factory_names import FLOOR
from tests.factory_rows import all_tables
from workloads.models import (
    RunActual,
    RunClassActual,
    RunForecastScore,
    RunGranted,
    RunMeasuredPeak,
    RunMoveCandidate,
    RunPostMortem,
    RunPreemption,
    RunQueue,
    RunTeam,
    RunTrough,
    RunWaste,
    RunWorkload,
    RunWorkloadCard,
    RunWorkloadUse,
)

PASSWORD = "correct horse battery"
FIRST_WEEK = "2026-W48"
TEAM_OF_RESEARCH = "alignment"


def make_user(*roles: str | Role, username: str = "", team_key: str | None = None, **fields: Any) -> User:
    """A person holding the roles (a RoleGrant each). Named after the first role unless `username` says otherwise.

    Research belongs to the team "alignment" unless `team_key` is given. Signs in with PASSWORD; in most tests
    `client.force_login(make_user("chair"))` is enough.
    """
    held = [Role(role) for role in roles]
    name = username or (held[0].value if held else "nobody")
    team = team_key if team_key is not None else TEAM_OF_RESEARCH if Role.RESEARCH in held else ""
    user = User.objects.create_user(username=name, password=PASSWORD, team_key=team, **fields)
    RoleGrant.objects.bulk_create([RoleGrant(user=user, role=role.value) for role in held])
    return user


def make_run(
    state: str = "done",
    *,
    week: str = FIRST_WEEK,
    weeks: int = 4,
    scale: int = 1,
    is_current: bool = True,
    inputs_version: int = 1,
    changes: dict[str, dict[str, Any]] | None = None,
    **fields: Any,
) -> Run:
    """A run. A done one gets its document and rows in every run table, and becomes current unless `is_current` is False.

    week: ISO key of its first week. scale: how many copies of contracts, workloads, requests, figures and issues (the
    copies' keys end in `_2`, `_3` …; pools are never copied). changes: {"exposure": {"acme_pt": {"margin_usd": …}}}
    replaces columns of single rows, by table and the row's own key. fields: columns of the Run.
    """
    horizon = Horizon(first=Week.parse(week), weeks=weeks)
    if state != "done":
        return Run.objects.create(state=state, **{"reason": "test", **fields})
    solved_at = datetime.combine(horizon.first.monday, datetime.min.time(), tzinfo=UTC) + timedelta(hours=6)
    tables = all_tables(horizon, scale=scale, changes=changes or {})
    inputs = input_document(horizon, scale=scale)
    run = Run.objects.create(
        **{
            "state": "done",
            "reason": "test",
            "requested_by": "chair",
            "requested_at": solved_at - timedelta(seconds=20),
            "started_at": solved_at - timedelta(seconds=18),
            "finished_at": solved_at,
            "attempt": 1,
            "fencing_token": _next_token(),
            "inputs_version": inputs_version,
            "input_hash": content_hash(inputs),
            "result_hash": content_hash({"tables": len(tables), "week": week, "scale": scale}),
            "as_of_date": horizon.first.monday,
            "first_week": week,
            "weeks": weeks,
            "policy_version": 1,
            "formula_version": "test.1",
            "solver_version": "highs 1.15.1",
            "termination": "optimal",
            "progress_share": 1,
            "seconds": {"read": 0.2, "solve": 1.4, "write": 0.3},
            **fields,
        }
    )
    RunDocument.objects.create(run=run, inputs=inputs, problem={"version": 1}, solution={"version": 1})
    for name, model in RUN_MODELS.items():
        model._default_manager.bulk_create([model(run=run, **row) for row in tables[name]])
    if is_current:
        make_current(run)
    return run


# Result table → its model. The names are those of capacity.review.table_specs where that has the table.
RUN_MODELS: dict[str, Any] = {
    "pools": allocation.RunPool,
    "pool-weeks": allocation.RunPoolWeek,
    "lots": allocation.RunLotEvent,
    "allocations": allocation.RunAllocation,
    "shortfalls": allocation.RunDemand,
    "placements": allocation.RunPlacement,
    "unplaced": allocation.RunUnplaced,
    "scarcity-prices": allocation.RunScarcityPrice,
    "shortfall-remedies": allocation.RunShortfallRemedy,
    "tiers": allocation.RunTier,
    "issues": allocation.RunIssue,
    "workloads": RunWorkload,
    "workload-use": RunWorkloadUse,
    "troughs": RunTrough,
    "workload-cards": RunWorkloadCard,
    "request-queue": RunQueue,
    "team-shares": RunTeam,
    "preemptions": RunPreemption,
    "move-candidates": RunMoveCandidate,
    "waste": RunWaste,
    "exposure": RunExposure,
    "deals": RunDeal,
    "contract-multiples": RunContractMultiple,
    "contract-pools": RunContractPool,
    "contract-lots": RunContractLot,
    "contract-slas": RunContractSla,
    "exposure-scenarios": RunScenario,
    "exposure-rollups": RunRollup,
    "money-risk": RunChance,
    "actuals": RunActual,
    "measured-peaks": RunMeasuredPeak,
    "class-actuals": RunClassActual,
    "forecast-scores": RunForecastScore,
    "granted-hours": RunGranted,
    "short-weeks": RunPostMortem,
    "figures": RunFigure,
}


def make_current(run: Run) -> CurrentRun:
    """Let the pages read this run."""
    pointer, _ = CurrentRun.objects.update_or_create(
        scope=PLAN_SCOPE,
        defaults={"run": run, "fencing_token": run.fencing_token, "inputs_version": run.inputs_version},
    )
    return pointer


def make_review(run: Run, *, week: str = "", frozen_by: User | None = None, **fields: Any) -> Review:
    """A frozen review of the run, after the newest one there is."""
    return Review.objects.create(
        **{
            "week": week or run.first_week,
            "run": run,
            "previous": Review.objects.order_by("-week").first(),
            "frozen_by": frozen_by or User.objects.filter(username="chair").first() or make_user("chair"),
            "inputs_version": run.inputs_version,
            "changes": {},
            "carried": {},
            "content_hash": run.result_hash,
            **fields,
        }
    )


def make_policy(*, version: int = 1, effective: str = FIRST_WEEK, **fields: Any) -> PolicySet:
    """A version of the policy in force from the Monday of the week `effective`, with one floor over the first pool."""
    policy = PolicySet.objects.create(**{**policy_row(version, Week.parse(effective).monday), **fields})
    PolicyFloor.objects.create(policy=policy, **FLOOR)
    return policy


def _next_token() -> int:
    newest = Run.objects.order_by("-fencing_token").exclude(fencing_token=None).first()
    return (newest.fencing_token or 0) + 1 if newest else 1
