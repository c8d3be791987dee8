"""What pages, the API and health checks ask about runs: the current plan, its age, what is under way, what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet, Subquery

from capacity.allocation.models import PLAN_SCOPE, CurrentRun, Run
from capacity.imports.selectors import inputs_version_subquery, latest_inputs_version
from capacity.lib.horizon import Week

ACTIVE_STATES = ("queued", "running")
# superseded counts only with an error: its newer run has not yet succeeded while this is shown.
ENDED_BADLY = ("failed", "dead", "superseded")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """A run under way. `seconds` since it started (running) or was asked for (queued); `error` of its last attempt."""

    run_id: int
    state: str
    stage: str
    progress_share: Decimal
    seconds: float
    attempt: int
    not_before_at: datetime
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that ended without a plan after the current plan was confirmed: why, and when."""

    run_id: int
    state: str
    code: str
    sentence: str
    finished_at: datetime | None
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """The current plan and whether to trust it.

    `is_stale`: inputs were written since they were read for it. `is_past_week`: it starts in an earlier week.
    `is_old`: not confirmed for PLAN_OLD_AFTER_HOURS. `run` None: there is no plan yet.
    `active` is the running run if there is one, else the queued one; `is_queued_behind` when both exist.
    """

    run: Run | None
    solved_at: datetime | None
    confirmed_at: datetime | None
    inputs_version: int | None
    latest_inputs_version: int
    is_stale: bool
    is_past_week: bool
    is_old: bool
    active: ActiveRun | None
    is_queued_behind: bool
    last_failure: FailedRun | None

    @property
    def run_id(self) -> int | None:
        return None if self.run is None else self.run.pk

    def age_seconds(self, *, now: datetime) -> float | None:
        """Seconds since the plan was solved; None without a plan."""
        return None if self.solved_at is None else (now - self.solved_at).total_seconds()


def current_plan(*, now: datetime) -> PlanState:
    """The state of the plan, in one query: the runs that matter, each with the inputs' version of that moment."""
    pointer = CurrentRun.objects.filter(scope=PLAN_SCOPE)
    ended = Run.objects.filter(scope=PLAN_SCOPE, state__in=ENDED_BADLY, fencing_token__isnull=False).exclude(
        error_code=""
    )
    confirmed = Run.objects.filter(scope=PLAN_SCOPE, fencing_token=Subquery(pointer.values("fencing_token")))
    runs = Run.objects.filter(scope=PLAN_SCOPE).filter(
        Q(pk=Subquery(pointer.values("run_id")))
        | Q(pk__in=Subquery(confirmed.values("pk")))
        | Q(state__in=ACTIVE_STATES)
        | Q(pk=Subquery(ended.order_by("-fencing_token").values("pk")[:1]))
    )
    rows = list(
        runs.annotate(
            shown_id=Subquery(pointer.values("run_id")),
            shown_token=Subquery(pointer.values("fencing_token")),
            shown_version=Subquery(pointer.values("inputs_version")),
            latest_version=inputs_version_subquery(),
        ).order_by("-pk")
    )
    latest = rows[0].latest_version if rows else latest_inputs_version()
    return _plan_state(rows, latest=latest or 0, now=now)


def _plan_state(rows: list[Any], *, latest: int, now: datetime) -> PlanState:
    run = next((row for row in rows if row.pk == row.shown_id), None)
    confirmed = next((row for row in rows if row.fencing_token and row.fencing_token == row.shown_token), run)
    confirmed_at = confirmed.finished_at if confirmed else None
    active = sorted((row for row in rows if row.state in ACTIVE_STATES), key=lambda row: row.state != "running")
    failed = next((row for row in rows if row.state in ENDED_BADLY and _is_newer(row)), None)
    old_after = timedelta(hours=settings.PLAN_OLD_AFTER_HOURS)
    return PlanState(
        run=run,
        solved_at=run.finished_at if run else None,
        confirmed_at=confirmed_at,
        inputs_version=run.shown_version if run else None,
        latest_inputs_version=latest,
        is_stale=run is not None and run.shown_version < latest,
        is_past_week=bool(run and run.first_week and Week.parse(run.first_week) < Week.containing(now)),
        is_old=confirmed_at is not None and now - confirmed_at > old_after,
        active=_active(active[0], now) if active else None,
        is_queued_behind=len(active) > 1,
        last_failure=_failed(failed) if failed else None,
    )


def _is_newer(row: Any) -> bool:
    return row.shown_token is None or row.fencing_token > row.shown_token


def _active(run: Run, now: datetime) -> ActiveRun:
    since = run.started_at if run.state == "running" and run.started_at else run.requested_at
    return ActiveRun(
        run_id=run.pk,
        state=run.state,
        stage=run.stage,
        progress_share=run.progress_share,
        seconds=max(0.0, (now - since).total_seconds()),
        attempt=run.attempt,
        not_before_at=run.not_before_at,
        error_code=run.error_code,
        error=run.error,
    )


def _failed(run: Run) -> FailedRun:
    return FailedRun(
        run_id=run.pk,
        state=run.state,
        code=run.error_code,
        sentence=run.error,
        finished_at=run.finished_at,
        attempt=run.attempt,
    )


def recent_runs(*, limit: int = 50) -> QuerySet[Run]:
    """The plan's runs, newest first."""
    return Run.objects.filter(scope=PLAN_SCOPE).select_related("reused_run").order_by("-pk")[:limit]
