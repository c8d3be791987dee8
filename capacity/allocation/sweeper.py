"""The sweep: finds every run that is due and that nobody works on, whatever was lost on the way.

Called each SWEEP_SECONDS; each step is idempotent, so two sweepers at once do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from capacity.allocation.models import PLAN_SCOPE, CurrentRun, Run
from capacity.allocation.runs import release_lapsed
from capacity.allocation.services import request_run
from capacity.allocation.wake import wake_worker
from capacity.allocation.what_ifs import sweep_what_ifs
from capacity.imports.selectors import latest_inputs_version
from capacity.lib.horizon import Week


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep did: run ids given back, run ids woken again, the run it asked for, if any, and what-ifs woken."""

    released: tuple[int, ...]
    woken: tuple[int, ...]
    requested: int | None
    what_ifs: tuple[int, ...] = ()


def sweep(*, now: datetime) -> Sweep:
    """Give back lapsed runs, wake queued ones that are due, ask for a plan when inputs or the week have moved on."""
    released = release_lapsed(now=now)
    reason = _due_reason(now)
    requested = request_run(reason=reason, requested_by="sweeper", now=now).pk if reason else None
    what_ifs = tuple(sweep_what_ifs(now=now))
    return Sweep(released=tuple(released), woken=tuple(_wake_due(now)), requested=requested, what_ifs=what_ifs)


def _wake_due(now: datetime) -> list[int]:
    """Publish again what is queued, due and not waiting for a running one. A second wake-up does nothing."""
    running = Run.objects.filter(state="running").values("scope")
    due = Run.objects.filter(state="queued", not_before_at__lte=now).exclude(scope__in=running)
    return [run_id for run_id in due.values_list("pk", flat=True) if wake_worker(run_id=run_id)]


def _due_reason(now: datetime) -> str | None:
    """Why the plan needs a run that nobody has asked for; None when it does not, or when one is on its way.

    A run that was refused or given up is not asked for again until something changed: the retry button, the next
    edit or the daily plan does that.
    """
    if Run.objects.filter(scope=PLAN_SCOPE, state__in=["queued", "running"]).exists():
        return None
    pointer = CurrentRun.objects.filter(scope=PLAN_SCOPE).select_related("run").first()
    shown_version = pointer.inputs_version if pointer else 0
    shown_week = pointer.run.first_week if pointer else ""
    given_up = _given_up_since(pointer)
    latest = latest_inputs_version()
    if latest > max(shown_version, given_up.inputs_version or 0 if given_up else 0):
        return "inputs changed"
    this_week = Week.containing(now)
    tried_week = Week.containing(given_up.started_at) if given_up and given_up.started_at else None
    if shown_week and Week.parse(shown_week) < this_week and tried_week != this_week:
        return "new week"
    return None


def _given_up_since(pointer: CurrentRun | None) -> Run | None:
    """The newest run that failed for good after the current plan was confirmed."""
    ended = Run.objects.filter(scope=PLAN_SCOPE, state__in=["failed", "dead"], fencing_token__isnull=False)
    if pointer is not None:
        ended = ended.filter(fencing_token__gt=pointer.fencing_token)
    return ended.order_by("-fencing_token").first()
